package sealed

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/killpoint"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/agents"
	"sealgate/internal/transfer/intake/ledger"
	"sealgate/internal/transfer/intake/objects"
)

const (
	writebackStep = 8 << 20   // how much is gathered before the disk is told to begin with it
	writeStep     = 256 << 10 // one write: parts as large as they come cost ext4 several times the CPU
)

// arrival is a sealed file on its way in.
type arrival struct {
	t        *Taker
	agent    Agent
	delivery []byte
	name     string         // as the trailer has to have it; "" = as the row says
	fresh    *custody.Fresh // its keys while it has no row; nil when it was found on record
	body     *seal.Body
	check    *check
	header   int
	total    int64
	reserved int64 // of the memory for all

	mu       sync.Mutex // guards what follows
	file     *catalog.File
	object   objects.Object
	onRecord bool
	reopened bool  // the object may be longer than length
	length   int64 // what is there; unread = it takes reading all of it to know
	hint     hint
	moved    chan struct{} // closed when length grows, or the arrival ends
	used     time.Time
	ended    error
}

// hint is what the disk is told of what was written.
type hint struct {
	left  int64 // it has not been told yet
	going bool  // it is being told
}

const unread = -1

// leaveMemory puts the arrival on record and moves it to the vault: the row with the
// grant first. The caller holds mu, or is the only one who knows a.
func (a *arrival) leaveMemory(ctx context.Context) error {
	m := a.object.(*objects.Memory)
	f := *a.file
	f.Body = catalog.Body{Kind: catalog.VaultBody, Ref: objects.NewRef(f.ID)}
	err := a.t.on.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := stillActive(tx, a.agent.ID); err != nil {
			return err
		}
		switch _, err := tx.File(f.ID); {
		case err == nil:
			return ErrFileTaken
		case !fault.Is(err, fault.NotFound):
			return err
		}
		if err := ledger.WriteRow(tx, &f, catalog.Arriving, false, a.fresh); err != nil {
			return err
		}
		if a.delivery == nil {
			return nil
		}
		if same, _, err := a.t.taken(tx, a.agent.ID, a.delivery); err != nil || same != nil {
			return err // Commit finds it
		}
		return tx.PutAgentDelivery(&agents.Delivery{Agent: a.agent.ID, ID: a.delivery, File: f.ID})
	})
	if err != nil {
		return err
	}
	killpoint.At("sealed.recorded")
	a.file, a.onRecord = &f, true
	obj, err := a.t.on.Vault.Create(ctx, f.Body.Ref)
	if err != nil {
		return err
	}
	a.object = obj
	_, err = obj.WriteAt(m.Bytes, 0)
	return err
}

// reopen makes an arrival of an unfinished object. How much of it is there is found by
// who works on it first: that may take minutes, and here others wait. ErrGone: nothing
// of it is left.
func (t *Taker) reopen(ctx context.Context, f *catalog.File, actor string) (*arrival, error) {
	leave, err := t.place(f.Login)
	if err != nil {
		return nil, err
	}
	defer leave()
	obj, err := t.on.Objects.Unfinished(ctx, f)
	var body *seal.Body
	var header []byte
	if err == nil {
		if body, header, err = t.on.Objects.OpenBody(ctx, f, obj); err != nil {
			obj.Close()
		}
	}
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Damaged) || fault.Is(err, fault.Locked) {
		// A crash between its row and the header of its object, or a restore that has not
		// brought the key of its grant. Nothing of it was acknowledged.
		if err := t.on.House.Drop(ctx, f); err != nil {
			return nil, err
		}
		return nil, ErrGone
	}
	if err != nil {
		return nil, err
	}
	row := *f
	row.Delivery.Resumed = true
	a := &arrival{
		t: t, agent: Agent{Account: f.Account, ID: f.Login, Actor: actor}, file: &row, body: body, header: len(header), check: newCheck(body, len(header), f.Content.Size),
		total: seal.ObjectSize(len(header), f.Content.Size), object: obj, length: unread, onRecord: true, reopened: true, used: t.on.Now(), moved: make(chan struct{}),
	}
	t.add(a)
	return a, nil
}

// lock is for whoever has to know how much is there.
func (a *arrival) lock() {
	a.mu.Lock()
	if a.length == unread && a.ended == nil {
		a.length = a.check.found(a.object) // R6
	}
}

// backToSlot takes the trailer back, if that is there, and returns where the last slot
// ends: who begins again seals the trailer anew.
func (a *arrival) backToSlot() (int64, error) {
	a.lock()
	defer a.mu.Unlock()
	if a.ended != nil {
		return 0, a.ended
	}
	a.length = min(a.length, a.check.end())
	a.reopened, a.used = true, a.t.on.Now()
	return a.length, nil
}

// AppendSealed takes a part of the object, all of whose bytes the agent has signed, and
// returns how much is there now. One that came before its turn waits for the one before
// it; what is there already is not written again. ErrOffset comes with the right offset.
// Nothing is stored that does not open: ErrWrong ends the arrival.
func (t *Taker) AppendSealed(ctx context.Context, who Agent, file uuid.UUID, off int64, p []byte) (int64, error) {
	return t.append(ctx, who, file, part{off, p, true})
}

// AppendSlots is AppendSealed for a part of which the agent has signed the nonces and
// tags of its slots only. Whether it is the agent's is known when they open: ErrUnlike
// when they do not, and then nothing has happened.
func (t *Taker) AppendSlots(ctx context.Context, who Agent, file uuid.UUID, off int64, p []byte) (int64, error) {
	return t.append(ctx, who, file, part{off, p, false})
}

// part is some of an object, as it came.
type part struct {
	off    int64
	bytes  []byte
	signed bool // byte for byte
}

