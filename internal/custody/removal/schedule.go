package removal

import (
	"context"
	"errors"
	"time"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// Bounds of a waiting period.
const (
	minWait = time.Hour
	maxWait = 366 * 24 * time.Hour
)

// ScheduleRemoval is Remove after a waiting period, during which it can be
// called off. It returns what would be lost today.
func (r *Remover) ScheduleRemoval(ctx context.Context, actor string, t Target, confirm string, after time.Duration) (*Loss, time.Time, error) {
	const op = "removal: schedule removal"
	if after < minWait || after > maxWait {
		return nil, time.Time{}, fault.New(fault.Invalid, op, "a removal waits for between an hour and a year")
	}
	if err := r.confirmed(ctx, t, confirm); err != nil {
		return nil, time.Time{}, err
	}
	at := r.p.Now().Add(after)
	var l *Loss
	err := r.reschedule(ctx, actor, t, at, "removal-scheduled", func(tx *catalog.Tx) (err error) {
		if l, _, err = r.loss(tx, t); err == nil {
			l.Sentence += " This happens on " + at.UTC().Format(time.DateOnly) + "; whatever is sealed under it alone until then goes with it."
		}
		return err
	})
	return l, at, fault.Wrap(fault.Internal, op, err)
}

// CancelRemoval calls a scheduled removal off.
func (r *Remover) CancelRemoval(ctx context.Context, actor string, t Target) error {
	const op = "removal: cancel removal"
	err := r.reschedule(ctx, actor, t, time.Time{}, "removal-cancelled", func(tx *catalog.Tx) error {
		due, removed, err := removalOf(tx, t)
		switch {
		case err != nil:
			return err
		case !removed.IsZero():
			return fault.New(fault.Invalid, op, "this key was removed; that cannot be undone")
		case due.IsZero():
			return fault.New(fault.Invalid, op, "no removal of this key is scheduled")
		}
		return nil
	})
	return fault.Wrap(fault.Internal, op, err)
}

// removalOf returns when a key is to be, and was, removed.
func removalOf(tx *catalog.Tx, t Target) (due, removed time.Time, err error) {
	if t.Certificate != "" {
		row, err := tx.Certificate(t.Certificate)
		if err != nil || row.Account != t.Account {
			return due, removed, noKey(err)
		}
		return row.RemoveAt, row.RemovedAt, nil
	}
	row, err := tx.AccessKey(t.AccessKey)
	if err != nil || row.Account != t.Account {
		return due, removed, noKey(err)
	}
	return row.RemoveAt, row.RemovedAt, nil
}

func noKey(err error) error {
	if err == nil || fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "removal: remove", "the account has no such key")
	}
	return err
}

// reschedule writes when a key is to be removed, after check has allowed it.
func (r *Remover) reschedule(ctx context.Context, actor string, t Target, at time.Time, what string, check func(*catalog.Tx) error) error {
	defer r.p.Holder.Change(t.Account)()
	return r.p.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := check(tx); err != nil {
			return err
		}
		e := audit.Entry{Account: t.Account, Actor: actor}
		if t.Certificate != "" {
			row, err := tx.Certificate(t.Certificate)
			if err != nil {
				return err
			}
			row.RemoveAt = at
			if err := tx.SaveCertificate(row); err != nil {
				return err
			}
			e.Action, e.Object = "certificate."+what, row.Fingerprint
		} else {
			row, err := tx.AccessKey(t.AccessKey)
			if err != nil {
				return err
			}
			row.RemoveAt = at
			if err := tx.SaveAccessKey(row); err != nil {
				return err
			}
			e.Action, e.Object = "access-key."+what, row.ID.String()
		}
		if !at.IsZero() {
			e.Detail = map[string]string{"at": at.UTC().Format(time.RFC3339)}
		}
		return tx.Audit(e)
	})
}

// RemoveDue carries out the removals that were scheduled for now or earlier;
// one that fails does not keep the others. Whoever calls it trusts the clock.
func (r *Remover) RemoveDue(ctx context.Context) (n int, err error) {
	const op = "removal: due removals"
	var due []Target
	err = r.p.Catalog.View(ctx, func(tx *catalog.Tx) error {
		certs, err := tx.CertificatesDue(r.p.Now())
		if err != nil {
			return err
		}
		for _, row := range certs {
			due = append(due, Target{Account: row.Account, Certificate: row.Fingerprint})
		}
		access, err := tx.AccessKeysDue(r.p.Now())
		for _, row := range access {
			due = append(due, Target{Account: row.Account, AccessKey: row.ID})
		}
		return err
	})
	if err != nil {
		return 0, fault.Wrap(fault.Internal, op, err)
	}
	var failed []error
	for _, t := range due {
		if _, err := r.remove(ctx, audit.Gateway, t, causeScheduled, r.p.Now()); err != nil {
			failed = append(failed, err)
			continue
		}
		n++
	}
	return n, fault.Wrap(fault.Internal, op, errors.Join(failed...))
}
