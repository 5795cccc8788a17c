package live

import (
	"sync"

	"github.com/google/uuid"
)

// Confirmations gathers the files whose acknowledgement is known to have
// reached the client, until the background writes them down. A crash in
// between only makes a repeated delivery count as the same one.
type Confirmations struct {
	Ready chan struct{} // has a value when there is something to write

	mu  sync.Mutex // guards ids
	ids map[uuid.UUID]struct{}
}

// NewConfirmations returns an empty collection.
func NewConfirmations() *Confirmations {
	return &Confirmations{Ready: make(chan struct{}, 1), ids: make(map[uuid.UUID]struct{})}
}

// Add adds files. It never blocks.
func (c *Confirmations) Add(ids ...uuid.UUID) {
	c.mu.Lock()
	for _, id := range ids {
		c.ids[id] = struct{}{}
	}
	c.mu.Unlock()
	select {
	case c.Ready <- struct{}{}:
	default:
	}
}

// Has reports whether the file is among those that are not written down yet.
func (c *Confirmations) Has(id uuid.UUID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.ids[id]
	return ok
}

// List returns them all, in no order.
func (c *Confirmations) List() []uuid.UUID {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]uuid.UUID, 0, len(c.ids))
	for id := range c.ids {
		ids = append(ids, id)
	}
	return ids
}

// Done takes files out that were written down, or were confirmed too early.
func (c *Confirmations) Done(ids ...uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		delete(c.ids, id)
	}
}
