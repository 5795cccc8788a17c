package remote

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// Wire is a connection that breaks when more comes than it was allowed.
type Wire struct {
	net.Conn
	budget atomic.Int64 // what may still come; < 0: too much has
}

const noBudget = 1 << 62

// NewWire returns a wire without a bound.
func NewWire(conn net.Conn) *Wire {
	w := &Wire{Conn: conn}
	w.budget.Store(noBudget)
	return w
}

// Read implements net.Conn.
func (w *Wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if w.budget.Load() != noBudget && w.budget.Add(int64(-n)) < 0 {
		_ = w.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

// Bounded runs f while at most n bytes may come, and reports whether more came.
func (w *Wire) Bounded(n int64, f func() error) (over bool, err error) {
	w.budget.Store(n)
	err = f()
	over = w.budget.Load() < 0
	w.budget.Store(noBudget)
	return over, err
}

// Within runs f, which waits for a server, and calls cut when the context ends or the
// time is over; the error then says which of the two.
func Within(ctx context.Context, patience time.Duration, cut func(), f func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, ErrSilent)
	defer cancel()
	stop := context.AfterFunc(ctx, cut)
	err := f()
	if stop() || err == nil {
		return err
	}
	return Broken(ctx, "remote: wait", err)
}
