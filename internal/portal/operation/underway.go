package operation

import (
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/fair"
)

// How many requests of an account may be under way at the same time; an operator
// counts by himself. Those that take long by their nature have a share of their own,
// so that others find a place beside them. Streams of events are counted by their hub.
const (
	maxUnderWay = 64
	maxWaits    = 16
	maxSends    = 32
)

// underWay is the requests under way.
type underWay struct {
	all *fair.Places
	of  map[access.Kind]*fair.Places
}

func newUnderWay() underWay {
	return underWay{fair.NewPlaces(maxUnderWay, 0), map[access.Kind]*fair.Places{
		access.Waits: fair.NewPlaces(maxWaits, 0), access.Sends: fair.NewPlaces(maxSends, 0),
	}}
}

// begin takes the places that an operation needs; leave gives them back, and is nil
// when there is none. Who has the machine has everything.
func (u underWay) begin(c access.Caller, operation string) (leave func()) {
	kind := access.Lasts(operation)
	if c.Local || kind == access.Streams {
		return func() {}
	}
	who := c.Share()
	own := u.of[kind]
	if own == nil {
		return u.all.Take(who)
	}
	first := own.Take(who)
	if first == nil {
		return nil
	}
	second := u.all.Take(who)
	if second == nil {
		first()
		return nil
	}
	return func() { second(); first() }
}
