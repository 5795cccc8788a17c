package sealed

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/killpoint"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/agents"
	"sealgate/internal/transfer/intake/ledger"
	"sealgate/internal/transfer/intake/objects"
	"sealgate/internal/transfer/vpath"
)

// Claim is what an agent says of a file that is there whole.
type Claim struct {
	Delivery []byte
	Size     int64
	SHA256   []byte
}

// CommitSealed ends a delivery: the object is whole, opens, and holds what the agent
// says; it is durable and on record before CommitSealed returns (R1). The file is
// another one when the agent has delivered the same before. ErrOffset: a part is
// missing. ErrWrong: nothing of it is left.
func (t *Taker) CommitSealed(ctx context.Context, who Agent, file uuid.UUID, c Claim) (*catalog.File, error) {
	const op = "intake: commit sealed"
	if len(c.Delivery) != deliverySize || len(c.SHA256) != 32 {
		return nil, fault.New(fault.Invalid, op, "a delivery id and a SHA-256 have 32 bytes each")
	}
	a, received, err := t.find(ctx, who, file)
	if err == nil && received == nil {
		received, err = a.commit(ctx, c)
		if errors.Is(err, errDone) { // by another request
			if _, received, err = t.find(ctx, who, file); err == nil && received == nil {
				err = ErrGone
			}
		}
	}
	return received, fault.Wrap(fault.Internal, op, err)
}

// TakeSealed takes a whole sealed object in one step.
func (t *Taker) TakeSealed(ctx context.Context, s Spec, object []byte, c Claim) (*catalog.File, error) {
	if int64(len(object)) != s.Object {
		return nil, fault.New(fault.Invalid, "intake: take sealed", "the sealed object has not the length that was said")
	}
	b, err := t.BeginSealed(ctx, s)
	switch {
	case err != nil:
		return nil, err
	case b.File != nil:
		return b.File, nil
	}
	if _, err := t.AppendSealed(ctx, s.Agent, b.ID, b.Offset, object[b.Offset:]); err != nil {
		return nil, err
	}
	return t.CommitSealed(ctx, s.Agent, b.ID, c)
}

// errDone ends an arrival that was received.
var errDone = fault.New(fault.NotFound, "intake: sealed", "the file was received")

func (a *arrival) commit(ctx context.Context, c Claim) (*catalog.File, error) {
	a.lock()
	defer a.mu.Unlock()
	switch {
	case a.ended != nil:
		return nil, a.ended
	case a.length != a.total:
		return nil, ErrOffset
	}
	f, err := a.finish(ctx, c)
	if err != nil {
		if errors.Is(err, ErrWrong) { // the answer may be lost: who asks again hears it again
			a.t.refuse(a)
		}
		a.giveUp(ctx, err)
		return nil, err
	}
	a.over(errDone)
	a.t.on.House.Observe("received", f.Content.Size)
	a.object.Close()
	return f, nil
}

// finish verifies the end, makes the object durable and puts it on record.
func (a *arrival) finish(ctx context.Context, c Claim) (*catalog.File, error) {
	rec, err := a.t.on.Keys.Records(ctx, a.agent.Account)
	if err != nil {
		return nil, err
	}
	if err := a.verify(rec, c); err != nil {
		return nil, err
	}
	account, err := a.account(ctx)
	if err == nil {
		err = a.t.on.House.Accepts(ctx, account) // its keys may have gone since it began
	}
	if err != nil {
		return nil, err
	}
	inline, err := a.settle(ctx)
	if err != nil {
		return nil, err
	}
	killpoint.At("sealed.durable")
	f := *a.file
	mac := rec.MAC("duplicates", c.SHA256)
	f.Content = catalog.Content{Size: c.Size, SHA256: rec.Seal("file", "sha256", f.ID, c.SHA256), MAC: mac[:]}
	f.ReceivedAt = a.t.on.Now()
	if inline != nil {
		f.Body = catalog.Body{Kind: catalog.InlineBody}
	}
	f.Body.Sealed = a.total
	taken, err := a.putOnRecord(ctx, rec, c.Delivery, ledger.Arrival{
		File: &f, Known: a.onRecord, Fresh: a.fresh, Inline: inline, Login: a.agent.ID, Actor: a.agent.Actor,
	})
	if err == nil {
		killpoint.At("sealed.committed")
	}
	return taken, err
}

