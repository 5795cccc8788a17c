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

// gatherSecrets is how long changed secrets are gathered, so that many are one write.
const gatherSecrets = time.Second

// KeepCopy brings the copy of the keys up to date at the start, and whenever it is
// back after it was away while a key was made or destroyed: what a removal has
// promised is kept then. A secret that changes is in it a moment later. It runs until
// ctx ends.
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
		if !c.catchUpUntil(ctx, tick.C) {
			return nil
		}
	}
}

// catchUpUntil writes changed secrets to the copy, those of a moment at once, until
// there is a tick; false: ctx has ended.
func (c *Custodian) catchUpUntil(ctx context.Context, tick <-chan time.Time) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick:
			return true
		case <-c.ks.Later():
		}
		select {
		case <-ctx.Done():
			return false // Close does it
		case <-time.After(gatherSecrets):
			c.ks.CatchUp()
		}
	}
}
