package ledger

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// confirmations gathers the files whose acknowledgement is known to have
// reached the client, until the background writes them down. A crash in
// between only makes a repeated delivery count as the same one.
type confirmations struct {
	ready chan struct{} // has a value when there is something to write

	mu  sync.Mutex // guards ids
	ids map[uuid.UUID]struct{}
}

func newConfirmations() *confirmations {
	return &confirmations{ready: make(chan struct{}, 1), ids: make(map[uuid.UUID]struct{})}
}

// Confirm notes that something followed our acknowledgement of these files, so
// that the client has it. It never blocks.
func (l *Ledger) Confirm(ids ...uuid.UUID) {
	c := l.confirmed
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

// TakeBack forgets a confirmation: what is to follow comes after another answer.
func (l *Ledger) TakeBack(id uuid.UUID) { l.confirmed.done(id) }

// Confirmed has a value when WriteConfirmed has something to do.
func (l *Ledger) Confirmed() <-chan struct{} { return l.confirmed.ready }

// WriteConfirmed writes down which acknowledgements are known to have arrived.
func (l *Ledger) WriteConfirmed(ctx context.Context) error {
	ids := l.confirmed.list()
	if len(ids) == 0 {
		return nil
	}
	err := l.catalog.Update(ctx, func(tx *catalog.Tx) error {
		for _, id := range ids {
			if !l.confirmed.has(id) {
				continue // taken back by a rename meanwhile
			}
			if err := tx.SetAnswered(id); err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	l.confirmed.done(ids...)
	return nil
}

func (c *confirmations) has(id uuid.UUID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.ids[id]
	return ok
}

// list returns them all, in no order.
func (c *confirmations) list() []uuid.UUID {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]uuid.UUID, 0, len(c.ids))
	for id := range c.ids {
		ids = append(ids, id)
	}
	return ids
}

// done takes files out that were written down, or were confirmed too early.
func (c *confirmations) done(ids ...uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		delete(c.ids, id)
	}
}
