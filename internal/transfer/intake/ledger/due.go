package ledger

import (
	"context"
	"log/slog"
	"time"

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
// people see them. They were acknowledged, so they are never dropped.
func (l *Ledger) TellOverdue(ctx context.Context, log *slog.Logger) error {
	return l.catalog.Update(ctx, func(tx *catalog.Tx) error {
		files, err := tx.Files(catalog.FileFilter{State: catalog.WaitingRename, Limit: -1})
		if err != nil {
			return err
		}
		for _, f := range files {
			if f.Reason != "" || l.now().Sub(f.ReceivedAt) < overdueAfter {
				continue
			}
			f.Reason = ReasonNotRenamed
			if err := tx.SaveFile(f); err != nil {
				return err
			}
			log.Warn("a file waits for its rename for more than a day", "account", f.Account, "file", f.ID)
			err := tx.Audit(audit.Entry{Account: f.Account, Actor: "gateway", Action: "file.not-renamed", Object: f.ID.String()})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
