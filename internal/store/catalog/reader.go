package catalog

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"sealgate/internal/fault"
)

const (
	// maxView bounds a View. A reader keeps the log from being cut, and with
	// it copies of what has been overwritten since.
	maxView    = 10 * time.Second
	maxReaders = 4
)

// View runs fn on one unchanging snapshot of the catalog, at most 10 seconds.
// It sees every Update that has returned. Writes in it fail.
func (c *Catalog) View(ctx context.Context, fn func(*Tx) error) error {
	const op = "catalog: view"
	if err := c.failure(op); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, maxView)
	defer cancel()
	s, err := c.takeReader(ctx)
	if err != nil {
		return fault.Wrap(kindOf(err), op, err)
	}
	fine := false
	defer func() { c.returnReader(s, fine) }()

	// database/sql rolls this back when ctx ends, even while fn does something
	// else; the session's statements run on the same connection and so in it.
	snapshot, err := s.conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fault.Wrap(kindOf(err), op, err)
	}
	defer func() {
		err := snapshot.Rollback()
		fine = err == nil || errors.Is(err, sql.ErrTxDone)
	}()
	tx := &Tx{c: c, ctx: ctx, s: s}
	defer func() { tx.broken = errTxEnded }()
	return fn(tx)
}

// takeReader waits for a free place among the readers. A place without a
// connection yet holds nil.
func (c *Catalog) takeReader(ctx context.Context) (*session, error) {
	select {
	case s := <-c.readers:
		if s != nil {
			return s, nil
		}
		s, err := newSession(ctx, c.readPool)
		if err != nil {
			c.readers <- nil
			return nil, err
		}
		return s, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.stop:
		return nil, fault.New(fault.TryLater, "catalog: view", "the gateway is stopping")
	}
}

func (c *Catalog) returnReader(s *session, fine bool) {
	if !fine {
		_ = s.close() // its place gets a new connection
		s = nil
	}
	c.readers <- s
}
