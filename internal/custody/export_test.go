package custody

import (
	"context"

	"sealgate/internal/custody/stock"
	"sealgate/internal/store/catalog"
)

// FailAt makes the rounds of c end with err at a named point, as a crash would.
func (c *Custodian) FailAt(fail func(point string) error) { c.fault = fail }

// MadeAhead returns how many files' keys are made ahead.
func (c *Custodian) MadeAhead() int { return c.stock.Ready() }

// Fill makes keys ahead for an account, as Run does for one that is sending.
func (c *Custodian) Fill(ctx context.Context, a *catalog.Account) {
	for range 5 {
		c.stock.Take(stock.Name{Account: a.ID, Keep: a.Content == catalog.ContentKeep})
	}
	c.stock.Fill(ctx)
}

// TakeBack ends the loans of access keys that are over, as Run does.
func (c *Custodian) TakeBack(ctx context.Context) error { return c.takeBack(ctx) }
