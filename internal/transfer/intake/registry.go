package intake

import (
	"encoding/hex"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// registry knows the arrivals that are open in this process, and how long the
// ones that were cut in this process's life are, so that a listing need not
// read them.
type registry struct {
	mu       *sync.Mutex
	byID     map[uuid.UUID]*Arrival
	byName   map[nameKey]*Arrival
	cut      map[uuid.UUID]int64    // durable length of unfinished arrivals
	resuming map[uuid.UUID]struct{} // unfinished arrivals that somebody is reopening
}

type nameKey struct {
	login uuid.UUID
	path  string
}

func newRegistry() registry {
	return registry{
		mu: new(sync.Mutex), byID: make(map[uuid.UUID]*Arrival),
		byName: make(map[nameKey]*Arrival), cut: make(map[uuid.UUID]int64),
		resuming: make(map[uuid.UUID]struct{}),
	}
}

func keyOf(spec Spec) nameKey { return nameKey{spec.Login, spec.Path.String()} }

func (r *registry) add(a *Arrival) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byID[a.file.ID] = a
	r.byName[keyOf(a.spec)] = a
	delete(r.cut, a.file.ID)
}

func (r *registry) remove(a *Arrival) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byID, a.file.ID)
	if k := keyOf(a.spec); r.byName[k] == a {
		delete(r.byName, k)
	}
}

func (r *registry) named(spec Spec) *Arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byName[keyOf(spec)]
}

func (r *registry) has(id uuid.UUID) *Arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byID[id]
}

// claim takes an unfinished arrival for reopening. It is false while somebody
// else has it: an object has one writer (R4).
func (r *registry) claim(id uuid.UUID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, taken := r.resuming[id]
	if taken || r.byID[id] != nil {
		return false
	}
	r.resuming[id] = struct{}{}
	return true
}

// unclaim ends claim; an Arrival that was added meanwhile holds on.
func (r *registry) unclaim(id uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.resuming, id)
}

// busy reports whether somebody works on the arrival.
func (r *registry) busy(id uuid.UUID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, taken := r.resuming[id]
	return taken || r.byID[id] != nil
}

// suspended remembers the durable length of an arrival that was cut.
func (r *registry) suspended(id uuid.UUID, length int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut[id] = length
}

// length returns the durable length of an unfinished arrival, when this
// process knows it.
func (r *registry) length(id uuid.UUID) (int64, bool) {
	r.mu.Lock()
	a := r.byID[id]
	n, ok := r.cut[id]
	r.mu.Unlock()
	if a != nil {
		return a.Durable(), true
	}
	return n, ok
}

func (r *registry) forget(id uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.cut, id)
}

// confirmations gathers the files whose acknowledgement is known to have
// reached the client, until the background writes them down. A crash in
// between only makes a repeated delivery count as the same one.
type confirmations struct {
	mu    *sync.Mutex
	ids   map[uuid.UUID]struct{}
	ready chan struct{}
}

func newConfirmations() confirmations {
	return confirmations{mu: new(sync.Mutex), ids: make(map[uuid.UUID]struct{}), ready: make(chan struct{}, 1)}
}

func (c *confirmations) add(ids []uuid.UUID) {
	c.mu.Lock()
	for _, id := range ids {
		c.ids[id] = struct{}{}
	}
	c.mu.Unlock()
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

func (c *confirmations) has(id uuid.UUID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.ids[id]
	return ok
}

func (c *confirmations) list() []uuid.UUID {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]uuid.UUID, 0, len(c.ids))
	for id := range c.ids {
		ids = append(ids, id)
	}
	return ids
}

func (c *confirmations) done(ids []uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		delete(c.ids, id)
	}
}

// inlineUse estimates how many bytes of bodies lie in the catalog. The
// background sets it right from time to time.
type inlineUse struct{ bytes atomic.Int64 }

func (u *inlineUse) fits(n int64) bool { return u.bytes.Load()+n <= inlineBudget }

// stripes are mutexes shared out over logins.
type stripes [64]sync.Mutex

func (s *stripes) of(login uuid.UUID) *sync.Mutex { return &s[int(login[15])%len(s)] }
