package ledger

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/store/catalog"
)

// What is due by the clock.

const (
	sweepBatch   = 500
	overdueAfter = 24 * time.Hour // R3: a file that waits for its rename longer is a problem
)

// ReasonNotRenamed is the reason of a file whose rename is overdue.
const ReasonNotRenamed = "not-renamed"

// SweepNames takes the names out of /in that were shown for long enough.
func (l *Ledger) SweepNames(ctx context.Context) error {
	for {
		n := 0
		err := l.catalog.Update(ctx, func(tx *catalog.Tx) (err error) {
			n, err = tx.DeleteEntries(l.now(), sweepBatch)
			return err
		})
		if err != nil || n < sweepBatch {
			return err
		}
	}
}

// TellOverdue marks the files whose rename has not come for a day, so that
// people see them. They were acknowledged, so they are never dropped; many of them are
// marked in many steps, for everybody's files wait for each.
func (l *Ledger) TellOverdue(ctx context.Context, log *slog.Logger) error {
	for {
		var due []uuid.UUID
		err := l.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
			due, err = tx.NotRenamed(l.now().Add(-overdueAfter), sweepBatch)
			return err
		})
		if err != nil || len(due) == 0 {
			return err
		}
		err = l.catalog.Update(ctx, func(tx *catalog.Tx) error {
			for _, id := range due {
				if err := tellOverdue(tx, id, log); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(due) < sweepBatch {
			return err
		}
	}
}

func tellOverdue(tx *catalog.Tx, id uuid.UUID, log *slog.Logger) error {
	f, err := tx.File(id)
	if err != nil || f.State != catalog.WaitingRename || f.Reason != "" { // renamed meanwhile
		return err
	}
	f.Reason = ReasonNotRenamed
	if err := tx.SaveFile(f); err != nil {
		return err
	}
	log.Warn("a file waits for its rename for more than a day", "account", f.Account, "file", f.ID)
	return tx.Audit(audit.Entry{Account: f.Account, Actor: "gateway", Action: "file.not-renamed", Object: f.ID.String()})
}
