package catalog

import (
	"context"
	"time"

	"sealgate/internal/fault"
)

const (
	// cutEvery is how long what was overwritten may stay in the log.
	cutEvery = time.Minute
	// drainAt is the length of the log at which it is copied into the database
	// beside the writer, which can then begin it anew.
	drainAt = 4 << 20
	// cutAt is the length at which the writer stops to cut it.
	cutAt = 64 << 20
)

// cutDone is the writer's answer to a request to cut the log.
type cutDone struct {
	done bool
	err  error
}

// Checkpoint moves the write-ahead log into the database and cuts it to
// nothing: afterwards what was overwritten before is in no file any more. It
// waits for Views that still need the log, until ctx ends.
func (c *Catalog) Checkpoint(ctx context.Context) error {
	const op = "catalog: checkpoint"
	retry := time.NewTicker(100 * time.Millisecond)
	defer retry.Stop()
	for {
		answer := make(chan cutDone, 1)
		select {
		case c.truncations <- answer:
		case <-ctx.Done():
			return fault.Wrap(fault.TryLater, op, ctx.Err())
		case <-c.writerGone:
			return c.gone(op)
		}
		switch cut := <-answer; {
		case cut.err != nil:
			return fault.Wrap(kindOf(cut.err), op, cut.err)
		case cut.done:
			return nil
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return fault.Wrap(fault.TryLater, op, ctx.Err())
		}
	}
}

// truncateLog runs in the writer's goroutine.
func (c *Catalog) truncateLog() cutDone {
	if err := c.failure("catalog: checkpoint"); err != nil {
		return cutDone{err: err}
	}
	done, err := truncateWAL(c.writer)
	return cutDone{done, err}
}

// keepLogShort is the goroutine that drains and cuts the log. A failure (a
// full disk, a reader in the way) is tried again a second later: the log grows
// meanwhile and nothing is lost.
func (c *Catalog) keepLogShort() {
	defer close(c.keeperGone)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	lastCut := time.Now()
	for {
		select {
		case <-tick.C:
		case <-c.stop:
			return
		case <-c.failed:
			return
		}
		size, err := walSize(c.path)
		if err != nil || size == 0 {
			continue
		}
		if size >= drainAt {
			_ = drainWAL(c.drainer)
		}
		if size >= cutAt || time.Since(lastCut) >= cutEvery {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			if c.Checkpoint(ctx) == nil {
				lastCut = time.Now()
			}
			cancel()
		}
	}
}
