package intake

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/ledger"
	"sealgate/internal/transfer/intake/objects"
	"sealgate/internal/transfer/intake/slots"
)

// writebackStep is how much of a long upload is gathered before the disk is
// told to begin writing it, so that the last fsync has little left to do.
const writebackStep = 8 << 20

// Arrival is a file on its way in. WriteAt may be called by many goroutines at
// once, in any order of offsets; Sync, Commit and Abort wait for them and shut
// out later ones. An Arrival ends with Commit or Abort.
//
// Order on disk, which recovery relies on:
//
//	catalog row with the grant  <  first byte of the vault object
//	all slots, trailer  <  fsync object, fsync directory  <  catalog commit "received"  <  the door's OK
type Arrival struct {
	in      *Intake
	spec    Spec
	account *catalog.Account // as it was when this process began or resumed the arrival
	file    *catalog.File
	waits   bool           // its name says "not finished": Commit makes it wait for its rename
	fresh   *custody.Fresh // its keys while it has no row; nil when it was found on record
	body    *seal.Body
	header  int // its length
	board   *slots.Board

	gate  sync.RWMutex // held for reading by writers, for writing by what ends or syncs
	ended bool         // guarded by gate

	mu       sync.Mutex // guards the fields below
	object   objects.Object
	written  int64 // bytes since the last hint to the disk
	hinting  bool  // the disk is being given one
	onRecord bool  // the catalog has a row for this arrival
	failed   error // the first failure; every later call returns it
	modTime  time.Time

	resumedObject bool // the object may hold more than this process wrote
}

// wipe overwrites the file key when it is of no use any more.
func (a *Arrival) wipe() {
	if a.fresh != nil {
		a.fresh.Key.Wipe()
	}
}

// newArrival joins the parts. object holds at least the header.
func newArrival(in *Intake, spec Spec, f *catalog.File, body *seal.Body, header []byte, obj objects.Object) *Arrival {
	a := &Arrival{in: in, spec: spec, file: f, body: body, header: len(header), object: obj}
	a.board = slots.New(body, len(header), &in.held, func() slots.Object { return a.currentObject() }, a.leaveMemory)
	return a
}

// ID returns the id the file has had from its first byte.
func (a *Arrival) ID() uuid.UUID { return a.file.ID }

// Size returns the end of the furthest byte written so far.
func (a *Arrival) Size() int64 { return a.board.Size() }

// Durable returns the length that a client may resume from: the leading whole
// slots (R6), but not all of them when they may be the whole file.
func (a *Arrival) Durable() int64 { return a.board.Durable() }

// SetModTime records the client's time of the file; it is shown in /in.
func (a *Arrival) SetModTime(t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.modTime = t
}

// clientTime returns the client's time of the file, zero when it gave none.
func (a *Arrival) clientTime() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.modTime
}

// WriteAt takes p at offset off and returns when it is sealed or safely in
// memory; durable it is only after Sync or Commit.
func (a *Arrival) WriteAt(p []byte, off int64) (int, error) {
	a.gate.RLock()
	defer a.gate.RUnlock()
	if err := a.usable(); err != nil {
		return 0, err
	}
	if off < 0 || off > MaxSize-int64(len(p)) {
		return 0, a.fail(fault.New(fault.TooLarge, "intake: write", "a file may have at most %d GiB", MaxSize>>30))
	}
	done, err := a.in.disk.take(int64(len(p)))
	if err != nil {
		return 0, a.fail(err)
	}
	n, err := a.board.Write(p, off)
	done()
	if err != nil {
		return n, a.fail(err)
	}
	a.hintDisk(off, n)
	return n, nil
}

// usable returns why no more bytes are taken, if so. The caller holds gate.
func (a *Arrival) usable() error {
	if a.ended {
		return fault.New(fault.Invalid, "intake: write", "this transfer has ended")
	}
	return a.failure()
}

func (a *Arrival) failure() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

// fail remembers the first failure and returns it.
func (a *Arrival) fail(err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil {
		a.failed = err
	}
	return a.failed
}

