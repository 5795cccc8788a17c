package intake

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/inbox"
	"sealgate/internal/transfer/intake/ledger"
	"sealgate/internal/transfer/vpath"
)

// Rename gives the name from the path to. With replace (posix-rename) a file
// of that name loses it; without, it is an error. A file that waits for its
// rename and gets a final name is taken here: when Rename returns nil it is
// durable and received, as after a Commit (R1). Until a file was indexed its
// own name follows.
func (b *Inbox) Rename(ctx context.Context, from, to vpath.Path, replace bool) error {
	const op = "inbox: rename"
	if from.IsRoot() || to.IsRoot() {
		return fault.New(fault.Denied, op, "this folder cannot be renamed")
	}
	if b.in.live.Named(b.spec(from).name()) != nil {
		return fault.New(fault.Invalid, op, "the file is still being sent; close it first")
	}
	// One rename of a login at a time: a body gets one trailer.
	lock := b.in.renames.of(b.login)
	lock.Lock()
	defer lock.Unlock()
	taken, err := b.finishRenamed(ctx, from, to)
	if err != nil {
		return err
	}
	var gone []*catalog.File
	err = b.update(ctx, func(tx *catalog.Tx, rec *custody.Records) error {
		gone, err = b.rename(tx, rec, from, to, replace, taken)
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range gone {
		b.in.removeObject(f)
	}
	return nil
}

// rename does the work inside the transaction. taken is the file that is
// received by it, if any.
func (b *Inbox) rename(tx *catalog.Tx, rec *custody.Records, from, to vpath.Path, replace bool, taken *catalog.File) ([]*catalog.File, error) {
	tree := inbox.In(tx, rec, b.login)
	e, err := tree.Find(from)
	if err != nil {
		return nil, err
	}
	var gone []*catalog.File
	if old, err := tree.Find(to); err == nil && replace && !old.Dir && old.ID != e.ID {
		if gone, err = b.in.ledger.Supersede(tx, old.File); err != nil {
			return nil, err
		}
	}
	if err := tree.Move(e, from, to, replace); err != nil {
		return nil, err
	}
	if e.Dir {
		return gone, nil
	}
	f, err := tx.File(e.File)
	if err != nil {
		return nil, err
	}
	switch {
	case f.State == catalog.Arriving:
		return nil, fault.New(fault.Invalid, "inbox: rename", "the file is not complete; send the rest first")
	case f.State == catalog.WaitingRename && taken != nil && taken.ID == f.ID:
		repeated, err := b.takeRenamed(tx, rec, e, taken, to)
		if repeated {
			gone = append(gone, taken)
		}
		return gone, err
	case taken != nil && taken.ID != f.ID:
		return nil, fault.New(fault.TryLater, "inbox: rename", "the file changed while it was renamed; try again")
	case f.State == catalog.Received || f.State == catalog.WaitingRename:
		return gone, renameFile(tx, rec, f, to.Base())
	}
	return gone, nil
}

// renameFile gives a file that was not indexed yet a new name.
func renameFile(tx *catalog.Tx, rec *custody.Records, f *catalog.File, name string) error {
	f.Name, f.NameMAC = rec.Seal("file", "name", f.ID, []byte(name)), inbox.MAC(rec, name)
	return tx.SaveFile(f)
}

// takeRenamed puts a finished file on record as received. It reports whether
// that file was there already, because this is the same delivery again: then the
// body of f is of no use any more.
//
// What tells whether the client knows is from here on the answer to RENAME, not
// the one to CLOSE.
func (b *Inbox) takeRenamed(tx *catalog.Tx, rec *custody.Records, e *catalog.Entry, f *catalog.File, to vpath.Path) (repeated bool, err error) {
	b.in.ledger.TakeBack(f.ID)
	f.Delivery.Answered = false
	spec := b.spec(to)
	a := ledger.Arrival{File: f, Known: true, ModTime: e.MTime, Login: b.login, Path: to, Actor: spec.actor()}
	same, err := b.in.ledger.Repeats(tx, a)
	if err != nil {
		return false, err
	}
	if same != nil {
		return true, b.in.ledger.ForgetRepeated(tx, rec, a, same)
	}
	_, err = b.in.ledger.Receive(tx, rec, a)
	return false, err
}

// finishRenamed gives the body of a file that waits for its rename its trailer
// and makes it durable, before the transaction that takes it. It returns nil
// when the rename takes no file.
func (b *Inbox) finishRenamed(ctx context.Context, from, to vpath.Path) (*catalog.File, error) {
	spec := b.spec(to)
	var f *catalog.File
	var inline []byte
	err := b.view(ctx, func(tx *catalog.Tx, rec *custody.Records) error {
		account, err := tx.Account(b.account)
		if err != nil || waits(account, spec) {
			return err
		}
		e, err := inbox.In(tx, rec, b.login).Find(from)
		if err != nil || e.Dir {
			return err
		}
		if f, err = tx.File(e.File); err != nil || f.Body.Kind != catalog.InlineBody {
			return err
		}
		inline, err = tx.Inline(f.ID)
		return err
	})
	if err != nil || f == nil || f.State != catalog.WaitingRename {
		return nil, err
	}
	return f, b.in.complete(ctx, f, inline, spec)
}

// complete writes the trailer onto a body that has none, for the name in spec,
// and fills in f what changes by it. It may be done again after a crash.
func (in *Intake) complete(ctx context.Context, f *catalog.File, inline []byte, spec Spec) error {
	rec, err := in.keys.Records(ctx, f.Account)
	if err != nil {
		return err
	}
	sum, err := rec.Open("file", "sha256", f.ID, f.Content.SHA256)
	if err != nil {
		return err
	}
	f.ReceivedAt, f.Reason = in.now(), ""
	f.Delivery.MAC = deliveryMAC(rec, spec.Login, spec.Path, sum)
	f.Name = rec.Seal("file", "name", f.ID, []byte(spec.Path.Base()))
	f.NameMAC = inbox.MAC(rec, spec.Path.Base())
	t := seal.Trailer{Size: f.Content.Size, SHA256: [32]byte(sum), Name: spec.Path.Base(), ReceivedAt: f.ReceivedAt}
	return in.objects.End(ctx, f, inline, t)
}

// TakeWaiting takes a file that waits for its rename although the rename never
// came: an operator's act.
func (in *Intake) TakeWaiting(ctx context.Context, id uuid.UUID, actor string) error {
	var f *catalog.File
	var inline []byte
	look := func(tx *catalog.Tx) (err error) {
		if f, err = tx.File(id); err != nil || f.Body.Kind != catalog.InlineBody {
			return err
		}
		inline, err = tx.Inline(id)
		return err
	}
	if err := in.catalog.View(ctx, look); err != nil {
		return err
	}
	// As at a rename by its login: a body gets one trailer.
	lock := in.renames.of(f.Login)
	lock.Lock()
	defer lock.Unlock()
	if err := in.catalog.View(ctx, look); err != nil {
		return err
	}
	if f.State != catalog.WaitingRename {
		return fault.New(fault.Invalid, "intake: take", "the file does not wait for its rename")
	}
	rec, err := in.keys.Records(ctx, f.Account)
	if err != nil {
		return err
	}
	name, err := rec.Open("file", "name", f.ID, f.Name)
	if err != nil {
		return err
	}
	p, err := vpath.Parse(string(name))
	if err != nil {
		return err
	}
	spec := Spec{Account: f.Account, Login: f.Login, Path: p, Source: f.Source, Actor: actor}
	if err := in.complete(ctx, f, inline, spec); err != nil {
		return err
	}
	return in.catalog.Update(ctx, func(tx *catalog.Tx) error {
		f.State = catalog.Received
		if err := ledger.WriteRow(tx, f, catalog.WaitingRename, true, nil); err != nil {
			return err
		}
		if err := tx.Audit(audit.Entry{
			Account: f.Account, Actor: actor, Action: "file.received", Object: f.ID.String(),
			Detail: map[string]string{"source": f.Source, "by": "operator"},
		}); err != nil {
			return err
		}
		return ledger.AddIndexJob(tx, f)
	})
}
