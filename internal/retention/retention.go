// Package retention ends what the gateway was told to end in time: kept files whose
// keep-for is over, certificates and access keys whose removal was scheduled, and the
// bodies that no key opens any more; and what is remembered of requests that might come
// again. The record of a file stays for ever.
//
// A file is erased in one catalog transaction, which says so, and its body is removed
// after that is durable. What a crash leaves between the two no row refers to; the
// intake's sweep takes it at the next start. Erased is erased here: a copy in an earlier
// backup opens until the access key of its time is destroyed, or the backup is.
//
// Nothing that hangs on the time is done while the clock is in doubt (Clock). And a
// file that came after one whose time is not over is not erased either, whatever its
// own date says: it was received while the clock stood wrong.
package retention

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/killpoint"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/bodies"
)

// Reasons of erased files, as the file object shows them.
const (
	ReasonRetention  = "retention"
	ReasonKeyRemoved = "key-removed"
)

const (
	roundEvery = 10 * time.Minute
	batchSize  = 200 // files in a transaction, so that arrivals wait for milliseconds only
)

// Retention does what is due.
type Retention struct {
	catalog *catalog.Catalog
	bodies  *bodies.Bodies
	keys    *custody.Custodian
	clock   *Clock
	log     *slog.Logger
}

// New returns a Retention on these stores; Run makes it work.
func New(cat *catalog.Catalog, b *bodies.Bodies, keys *custody.Custodian, clock *Clock, log *slog.Logger) *Retention {
	return &Retention{cat, b, keys, clock, log}
}

// Run does a round at once and every ten minutes, until ctx ends.
func (r *Retention) Run(ctx context.Context) error {
	tick := time.NewTicker(roundEvery)
	defer tick.Stop()
	for {
		r.Round(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Round does what is due now. What fails is logged and done in a later round.
func (r *Retention) Round(ctx context.Context) {
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"scheduled removals of keys", r.removals},
		{"bodies that no key opens", r.unopenable},
		{"files whose time is over", r.expired},
		{"requests that do not come again", r.requests},
	} {
		if err := step.do(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("retention", "what", step.what, "err", err)
		}
	}
}

func (r *Retention) removals(ctx context.Context) error {
	if _, err := r.clock.Now(); err != nil {
		return nil // it says so itself
	}
	n, err := r.keys.RemoveDue(ctx)
	if n > 0 {
		r.log.Info("scheduled removals of keys were done", "keys", n)
	}
	return err
}

// requests forgets what was remembered of requests that might have come again
// (Idempotency-Key), so that it is in no backup of later days.
func (r *Retention) requests(ctx context.Context) error {
	now, err := r.clock.Now()
	if err != nil {
		return nil
	}
	return r.catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.SweepRequests(now) })
}

func (r *Retention) accounts(ctx context.Context) (accounts []*catalog.Account, err error) {
	err = r.catalog.View(ctx, func(tx *catalog.Tx) error {
		accounts, err = tx.Accounts()
		return err
	})
	return accounts, err
}

// expired erases the kept files whose account keeps them no longer. Accounts take
// turns: one with a million files to erase is in nobody's way.
func (r *Retention) expired(ctx context.Context) error {
	now, err := r.clock.Now()
	if err != nil {
		return nil
	}
	accounts, err := r.accounts(ctx)
	if err != nil {
		return err
	}
	var turns []*turn
	for _, a := range accounts {
		// Files are not older than their account, whatever they say.
		if a.KeepFor > 0 && a.CreatedAt.Before(now.Add(-a.KeepFor)) {
			turns = append(turns, &turn{account: a.ID, before: now.Add(-a.KeepFor), batch: batchSize})
		}
	}
	for len(turns) > 0 {
		var more []*turn
		for _, t := range turns {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if _, err := r.clock.Now(); err != nil {
				return nil // it jumped since
			}
			again, err := r.take(ctx, t)
			if err != nil {
				r.log.Warn("retention", "account", t.account, "err", err)
			} else if again {
				more = append(more, t)
			}
		}
		turns = more
	}
	return nil
}

