// Package places shares out a number of places: so many in all, and of them so many for
// one account, at one host and at one address. Who has slow servers of any number, or
// one under any number of names, waits for himself. Where a host was last gone to is
// remembered for a while, so that who goes there again waits for a place at that
// address, too, and does not set out in vain.
package places

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"
)

// remembered is of how many hosts it is known at most where they are; believed, for how
// long: one that has moved does not wait for ever where it was.
const (
	remembered = 10_000
	believed   = 10 * time.Minute
)

// Places is what there is to take. It is safe for concurrent use.
type Places struct {
	all, perAccount, perHost int
	now                      func() time.Time

	mu        sync.Mutex
	taken     int
	accounts  map[uuid.UUID]int
	hosts     map[string]int
	addresses map[netip.Prefix]int
	known     map[string]known // by host
	freed     chan struct{}    // closed, and made anew, when a place is given back
}

// known is where a host was, and when.
type known struct {
	to netip.Prefix
	at time.Time
}

// Place is whose and where one is taken.
type Place struct {
	Account uuid.UUID
	Host    string
}

// New returns places: so many in all, for one account, at one host.
func New(all, perAccount, perHost int, now func() time.Time) *Places {
	return &Places{
		all: all, perAccount: perAccount, perHost: perHost, now: now,
		accounts: map[uuid.UUID]int{}, hosts: map[string]int{}, addresses: map[netip.Prefix]int{},
		known: map[string]known{}, freed: make(chan struct{}),
	}
}

// Taken is a place that somebody has until he gives it back.
type Taken struct {
	places *Places
	at     Place
	reach  netip.Prefix // where he is, or is thought to go; the zero value = nobody knows yet
}

// Take takes a place if there is one; else it returns nil and what is closed when one
// was given back.
func (p *Places) Take(at Place) (*Taken, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var to netip.Prefix
	if k, ok := p.known[at.Host]; ok && p.now().Sub(k.at) < believed {
		to = k.to
	}
	if p.taken >= p.all || p.accounts[at.Account] >= p.perAccount || p.hosts[at.Host] >= p.perHost || p.addresses[to] >= p.perHost {
		return nil, p.freed
	}
	p.taken++
	p.accounts[at.Account]++
	p.hosts[at.Host]++
	if to.IsValid() {
		p.addresses[to]++
	}
	return &Taken{places: p, at: at, reach: to}, nil
}

// Wait takes a place when there is one.
func (p *Places) Wait(ctx context.Context, at Place) (*Taken, error) {
	for {
		t, freed := p.Take(at)
		if t != nil {
			return t, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-freed:
		}
	}
}

// Reach takes a place at an address, in place of the one before, and reports whether
// there was one: as many as at a host. Of IPv6 a network of 64 bits counts as one.
func (t *Taken) Reach(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	to, err := addr.Prefix(bits)
	if err != nil {
		return false
	}
	p := t.places
	p.mu.Lock()
	defer p.mu.Unlock()
	if to == t.reach {
		return true
	}
	drop(p.addresses, t.reach)
	t.reach = netip.Prefix{}
	if len(p.known) >= remembered {
		clear(p.known)
	}
	p.known[t.at.Host] = known{to, p.now()}
	if p.addresses[to] >= p.perHost {
		return false
	}
	p.addresses[to]++
	t.reach = to
	return true
}

// Give gives the place back.
func (t *Taken) Give() {
	p := t.places
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	drop(p.accounts, t.at.Account)
	drop(p.hosts, t.at.Host)
	drop(p.addresses, t.reach)
	close(p.freed)
	p.freed = make(chan struct{})
}

// drop counts one less of what.
func drop[K comparable](of map[K]int, what K) {
	if of[what]--; of[what] <= 0 {
		delete(of, what)
	}
}

// Freed returns what is closed when a place is given back that is taken now.
func (p *Places) Freed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.freed
}

// Full reports whether none is left for anybody.
func (p *Places) Full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken >= p.all
}