// hintDisk lets the disk begin with what was written, now and then.
func (a *Arrival) hintDisk(off int64, n int) {
	a.mu.Lock()
	a.written += int64(n)
	if a.written < writebackStep || a.hinting {
		a.mu.Unlock()
		return
	}
	step := a.written
	a.written = 0
	f, ok := a.object.(durable.File)
	a.hinting = ok
	a.mu.Unlock()
	if ok {
		end := seal.SlotOffset(a.header, off/seal.SlotSize)
		go a.writeBack(f, max(0, end-2*step), 2*step)
	}
}

// writeBack begins to write a range to the disk, which takes as long as the disk's queue
// is full; whoever writes to the file goes on meanwhile. The file may be closed before.
func (a *Arrival) writeBack(f durable.File, offset, length int64) {
	durable.StartWriteback(f, offset, length)
	a.mu.Lock()
	a.hinting = false
	a.mu.Unlock()
}

func (a *Arrival) currentObject() objects.Object {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.object
}

// leaveMemory moves the arrival from memory to the vault, once: the row with
// the grant is committed first, so that no sealed byte ever lies in the vault
// that nobody knows the key of.
func (a *Arrival) leaveMemory() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, ok := a.object.(*objects.Memory)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
	defer cancel()
	body := catalog.Body{Kind: catalog.VaultBody, Ref: objects.NewRef(a.file.ID)}
	if err := a.record(ctx, body, nil); err != nil {
		return err
	}
	f, err := a.in.vault.Create(ctx, body.Ref)
	if err != nil {
		return err
	}
	a.object = f
	if _, err := f.WriteAt(m.Bytes, 0); err != nil {
		return err
	}
	return nil
}

// record puts the unfinished arrival on record: a row in state arriving, with
// its grant, and its name in /in. The caller holds mu.
func (a *Arrival) record(ctx context.Context, body catalog.Body, inline []byte) error {
	rec, err := a.in.keys.Records(ctx, a.spec.Account)
	if err != nil {
		return err
	}
	f := *a.file
	f.Body = body
	var superseded []*catalog.File
	err = a.in.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := ledger.WriteRow(tx, &f, catalog.Arriving, a.onRecord, a.fresh); err != nil {
			return err
		}
		if !a.onRecord {
			account, err := tx.Account(f.Account)
			if err != nil {
				return err
			}
			if superseded, err = a.in.ledger.PutName(tx, rec, account, a.entry(&f)); err != nil {
				return err
			}
		}
		return ledger.PutInline(tx, f.ID, a.onRecord, inline) // what an earlier Sync put there is of no use any more
	})
	if err != nil {
		return err
	}
	a.file, a.onRecord = &f, true
	for _, old := range superseded {
		a.in.removeObject(old)
	}
	return nil
}

// entry is what the ledger is told of the arrival, f being its row. The caller
// holds mu.
func (a *Arrival) entry(f *catalog.File) ledger.Arrival {
	e := ledger.Arrival{
		File: f, Known: a.onRecord, Fresh: a.fresh, ModTime: a.modTime, Waits: a.waits, Login: a.spec.Login, Actor: a.spec.actor(),
	}
	if a.spec.listed() {
		e.Path = a.spec.Path
	}
	return e
}