// turn is where the erasing of an account's files is.
type turn struct {
	account uuid.UUID
	before  time.Time // received earlier: to be erased
	batch   int
	first   int64 // number of the first file that stays; 0 = none
	known   bool  // first is
}

// take erases a batch of an account's files and tells whether there may be more.
func (r *Retention) take(ctx context.Context, t *turn) (again bool, err error) {
	var files []*catalog.File
	err = r.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if !t.known {
			if t.first, err = tx.FirstKeptSince(t.account, t.before); err != nil {
				return err
			}
			t.known = true
		}
		files, err = tx.FilesToErase(t.account, t.before, t.batch)
		return err
	})
	if err != nil {
		return false, err
	}
	var due []*catalog.File
	for _, f := range files {
		if len(due) < batchSize && (t.first == 0 || f.Number < t.first) {
			due = append(due, f)
		}
	}
	if len(files) == t.batch && len(due) == 0 {
		t.batch *= 2 // they are all misdated; what is behind them may not be
		return true, nil
	}
	if len(due) == 0 {
		return false, nil
	}
	return len(files) == t.batch, r.erase(ctx, due, ReasonRetention, func(tx *catalog.Tx, f *catalog.File) (bool, error) {
		a, err := tx.Account(f.Account)
		if err != nil {
			return false, err
		}
		return f.State == catalog.Kept && a.KeepFor > 0 && !f.ReceivedAt.After(t.before), nil
	})
}

// unopenable erases the bodies of files at rest whose keys were all destroyed. Time
// has no part in it, but where that was found out about restored data: custody waits
// then, by a clock that is trusted.
func (r *Retention) unopenable(ctx context.Context) error {
	accounts, err := r.accounts(ctx)
	if err != nil {
		return err
	}
	trusted, err := r.clock.Now()
	if err != nil {
		trusted = time.Time{}
	}
	for _, a := range accounts {
		locks, err := r.keys.DeadLocks(ctx, a.ID, trusted)
		if err != nil {
			return err
		}
		for _, lock := range locks {
			if err := r.under(ctx, lock); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Retention) under(ctx context.Context, lock int64) error {
	for after := uuid.Nil; ; {
		var files []*catalog.File
		err := r.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
			files, err = tx.FilesUnder(lock, after, batchSize)
			return err
		})
		if err != nil || len(files) == 0 {
			return err
		}
		after = files[len(files)-1].ID
		err = r.erase(ctx, files, ReasonKeyRemoved, func(_ *catalog.Tx, f *catalog.File) (bool, error) {
			atRest := f.State == catalog.Kept || f.State == catalog.Delivered
			return atRest && f.Grant.Key == "" && f.Lock == lock, nil
		})
		if err != nil {
			return err
		}
	}
}

// erase ends those of the files, in one transaction, of which it is still true that
// they are to be ended, and then removes their bodies.
func (r *Retention) erase(
	ctx context.Context, files []*catalog.File, reason string, still func(*catalog.Tx, *catalog.File) (bool, error),
) error {
	var gone []catalog.Body
	err := r.catalog.Update(ctx, func(tx *catalog.Tx) error {
		for _, f := range files {
			f, err := tx.File(f.ID)
			if err != nil {
				return err
			}
			if f.Body.Kind == catalog.NoBody {
				continue
			}
			if yes, err := still(tx, f); err != nil || !yes {
				if err != nil {
					return err
				}
				continue
			}
			body, err := bodies.Erase(tx, f, audit.Gateway, reason, r.clock.now())
			if err != nil {
				return err
			}
			gone = append(gone, body)
		}
		return nil
	})
	if err != nil {
		return fault.Wrap(fault.Internal, "retention: erase", err)
	}
	if len(gone) == 0 {
		return nil
	}
	killpoint.At("retention.recorded")
	for _, body := range gone {
		if err := r.bodies.Remove(ctx, body); err != nil {
			r.log.Warn("an erased file's body is not removed yet", "err", err)
		}
	}
	killpoint.At("retention.bodies-removed")
	r.log.Info("files erased", "files", len(gone), "reason", reason)
	return nil
}
