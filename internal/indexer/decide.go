package indexer

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/killpoint"
	"sealgate/internal/payment"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/bodies"
)

// Release lets a held or refused file go on to the rest that the account
// chose. Its payments become part of the account's index, and the duplicate
// checks are made once more, for the record.
func (x *Indexer) Release(ctx context.Context, id uuid.UUID, actor string) error {
	s, err := x.subject(ctx, id)
	if err != nil {
		return err
	}
	if s.file.State != catalog.Held && s.file.State != catalog.Refused {
		return wrongState("release", s.file, "only a held or refused file can be released")
	}
	summary, judged, err := x.judgeAgain(ctx, s)
	if err != nil {
		return err
	}
	var gone catalog.Body
	err = x.catalog.Update(ctx, func(tx *catalog.Tx) error {
		f, err := tx.File(id)
		if err != nil {
			return err
		}
		if f.State != catalog.Held && f.State != catalog.Refused {
			return wrongState("release", f, "only a held or refused file can be released")
		}
		account, err := tx.Account(f.Account)
		if err != nil {
			return err
		}
		if judged {
			sealed, err := fileobject.SealSummary(s.rec, f, summary)
			if err != nil {
				return err
			}
			f.Result = result(summary, sealed)
		}
		f.Reason = ReasonReleased
		if err := note(tx, f, actor, "file.released", ""); err != nil {
			return err
		}
		if gone, err = x.rest(tx, account, f); err != nil {
			return err
		}
		return tx.SaveFile(f)
	})
	if err != nil {
		return err
	}
	return x.removed(ctx, id, gone)
}

// judgeAgain makes a held file's payments visible. A refused file, or one
// whose content could not be read, has none.
func (x *Indexer) judgeAgain(ctx context.Context, s *subject) (payment.Summary, bool, error) {
	if s.file.State == catalog.Refused || len(s.file.Result.Summary) == 0 {
		return payment.Summary{}, false, nil
	}
	db, release, err := x.pool.Account(ctx, s.file.Account)
	if err != nil {
		return payment.Summary{}, false, err
	}
	defer release()
	summary, err := db.Release(ctx, s.file.ID)
	return summary, err == nil, err
}

// Reindex has a file's content read again, as after an update that knows more
// formats. What nobody can open now is refused at once.
func (x *Indexer) Reindex(ctx context.Context, id uuid.UUID, actor string) error {
	if err := x.openable(ctx, id); err != nil {
		return err
	}
	return x.catalog.Update(ctx, func(tx *catalog.Tx) error {
		f, err := tx.File(id)
		if err != nil {
			return err
		}
		if !indexable(f) {
			return wrongState("reindex", f, "its content is not here to be read")
		}
		if waits, err := x.waits(tx, id); err != nil || waits {
			return err
		}
		if err := note(tx, f, actor, "file.reindex", ""); err != nil {
			return err
		}
		return x.queue(tx, f)
	})
}

func (x *Indexer) openable(ctx context.Context, id uuid.UUID) error {
	var f *catalog.File
	err := x.catalog.View(ctx, func(tx *catalog.Tx) (err error) { f, err = tx.File(id); return err })
	if err != nil || !indexable(f) {
		return err
	}
	body, err := x.bodies.Open(ctx, f)
	if fault.Is(err, fault.Locked) {
		return err
	}
	if err == nil {
		body.Close()
	}
	return nil // what is damaged is read again, and said to be
}

// waits reports whether the file is going to be read anyway.
func (x *Indexer) waits(tx *catalog.Tx, id uuid.UUID) (bool, error) {
	jobs, err := tx.JobsOf(id)
	return slices.ContainsFunc(jobs, func(j *catalog.Job) bool { return j.Kind == catalog.IndexJob }), err
}

// queue adds an index job whose attempts go on from those that were.
func (x *Indexer) queue(tx *catalog.Tx, f *catalog.File) error {
	return tx.AddJob(&catalog.Job{
		Kind: catalog.IndexJob, Account: f.Account, File: f.ID, RunAt: x.opt.Now(), Attempt: f.Fence,
	})
}

// unlockBatch is how many files Unlocked queues in one transaction.
const unlockBatch = 200

// Unlocked queues the files of an account again that waited for a key, and
// returns how many. It is called when a key has come: a customer unlocked the
// account, a new certificate was installed.
func (x *Indexer) Unlocked(ctx context.Context, account uuid.UUID) (queued int, err error) {
	before := int64(0)
	for {
		more := false
		err := x.catalog.Update(ctx, func(tx *catalog.Tx) error {
			files, err := tx.Files(catalog.FileFilter{Account: account, State: catalog.Locked, Before: before, Limit: unlockBatch})
			for _, f := range files {
				before = f.Number
				if waits, err := x.waits(tx, f.ID); err != nil || waits {
					if err != nil {
						return err
					}
					continue
				}
				if err := x.queue(tx, f); err != nil {
					return err
				}
				queued++
			}
			more = len(files) == unlockBatch
			return err
		})
		if err != nil || !more {
			return queued, err
		}
	}
}

// Requeue does at start what Unlocked does, for the accounts whose keys the
// gateway holds: a key may have come back with a restore, or the gateway may have
// died between a key's coming and Unlocked.
func (x *Indexer) Requeue(ctx context.Context) error {
	var accounts []*catalog.Account
	err := x.catalog.View(ctx, func(tx *catalog.Tx) (err error) { accounts, err = tx.Accounts(); return err })
	if err != nil {
		return err
	}
	for _, a := range accounts {
		if a.Keys == catalog.KeysCustomer || a.State != catalog.AccountOpen {
			continue
		}
		if _, err := x.Unlocked(ctx, a.ID); err != nil {
			return err
		}
	}
	return nil
}

// Erase removes a file's content and grant for ever; the record stays. Copies in
// earlier backups open until the access key of their time is destroyed or the
// backup expires. After an error about the vault the record says that it is
// erased, and the body is removed at the next start.
func (x *Indexer) Erase(ctx context.Context, id uuid.UUID, actor, reason string) error {
	if reason == "" {
		reason = ReasonErased
	}
	var gone catalog.Body
	err := x.catalog.Update(ctx, func(tx *catalog.Tx) error {
		f, err := tx.File(id)
		if err != nil {
			return err
		}
		switch {
		case f.State == catalog.Arriving:
			return wrongState("erase", f, "it is still arriving")
		case f.Body.Kind == catalog.NoBody:
			return wrongState("erase", f, "its content is gone already")
		}
		gone, err = bodies.Erase(tx, f, actor, reason, x.opt.Now())
		return err
	})
	if err != nil {
		return err
	}
	killpoint.At("erase.recorded")
	return fault.Wrap(fault.Internal, "indexer: erase", x.bodies.Remove(ctx, gone))
}

func wrongState(act string, f *catalog.File, why string) error {
	return fault.New(fault.Invalid, "indexer: "+act, "the file is %s: %s", f.State, why)
}
