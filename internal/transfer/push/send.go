package push

import (
	"context"
	"crypto/sha256"
	"io"

	"sealgate/internal/fault"
	"sealgate/internal/killpoint"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remote/why"
)

// own reads a body, and remembers what went wrong with it: that is no fault of the
// server.
type own struct {
	from io.Reader
	err  error
}

// Read implements io.Reader.
func (o *own) Read(b []byte) (int, error) {
	n, err := o.from.Read(b)
	if err != nil && err != io.EOF {
		o.err = err
	}
	return n, err
}

// send writes the file under its temporary name, and claims the final one.
func (v *visit) send(ctx context.Context, p *parcel) (pr proof, err error) {
	body, err := v.outbox.Open(ctx, p.File)
	if err != nil {
		return pr, err
	}
	defer func() { _ = body.Close() }()
	if err := v.stage(ctx, p, remotes.PushSending); err != nil {
		return pr, err
	}
	killpoint.At("push.begun")
	if err := v.session.Remove(ctx, p.names.Temporary); err != nil && !fault.Is(err, fault.NotFound) { // of an earlier try
		return pr, err
	}
	sum, ours := sha256.New(), &own{from: io.NewSectionReader(body, 0, body.Size())}
	there, err := v.session.Create(ctx, p.names.Temporary, io.TeeReader(ours, sum))
	if err == nil && (there.Size != body.Size() || there.SHA256 != [32]byte(sum.Sum(nil))) {
		err = why.NotWritten.New(fault.Damaged, "push: send", "the server has %d bytes of a file of %d", there.Size, body.Size())
	}
	switch {
	case ours.err != nil: // what it has done to the session is not known
		if err := v.anew(ctx); err != nil {
			return pr, err
		}
		_ = v.session.Remove(ctx, p.names.Temporary) // the next try removes what stays
		return pr, ours.err
	case err != nil:
		if !ends(ctx, err) {
			_ = v.session.Remove(ctx, p.names.Temporary)
		}
		return pr, whileWriting(err)
	}
	killpoint.At("push.sent")
	return proof{check: "size", hash: there.Hash}, v.claim(ctx, p)
}

// whileWriting says what an error of the server often means that comes while a file is
// written: few of them tell that their disk is full, and some just hang up.
func whileWriting(err error) error {
	if fault.Is(err, fault.Full) || fault.Is(err, fault.Denied) {
		return err
	}
	return &fault.Error{
		Kind: fault.KindOf(err), Op: "push: send", Err: why.NotWritten.By(err),
		Message: "the file could not be written there, its disk may be full: " + fault.Message(err),
	}
}

// errElsewhere is for a file that does not wait any more, or that another server of the
// account is about to be left.
var errElsewhere = fault.New(fault.Exists, "push: claim", "the file is left elsewhere")

// claim puts on record that the file is about to get its name there, and so on no other
// server of the account.
func (v *visit) claim(ctx context.Context, p *parcel) error {
	row, err := v.row(p, remotes.PushRenaming)
	if err != nil {
		return err
	}
	err = v.update(ctx, func(tx *catalog.Tx) error {
		f, err := tx.File(p.File.ID)
		if err != nil {
			return err
		}
		err = tx.PutRemotePush(row)
		if f.State != catalog.Waiting || fault.Is(err, fault.Exists) {
			return errElsewhere
		}
		return err
	})
	if err != nil {
		p.state.Stage = remotes.PushSending
	}
	return err
}

// same reports whether what lies there under the final name is the file, as far as the
// server lets it be read.
func (v *visit) same(ctx context.Context, p *parcel) (same, read bool, err error) {
	theirs, err := v.session.Open(ctx, p.names.Final, 0)
	if err != nil && !ends(ctx, err) { // the login may do no more than write
		return true, false, nil
	}
	if err != nil {
		return false, false, err
	}
	there, ours := sha256.New(), sha256.New()
	_, err = io.Copy(there, theirs)
	if cerr := theirs.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return false, false, err
	}
	body, err := v.outbox.Open(ctx, p.File)
	if err != nil {
		return false, false, err
	}
	defer func() { _ = body.Close() }()
	if _, err := io.Copy(ours, io.NewSectionReader(body, 0, body.Size())); err != nil {
		return false, false, err
	}
	return [32]byte(there.Sum(nil)) == [32]byte(ours.Sum(nil)), true, nil
}