// verify opens the trailer, with the file's key, and compares: the slots are opened.
func (a *arrival) verify(rec *custody.Records, c Claim) error {
	sealed := make([]byte, seal.TrailerSize)
	if n, err := a.object.ReadAt(sealed, a.total-seal.TrailerSize); n < len(sealed) && err != nil {
		if err == io.EOF {
			err = fault.New(fault.Damaged, "intake: trailer", "the sealed object is cut")
		}
		return err
	}
	trailer, err := a.body.OpenTrailer(sealed, seal.Slots(a.file.Content.Size))
	if err != nil {
		return ErrWrong
	}
	name := a.name
	if name == "" {
		plain, err := rec.Open("file", "name", a.file.ID, a.file.Name)
		if err != nil {
			return err
		}
		name = string(plain)
	}
	inside, err := vpath.Parse(trailer.Name)
	if err != nil || inside.Base() != name || trailer.Size != c.Size || trailer.Size != a.file.Content.Size ||
		subtle.ConstantTimeCompare(trailer.SHA256[:], c.SHA256) != 1 {
		return ErrWrong
	}
	if !a.check.is(c.SHA256) {
		return ErrWrong
	}
	return nil
}

func (a *arrival) account(ctx context.Context) (row *catalog.Account, err error) {
	err = a.t.on.Catalog.View(ctx, func(tx *catalog.Tx) error {
		row, err = tx.Account(a.agent.Account)
		return err
	})
	return row, err
}

// settle makes the object durable: the fsync of R1, of the object and of its folder.
// It is not tried again when it fails. A small object is returned instead, to be
// committed in the catalog.
func (a *arrival) settle(ctx context.Context) (inline []byte, err error) {
	if m, ok := a.object.(*objects.Memory); ok {
		if a.t.on.House.FitsInline(a.total) {
			return m.Bytes, nil
		}
		if err := a.leaveMemory(ctx); err != nil {
			return nil, err
		}
	}
	if a.reopened {
		if err := a.object.Truncate(a.total); err != nil {
			return nil, err
		}
	}
	return nil, fault.Wrap(fault.Internal, "intake: sync", a.object.Sync())
}

// putOnRecord is the commit point of R1 and R2. It returns the file that is on record
// now, which is an older one when the agent has delivered the same before.
func (a *arrival) putOnRecord(ctx context.Context, rec *custody.Records, delivery []byte, l ledger.Arrival) (*catalog.File, error) {
	result := l.File
	err := a.t.on.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := stillActive(tx, a.agent.ID); err != nil {
			return err
		}
		same, _, err := a.t.taken(tx, a.agent.ID, delivery)
		if err != nil {
			return err
		}
		if same != nil && same.ID != l.File.ID {
			result = same
			return a.repeated(tx, same)
		}
		switch _, err := tx.File(l.File.ID); {
		case err == nil && !l.Known:
			return ErrFileTaken
		case fault.Is(err, fault.NotFound) && l.Known: // it gave way to the same delivery under another id
			return ErrGone
		case err != nil && !fault.Is(err, fault.NotFound):
			return err
		}
		if _, err := a.t.on.Ledger.Receive(tx, rec, l); err != nil {
			return err
		}
		if err := tx.ForgetAgentDelivery(a.agent.ID, l.File.ID); err != nil {
			return err
		}
		return tx.PutAgentDelivery(&agents.Delivery{Agent: a.agent.ID, ID: delivery, File: l.File.ID, TakenAt: l.File.ReceivedAt})
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "intake: commit", err)
	}
	if result != l.File {
		a.t.on.House.RemoveObject(l.File)
		return result, nil
	}
	a.t.on.House.Took(len(l.Inline))
	return result, nil
}

// repeated takes the arrival off record: the file is there.
func (a *arrival) repeated(tx *catalog.Tx, same *catalog.File) error {
	if a.onRecord {
		if err := tx.DeleteFile(a.file.ID); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if err := tx.ForgetAgentDelivery(a.agent.ID, a.file.ID); err != nil {
			return err
		}
	}
	return tx.Audit(audit.Entry{
		Account: same.Account, Actor: a.agent.Actor, Action: "file.repeated", Object: same.ID.String(), Detail: map[string]string{"source": Source},
	})
}
