package signon

import (
	"net/netip"
	"time"

	"sealgate/internal/account/person"
)

// Pattern is a route as tests walk them.
type Pattern struct {
	Pattern       string
	Open, Halfway bool
}

// Patterns are all routes.
func Patterns() []Pattern {
	var all []Pattern
	for _, r := range routes {
		all = append(all, Pattern{r.pattern, r.stages == nil, r.stages != nil && r.stages[0] != person.Full})
	}
	return all
}

// BrowserName is tested by what people read.
var BrowserName = browserName

// Heard tells which requests of who forgot the password are heard.
func Heard(now func() time.Time) func(from netip.Addr) bool { return newRequests(now).take }
