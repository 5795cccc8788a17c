package indexer

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/payment"
	"sealgate/internal/store/catalog"
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
// formats.
func (x *Indexer) Reindex(ctx context.Context, id uuid.UUID, actor string) error {
	return x.catalog.Update(ctx, func(tx *catalog.Tx) error {
		f, err := tx.File(id)
		if err != nil {
			return err
		}
		if !indexable(f) {
			return wrongState("reindex", f, "its content is not here to be read")
		}
		jobs, err := tx.JobsOf(id)
		if err != nil {
			return err
		}
		for _, job := range jobs {
			if job.Kind == catalog.IndexJob {
				return nil // it is going to be read anyway
			}
		}
		if err := note(tx, f, actor, "file.reindex", ""); err != nil {
			return err
		}
		return tx.AddJob(&catalog.Job{
			Kind: catalog.IndexJob, Account: f.Account, File: id, RunAt: x.opt.Now(), Attempt: f.Fence,
		})
	})
}

// Erase removes a file's content and grant for ever; the record stays.
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
		switch f.State {
		case catalog.Arriving:
			return wrongState("erase", f, "it is still arriving")
		case catalog.Erased:
			return wrongState("erase", f, "it is erased already")
		}
		if gone, err = dropBody(tx, f); err != nil {
			return err
		}
		f.Grant = catalog.Grant{}
		f.State, f.Reason, f.EndedAt = catalog.Erased, reason, x.opt.Now()
		if err := note(tx, f, actor, "file.erased", ""); err != nil {
			return err
		}
		return tx.SaveFile(f)
	})
	if err != nil {
		return err
	}
	return x.removed(ctx, id, gone)
}

func wrongState(act string, f *catalog.File, why string) error {
	return fault.New(fault.Invalid, "indexer: "+act, "the file is %s: %s", f.State, why)
}
