package custody

import (
	"context"
	"log/slog"
	"time"

	"sealgate/internal/audit"
	"sealgate/internal/store/catalog"
)

// copyCheck is the time between two looks at the copy of the keys.
const copyCheck = time.Hour

// KeepCopy brings the copy of the keys up to date at the start, and whenever it is
// back after it was away while a key was made or destroyed: what a removal has
// promised is kept then. It runs until ctx ends.
func (c *Custodian) KeepCopy(ctx context.Context) error {
	tick := time.NewTicker(copyCheck)
	defer tick.Stop()
	for {
		if path, written := c.ks.UpdateCopy(); written {
			slog.InfoContext(ctx, "the copy of the keys, which was behind, is up to date again", "path", path)
			err := c.cat.Update(ctx, func(tx *catalog.Tx) error {
				return tx.Audit(audit.Entry{Actor: audit.Gateway, Action: "keys.copy-updated"})
			})
			if err != nil && ctx.Err() == nil {
				slog.ErrorContext(ctx, "that the copy of the keys was written is not on record", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