// Sync makes what was written so far durable. It is fsync@openssh.com: the
// caller has seen to it that no write is under way that it must include.
func (a *Arrival) Sync() error {
	a.gate.Lock()
	defer a.gate.Unlock()
	if err := a.usable(); err != nil {
		return err
	}
	if err := a.board.Tail(); err != nil {
		return a.fail(err)
	}
	a.mu.Lock()
	_, small := a.object.(*objects.Memory)
	a.mu.Unlock()
	if !small {
		if err := a.currentObject().Sync(); err != nil {
			return a.fail(err)
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
	defer cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.recordMemory(ctx); err != nil {
		if a.failed == nil {
			a.failed = err
		}
		return err
	}
	return nil
}

// recordMemory puts what a small arrival has so far into the catalog, its
// header at least. The caller holds mu.
func (a *Arrival) recordMemory(ctx context.Context) error {
	b := a.object.(*objects.Memory).Bytes
	return a.record(ctx, catalog.Body{Kind: catalog.InlineBody, Sealed: int64(len(b))}, b)
}

// Commit ends the arrival: every byte is there, the object is whole and
// durable, and the catalog has it as received, with its audit entry and index
// job, before Commit returns (R1). A name that says "not finished yet" makes
// the file wait for its rename instead. If the same delivery was taken before
// and its acknowledgement may have been lost (R2), that file is returned and
// nothing new is on record.
func (a *Arrival) Commit(ctx context.Context) (*catalog.File, error) {
	a.gate.Lock()
	defer a.gate.Unlock()
	if a.ended {
		return nil, fault.New(fault.Invalid, "intake: commit", "this transfer has ended")
	}
	f, err := a.commit(ctx)
	a.ended = true
	a.in.live.Remove(a.file.ID, a.spec.name(), a)
	a.board.Release()
	a.wipe()
	if err != nil {
		a.in.count(a, "refused")
		a.fail(err)
		a.discard(ctx)
		return nil, err
	}
	a.in.count(a, "received")
	a.currentObject().Close()
	return f, nil
}

func (a *Arrival) commit(ctx context.Context) (*catalog.File, error) {
	if err := a.usable(); err != nil {
		return nil, err
	}
	if !a.board.Complete() {
		return nil, fault.New(fault.Invalid, "intake: commit",
			"the file has a hole: some of its bytes were never sent; send it again")
	}
	if err := a.board.Tail(); err != nil {
		return nil, err
	}
	sum, err := a.board.Sum()
	if err != nil {
		return nil, err
	}
	return a.in.finish(ctx, a, sum)
}

// Abort ends an arrival that was cut. What is durable stays on record, to be
// resumed; an arrival that failed on our side is discarded. It does nothing
// after Commit or a first Abort.
func (a *Arrival) Abort(cause error) {
	a.gate.Lock()
	defer a.gate.Unlock()
	if a.ended {
		return
	}
	a.ended = true
	err := a.failure()
	if err == nil { // known before the arrival is not, so that every look finds the same
		a.in.live.Suspended(a.file.ID, a.Durable())
	}
	a.in.live.Remove(a.file.ID, a.spec.name(), a)
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
	defer cancel()
	a.in.count(a, "cut")
	if err == nil {
		err = a.suspend(ctx)
	}
	a.board.Release()
	a.wipe()
	if err != nil {
		level := slog.LevelWarn
		if errors.Is(err, errDropped) {
			level = slog.LevelDebug
		}
		a.in.log.Log(ctx, level, "arrival discarded", "file", a.file.ID, "cause", cause, "err", err)
		a.discard(ctx)
		return
	}
	a.currentObject().Close()
}

// suspend makes the whole slots durable and the arrival known, so that the
// client finds it and goes on.
func (a *Arrival) suspend(ctx context.Context) error {
	if a.spec.Direction == catalog.Out {
		return fault.New(fault.Invalid, "intake: abort", "an outward file is not resumed")
	}
	a.mu.Lock()
	_, small := a.object.(*objects.Memory)
	if small {
		defer a.mu.Unlock()
		if a.spec.listed() { // no slot is whole: only the name is worth keeping
			return a.record(ctx, catalog.Body{Kind: catalog.NoBody}, nil)
		}
		return a.recordMemory(ctx)
	}
	a.mu.Unlock()
	return a.currentObject().Sync()
}

// discard takes away what a failed arrival left. When the catalog cannot say
// that the row is gone, the object stays for the sweep, which asks it again.
func (a *Arrival) discard(ctx context.Context) {
	obj := a.currentObject()
	obj.Close()
	a.in.live.Forget(a.file.ID)
	a.mu.Lock()
	onRecord := a.onRecord
	a.mu.Unlock()
	if !onRecord {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := a.in.drop(ctx, a.file); err != nil {
		a.in.log.Warn("failed arrival not swept yet", "file", a.file.ID, "err", err)
	}
}
