package custody

// FailAt makes the rounds of c end with err at a named point, as a crash would.
func (c *Custodian) FailAt(fail func(point string) error) { c.fault = fail }
