package connectd

import "time"

// PassWithin sets what the body of a refused request has to come in.
func (d *Door) PassWithin(t time.Duration) { d.passTime = t }
