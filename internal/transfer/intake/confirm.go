package intake

import (
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
)

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