func (t *Taker) append(ctx context.Context, who Agent, file uuid.UUID, p part) (int64, error) {
	const op = "intake: append"
	a, received, err := t.find(ctx, who, file)
	var n int64
	switch {
	case err != nil:
	case received != nil && p.signed:
		n = p.off + int64(len(p.bytes))
	case received != nil: // its key is not at hand: whether this is a part of it is not known
		n, err = received.Body.Sealed, ErrOffset
	default:
		n, err = a.append(ctx, p)
	}
	return n, fault.Wrap(fault.Internal, op, err)
}

func (a *arrival) append(ctx context.Context, p part) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, waitAhead)
	defer cancel()
	for {
		n, wait, err := a.tryAppend(ctx, p)
		if wait == nil {
			return n, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return n, ErrOffset
		}
	}
}

// tryAppend does it when its turn has come; wait is closed when it may have.
func (a *arrival) tryAppend(ctx context.Context, p part) (n int64, wait <-chan struct{}, err error) {
	a.lock()
	defer a.mu.Unlock()
	if a.ended != nil {
		return 0, nil, a.ended
	}
	slot, err := a.check.first(p.off, int64(len(p.bytes)))
	switch {
	case err != nil:
		return a.length, nil, err
	case p.off > a.length && p.off-a.length <= ahead:
		return a.length, a.moved, nil
	case p.off > a.length:
		return a.length, nil, ErrOffset
	}
	seen, err := a.check.open(slot, p.bytes)
	if fault.Is(err, fault.Damaged) {
		if !p.signed {
			return a.length, nil, ErrUnlike
		}
		a.t.refuse(a)
		err = ErrWrong
	}
	if err != nil {
		a.giveUp(ctx, err)
		return 0, nil, err
	}
	n, err = a.store(ctx, p, seen)
	return n, nil, err
}

// store writes what is new of a part that opens. The caller holds mu.
func (a *arrival) store(ctx context.Context, p part, seen state) (int64, error) {
	fresh := p.bytes
	if there := a.length - p.off; there >= int64(len(fresh)) {
		return a.length, nil
	} else if there > 0 { // the beginning is there: it must be the same
		stored := make([]byte, there)
		if _, err := a.object.ReadAt(stored, p.off); err != nil && err != io.EOF || !bytes.Equal(stored, fresh[:there]) {
			return a.length, ErrOffset
		}
		fresh = fresh[there:]
	}
	done, err := a.t.on.Disk.Take(int64(len(fresh)))
	if err != nil {
		return a.length, err // what is there of the file stays
	}
	err = a.write(fresh)
	done()
	if fault.Is(err, fault.Full) {
		a.reopened = true // with some of it behind its end
		return a.length, err
	} else if err != nil {
		a.giveUp(ctx, err)
		return 0, err
	}
	a.check.stored(seen)
	a.used = a.t.on.Now()
	close(a.moved)
	a.moved = make(chan struct{})
	return a.length, nil
}

// write adds p at the end.
func (a *arrival) write(p []byte) error {
	for off := 0; off < len(p); off += writeStep {
		if _, err := a.object.WriteAt(p[off:min(off+writeStep, len(p))], a.length+int64(off)); err != nil {
			return err
		}
	}
	a.length += int64(len(p))
	if a.hint.left += int64(len(p)); a.hint.left < writebackStep || a.hint.going {
		return nil
	}
	if f, ok := a.object.(durable.File); ok {
		a.hint.going = true
		go a.writeBack(f, a.length-a.hint.left, a.hint.left)
	}
	a.hint.left = 0
	return nil
}

// writeBack lets the disk begin with what was written, which takes as long as its queue
// is full; whoever writes goes on meanwhile. The file may be closed before.
func (a *arrival) writeBack(f durable.File, offset, length int64) {
	durable.StartWriteback(f, offset, length)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hint.going = false
}

// suspendIdle lets go of the arrival when nobody has touched it for long.
func (a *arrival) suspendIdle(ctx context.Context) {
	if !a.mu.TryLock() {
		return // somebody works on it
	}
	defer a.mu.Unlock()
	if a.ended != nil || a.t.on.Now().Sub(a.used) < idleFor {
		return
	}
	if !a.onRecord {
		a.giveUp(ctx, ErrGone)
		return
	}
	if err := a.object.Sync(); err != nil {
		a.giveUp(ctx, err)
		return
	}
	a.t.on.House.Observe("cut", max(0, a.length))
	a.over(ErrGone)
	a.object.Close()
}

// end gives the arrival up.
func (a *arrival) end(ctx context.Context, cause error) {
	a.check.stop.Store(true)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended == nil {
		a.giveUp(ctx, cause)
	}
}

// over says that nobody may go on. The caller holds mu.
func (a *arrival) over(cause error) {
	a.ended = cause
	close(a.moved)
	a.t.forget(a)
	if a.fresh != nil {
		a.fresh.Key.Wipe()
	}
}

// giveUp ends the arrival, and nothing of it stays. The caller holds mu.
func (a *arrival) giveUp(ctx context.Context, cause error) {
	a.over(cause)
	a.t.on.House.Observe("refused", max(0, a.length))
	a.discard(ctx)
}

// discard takes away what came of it. When the catalog cannot say that the row is
// gone, the object stays for the sweep, which asks it again.
func (a *arrival) discard(ctx context.Context) {
	a.object.Close()
	if a.fresh != nil {
		a.fresh.Key.Wipe()
	}
	if !a.onRecord {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTime)
	defer cancel()
	if err := a.t.on.House.Drop(ctx, a.file); err != nil {
		a.t.on.Log.Warn("failed arrival not swept yet", "file", a.file.ID, "err", err)
	}
}

const dropTime = 30 * time.Second
