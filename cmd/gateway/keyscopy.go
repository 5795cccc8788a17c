package main

import (
	"context"
	"time"

	"sealgate/internal/audit"
	"sealgate/internal/store/catalog"
)

// copyCheck is the time between two looks at the copy of the keys.
const copyCheck = time.Hour

// watchCopy brings the copy of the keys up to date at the start, and whenever it is
// back after it was away while a key was made or destroyed: what a removal has
// promised is kept then.
func (j *journey) watchCopy(ctx context.Context) error {
	tick := time.NewTicker(copyCheck)
	defer tick.Stop()
	for {
		if path, written := j.keys.UpdateCopy(); written {
			j.log.Info("the copy of the keys, which was behind, is up to date again", "path", path)
			err := j.catalog.Update(ctx, func(tx *catalog.Tx) error {
				return tx.Audit(audit.Entry{Actor: audit.Gateway, Action: "keys.copy-updated"})
			})
			if err != nil && ctx.Err() == nil {
				j.log.Error("that the copy of the keys was written is not on record", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
