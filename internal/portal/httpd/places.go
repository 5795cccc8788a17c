package httpd

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// alive says that somebody is here.
func alive(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, status{"alive"}) }

type status struct {
	Status string `json:"status"`
}

// readiness remembers for a moment whether work can be taken in: to find out costs a
// write, and everybody may ask.
type readiness struct {
	ask func(context.Context) error
	now func() time.Time

	mu    sync.Mutex // guards the fields below; one asks at a time
	at    time.Time
	known error
}

const (
	readyFor   = 5 * time.Second
	readyLimit = 10 * time.Second
)

func (d *readiness) answer(w http.ResponseWriter, r *http.Request) {
	if err := d.check(r.Context()); err != nil {
		w.Header().Set("Retry-After", "5")
		refuse(w, r, http.StatusServiceUnavailable, "the gateway cannot take work in now; its log says why")
		return
	}
	write(w, http.StatusOK, status{"ready"})
}

func (d *readiness) check(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := d.now(); d.at.IsZero() || now.Sub(d.at) >= readyFor || now.Before(d.at) {
		// Whoever asks may leave; the others want the answer all the same.
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), readyLimit)
		defer stop()
		d.known = d.ask(ctx)
		d.at = now
	}
	return d.known
}

// wellKnown tells everybody who this gateway is, so that receipts can be checked.
func (s *Server) wellKnown(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, s.opt.Identity)
}
