package custody

import (
	"context"

	"sealgate/internal/store/catalog"
)

// FailAt makes the rounds of c end with err at a named point, as a crash would.
func (c *Custodian) FailAt(fail func(point string) error) { c.fault = fail }

// MadeAhead returns how many files' keys are made ahead.
func (c *Custodian) MadeAhead() int {
	c.stock.mu.Lock()
	defer c.stock.mu.Unlock()
	n := 0
	for _, s := range c.stock.shelves {
		n += len(s.ready)
	}
	return n
}

// Fill makes keys ahead for an account, as Run does for one that is sending.
func (c *Custodian) Fill(ctx context.Context, a *catalog.Account) {
	for range 5 {
		c.stock.take(shelfName{a.ID, a.Content == catalog.ContentKeep}, c.now())
	}
	c.refill(ctx)
}
