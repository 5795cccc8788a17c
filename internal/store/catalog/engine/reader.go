package engine

import (
	"context"
	"time"

	"sealgate/internal/fault"
)

const (
	// maxView bounds a View, unless Options do. A reader keeps the log from being cut, and with
	// it copies of what has been overwritten since.
	maxView    = 10 * time.Second
	maxReaders = 4
)

// View runs fn on one unchanging snapshot of the database, for at most Options.View.
// It sees every Update that has returned. Writes in it fail. The end of its time
// is looked for between rows: a query that computes for long before its first
// row does not belong in a View.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	const op = "database: view"
	if err := db.failure(op); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, db.maxView)
	defer cancel()
	s, err := db.takeReader(ctx)
	if err != nil {
		return fault.Wrap(KindOf(err), op, err)
	}
	if err := s.control("BEGIN"); err != nil {
		db.returnReader(s, false)
		return fault.Wrap(KindOf(err), op, err)
	}
	tx := &Tx{ctx: ctx, s: s}
	// When the time is over the snapshot goes, even while fn does something else.
	stop := context.AfterFunc(ctx, func() { _ = tx.endView(fault.Wrap(fault.TryLater, op, ctx.Err())) })
	defer func() {
		stop()
		db.returnReader(s, tx.endView(errTxEnded) == nil)
	}()
	return fn(tx)
}

// endView lets go of the snapshot, once; why is what fn hears from then on.
func (tx *Tx) endView(why error) error {
	tx.s.mu.Lock()
	defer tx.s.mu.Unlock()
	if !tx.over {
		tx.over, tx.overErr = true, tx.s.control("ROLLBACK")
	}
	if tx.broken == nil {
		tx.broken = why
	}
	return tx.overErr
}

// takeReader waits for a free place among the readers. A place without a
// connection yet holds nil.
func (db *DB) takeReader(ctx context.Context) (*session, error) {
	select {
	case s := <-db.readers:
		if s != nil {
			return s, nil
		}
		s, err := newSession(db.path, true)
		if err != nil {
			db.readers <- nil
			return nil, err
		}
		return s, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-db.stop:
		return nil, fault.New(fault.TryLater, "database: view", "the gateway is stopping")
	}
}

func (db *DB) returnReader(s *session, fine bool) {
	if !fine {
		_ = s.close() // its place gets a new connection
		s = nil
	}
	db.readers <- s
}
