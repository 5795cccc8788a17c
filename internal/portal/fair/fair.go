// Package fair keeps one from taking what is there for all.
//
// Places count what is under way, for each who takes it and in all: requests, waits,
// open arrivals, streams. A Body is the body of a request that may take hours, but
// does not dribble: a request that does little holds its places for nothing.
package fair

import "sync"

// Places are what may be held at the same time: so many by one, and so many in all.
type Places struct {
	each, all, spare int

	mu   sync.Mutex
	held map[string]int
	sum  int
}

// NewPlaces returns places that are free. all = 0 is no bound.
func NewPlaces(each, all int) *Places {
	return &Places{each: each, all: all, held: map[string]int{}}
}

// Spare keeps so many of all places for who holds none: few who take what they may
// leave a place for each of the others.
func (p *Places) Spare(n int) *Places {
	p.spare = n
	return p
}

// Take takes one of who's places. leave, which is called once, gives it back; it is
// nil when there is none.
func (p *Places) Take(who string) (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.all
	if p.held[who] > 0 {
		all -= p.spare
	}
	if p.held[who] >= p.each || p.all > 0 && p.sum >= all {
		return nil
	}
	p.held[who]++
	p.sum++
	return func() { p.leave(who) }
}

func (p *Places) leave(who string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sum--
	if p.held[who]--; p.held[who] == 0 {
		delete(p.held, who)
	}
}
