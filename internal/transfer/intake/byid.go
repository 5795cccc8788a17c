package intake

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/inbox"
	"sealgate/internal/transfer/intake/ledger"
	"sealgate/internal/transfer/vpath"
)

// This file is for doors whose clients know an upload by its id, which is the
// id of the file from its first byte on, and its delivery id (R2). A Sync
// before the first byte puts such an upload on record.

// ErrForeign is what an upload of another account is answered with: as if there
// were none.
var ErrForeign = fault.New(fault.NotFound, "intake: upload", "there is no such upload")

var (
	errNoUpload = fault.New(fault.NotFound, "intake: upload", "there is no such upload")
	errDropped  = errors.New("its client cannot go on with it")
)

// Upload is a file that came, or is coming, by its id.
type Upload struct {
	File *catalog.File
	Path vpath.Path
}

// Received reports whether it came: then it is a file, whatever its state.
func (u *Upload) Received() bool { return u.File.State != catalog.Arriving }

// FindUpload returns the upload with this id by the account, login and source in
// spec. fault.NotFound: there is none; fault.Exists: another gateway has it.
func (in *Intake) FindUpload(ctx context.Context, spec Spec, id uuid.UUID) (*Upload, error) {
	u, _, err := in.upload(ctx, spec, id)
	return u, err
}

func (in *Intake) upload(ctx context.Context, spec Spec, id uuid.UUID) (*Upload, *catalog.Account, error) {
	const op = "intake: upload"
	rec, err := in.keys.Records(ctx, spec.Account)
	if err != nil {
		return nil, nil, err
	}
	var f *catalog.File
	var account *catalog.Account
	err = in.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if f, err = tx.File(id); err == nil {
			account, err = tx.Account(f.Account)
		}
		return err
	})
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, nil, errNoUpload
	case err != nil:
		return nil, nil, err
	case f.Account != spec.Account:
		return nil, nil, ErrForeign
	case f.Login != spec.Login, f.Source != spec.Source, f.Direction != catalog.In:
		return nil, nil, errNoUpload
	case f.State == catalog.Arriving && f.Node != in.node:
		return nil, nil, fault.New(fault.Exists, op, "this upload was begun on another gateway; go on with it there")
	}
	name, err := uploadName(rec, f)
	return &Upload{f, name}, account, err
}

func uploadName(rec *custody.Records, f *catalog.File) (vpath.Path, error) {
	name, err := rec.Open("file", "name", f.ID, f.Name)
	if err != nil {
		return vpath.Path{}, err
	}
	return vpath.Parse(string(name))
}

// ResumeUpload goes on with an upload that nobody has open: as with Resume, what
// is there is found by reading (R6). fault.Exists: it was received.
func (in *Intake) ResumeUpload(ctx context.Context, spec Spec, id uuid.UUID) (*Arrival, error) {
	if !in.live.Claim(id) {
		return nil, fault.New(fault.TryLater, "intake: resume", "this upload is being gone on with in another request")
	}
	defer in.live.Unclaim(id)
	u, account, err := in.upload(ctx, spec, id)
	if err != nil {
		return nil, err
	}
	if u.Received() {
		return nil, fault.New(fault.Exists, "intake: resume", "the file was received already")
	}
	spec.Direction, spec.Path, spec.Size = catalog.In, u.Path, u.File.Content.Size
	if err := in.accepts(ctx, account, spec.Direction); err != nil {
		return nil, err
	}
	a, err := in.reopen(ctx, account, spec, u.File)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Damaged) {
		// A crash between its row and the header of its object: its keys are gone.
		return nil, errors.Join(errNoUpload, in.drop(ctx, u.File))
	}
	return a, err
}

// CancelUpload takes an upload that nobody has open off record, and what has come
// of it away. fault.Exists: it was received.
func (in *Intake) CancelUpload(ctx context.Context, spec Spec, id uuid.UUID) error {
	if !in.live.Claim(id) {
		return fault.New(fault.TryLater, "intake: cancel", "this upload is being gone on with in another request")
	}
	defer in.live.Unclaim(id)
	u, _, err := in.upload(ctx, spec, id)
	if err != nil {
		return err
	}
	return in.drop(ctx, u.File)
}

// Unfinished reports whether the account has so many unfinished arrivals, or more.
func (in *Intake) Unfinished(ctx context.Context, account uuid.UUID, many int) (bool, error) {
	var files []*catalog.File
	err := in.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		files, err = tx.Files(catalog.FileFilter{Account: account, State: catalog.Arriving, Limit: many})
		return err
	})
	return len(files) >= many, err
}

// Expires is when the arrival is swept unless its last byte has come.
func (a *Arrival) Expires() time.Time { return a.file.BeganAt.Add(unfinishedFor) }

// ReadAt reads back what is durable of the arrival, up to Durable: so that whoever
// fetches can see whether what goes on there is still the same file.
func (a *Arrival) ReadAt(p []byte, off int64) (int, error) {
	a.gate.RLock()
	defer a.gate.RUnlock()
	if err := a.usable(); err != nil {
		return 0, err
	}
	return a.board.ReadAt(p, off)
}

// Declare puts on record how long the file will be. Nobody may write meanwhile.
func (a *Arrival) Declare(ctx context.Context, size int64) error {
	a.gate.Lock()
	defer a.gate.Unlock()
	if err := a.usable(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	f := *a.file
	f.Content.Size = size
	if a.onRecord {
		err := a.in.catalog.Update(ctx, func(tx *catalog.Tx) error {
			return ledger.WriteRow(tx, &f, catalog.Arriving, true, a.fresh)
		})
		if err != nil {
			return err
		}
	}
	a.file = &f
	return nil
}

// Drop ends an arrival that its client cannot or will not go on with: nothing
// of it stays.
func (a *Arrival) Drop(cause error) {
	_ = a.fail(errDropped)
	a.Abort(cause)
}

// Named reports whether the account was sent a file of the name in spec that it
// still has.
func (in *Intake) Named(ctx context.Context, spec Spec) (bool, error) {
	rec, err := in.keys.Records(ctx, spec.Account)
	if err != nil {
		return false, err
	}
	var files []*catalog.File
	err = in.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		files, err = tx.Files(catalog.FileFilter{Account: spec.Account, NameMAC: inbox.MAC(rec, spec.Path.Base()), Direction: catalog.In})
		return err
	})
	return slices.ContainsFunc(files, func(f *catalog.File) bool {
		return f.State != catalog.Arriving && f.State != catalog.Erased
	}), err
}
