package engine

import (
	"context"
	"time"

	"sealgate/internal/fault"
)

const (
	// cutEvery is how long what was overwritten may stay in the log.
	cutEvery = time.Minute
	// drainAt is the length of the log at which it is copied into the database
	// beside the writer, which then begins it anew.
	drainAt = 4 << 20
	// cutAt is the length at which the writer stops to cut it.
	cutAt = 64 << 20
)

// logCall asks the writer to do something about the log.
type logCall struct {
	act    func(*session) (done bool, err error)
	answer chan logAnswer // buffered
}

type logAnswer struct {
	done bool
	err  error
}

// Checkpoint moves the write-ahead log into the database and cuts it to
// nothing: afterwards what was overwritten before is in no file any more. It
// waits for Views that still need the log, until ctx ends.
func (db *DB) Checkpoint(ctx context.Context) error {
	const op = "database: checkpoint"
	retry := time.NewTicker(100 * time.Millisecond)
	defer retry.Stop()
	for {
		done, err := db.inWriter(ctx, truncateWAL)
		if err != nil || done {
			return fault.Wrap(KindOf(err), op, err)
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return fault.Wrap(fault.TryLater, op, ctx.Err())
		}
	}
}

// inWriter has the writer do something about the log between two commits.
func (db *DB) inWriter(ctx context.Context, act func(*session) (bool, error)) (bool, error) {
	k := logCall{act, make(chan logAnswer, 1)}
	select {
	case db.logCalls <- k:
	case <-ctx.Done():
		return false, ctx.Err()
	case <-db.writerGone:
		return false, db.gone("database: log")
	}
	a := <-k.answer
	return a.done, a.err
}

// serveLog runs in the writer's goroutine.
func (db *DB) serveLog(k logCall) {
	if err := db.failure("database: log"); err != nil {
		k.answer <- logAnswer{err: err}
		return
	}
	done, err := k.act(db.writer)
	k.answer <- logAnswer{done, err}
}

// drain copies the log into the database and has the writer begin it anew: to
// write where the file's blocks are already costs a fifth less than to make it
// longer. All but the last few commits are copied beside the writer.
func (db *DB) drain() error {
	db.drainer.mu.Lock() // nobody else's but in tests
	defer db.drainer.mu.Unlock()
	for range 2 {
		if frames, err := drainWAL(db.drainer); err != nil || frames*frameSize < drainAt {
			return err // short enough: most of the file is what an earlier burst left
		}
	}
	_, err := db.inWriter(context.Background(), func(s *session) (bool, error) {
		_, err := drainWAL(s)
		return err == nil, err
	})
	return err
}

// keepLogShort is the goroutine that drains and cuts the log. A failure (a
// full disk, a reader in the way) is tried again a second later: the log grows
// meanwhile and nothing is lost.
func (db *DB) keepLogShort() {
	defer close(db.keeperGone)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	lastCut := time.Now()
	for {
		select {
		case <-tick.C:
		case <-db.stop:
			return
		case <-db.failed:
			return
		}
		size, err := walSize(db.path)
		if err != nil || size == 0 {
			continue
		}
		if size >= drainAt {
			_ = db.drain()
		}
		if size >= cutAt || time.Since(lastCut) >= cutEvery {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			if db.Checkpoint(ctx) == nil {
				lastCut = time.Now()
			}
			cancel()
		}
	}
}
