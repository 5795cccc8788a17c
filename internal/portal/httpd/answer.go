package httpd

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// answer is a ResponseWriter that waits for a slow client only so long at each piece,
// and knows whether it has begun.
type answer struct {
	http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	status   atomic.Int32 // 0 = nothing is said yet
}

// Unwrap is for [http.ResponseController].
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader begins the answer.
func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK {
		a.status.CompareAndSwap(0, int32(status)) //nolint:gosec // three digits
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write goes on with it.
func (a *answer) Write(p []byte) (int, error) {
	a.status.CompareAndSwap(0, http.StatusOK)
	a.hasten()
	defer a.rest()
	return a.ResponseWriter.Write(p)
}

// FlushError sends what is in buffers.
func (a *answer) FlushError() error {
	a.status.CompareAndSwap(0, http.StatusOK)
	a.hasten()
	defer a.rest()
	return a.control.Flush()
}

// hasten begins a time in which the client has to take something. Between two pieces
// there is none: the handler may need longer for the next one, and HTTP/2 ends a
// request whose time is over even when nothing waits to be sent.
func (a *answer) hasten() { _ = a.control.SetWriteDeadline(time.Now().Add(a.patience)) }
func (a *answer) rest()   { _ = a.control.SetWriteDeadline(time.Time{}) }

// body is the body of a request that had to arrive in time, and did at its end: a
// deadline that stays would end the request in the middle of its work.
type body struct {
	io.ReadCloser
	control *http.ResponseController
	ended   atomic.Bool
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.ended.Store(true)
		_ = b.control.SetReadDeadline(time.Time{}) // fails on a connection that is gone
	}
	return n, err
}

// timedBody keeps to the door's time, whatever its reader has set.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
	until   time.Time
}

func (b *timedBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(b.until) // fails on a connection that is gone
	return b.ReadCloser.Read(p)
}

// quiet is the log of net/http: what strangers do in a handshake is not worth a line.
type quiet struct{ slog.Handler }

// Handle implements slog.Handler.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "TLS handshake error") {
		r.Level = slog.LevelDebug
	}
	if !q.Enabled(ctx, r.Level) {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}
