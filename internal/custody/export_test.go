package custody

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
