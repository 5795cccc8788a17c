package remotes

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/remotes"
)

// SendAgain has a file of the outbox sent anew of which it is not known whether it lies
// on the server, or that waits for its next try.
func (s *Service) SendAgain(ctx context.Context, actor, account, name string, file uuid.UUID) error {
	const op = "remotes: send again"
	r, err := s.Find(ctx, account, name)
	if err != nil {
		return err
	}
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := onItsWay(tx, r, file); err != nil {
			return err
		}
		if err := tx.ResendRemotePush(r.ID, file); err != nil {
			return err
		}
		if err := tx.EndRemoteRun(r.ID); err != nil { // it may be about to write how far the file has come
			return err
		}
		row, err := tx.Remote(r.ID)
		if err != nil {
			return err
		}
		if row.State == table.On && !row.NextRun.IsZero() {
			row.NextRun = s.opt.Now()
		}
		if err := tx.SaveRemote(row); err != nil {
			return err
		}
		return tx.Audit(entry(row, actor, "remote.sent-again", map[string]string{"file": file.String()}))
	})
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	s.endVisit(r.ID)
	s.Wake()
	return nil
}

// SayDelivered says of a file of which it is not known here whether it was left on the
// server that it was: actor has asked. What is still there of it under its temporary name
// goes with the next visit.
func (s *Service) SayDelivered(ctx context.Context, actor, account, name string, file uuid.UUID) error {
	const op = "remotes: delivered"
	r, err := s.Find(ctx, account, name)
	if err != nil {
		return err
	}
	err = s.opt.Delivered(ctx, file, actor, map[string]string{"check": "by-hand"}, func(tx *catalog.Tx) error { return onItsWay(tx, r, file) })
	if err == nil {
		s.Wake()
	}
	return fault.Wrap(fault.Internal, op, err)
}

// onItsWay fails unless a file waits that was tried to be left on a remote. What another
// account has is not there.
func onItsWay(tx *catalog.Tx, r *Remote, file uuid.UUID) error {
	const op = "remotes: file"
	f, err := tx.File(file)
	switch {
	case err != nil && !fault.Is(err, fault.NotFound):
		return err
	case err != nil || f.Account != r.Account || f.Direction != catalog.Out:
		return fault.New(fault.NotFound, op, "the outbox has no such file")
	case f.State != catalog.Waiting:
		return fault.New(fault.Invalid, op, "the file does not wait any more")
	}
	_, err = tx.RemotePush(r.ID, file)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Invalid, op, "the file was not tried on this server yet; it is left there at the next visit that may take it")
	}
	return err
}
