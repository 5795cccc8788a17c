// Package places shares out a number of places: so many in all, and of them so many for
// one account and at one host. Who has slow servers of any number waits for himself.
package places

import (
	"context"
	"sync"

	"github.com/google/uuid"
)

// Places is what there is to take. It is safe for concurrent use.
type Places struct {
	all, perAccount, perHost int

	mu       sync.Mutex
	taken    int
	accounts map[uuid.UUID]int
	hosts    map[string]int
	freed    chan struct{} // closed, and made anew, when a place is given back
}

// Place is whose and where one is taken.
type Place struct {
	Account uuid.UUID
	Host    string
}

// New returns places: so many in all, for one account, at one host.
func New(all, perAccount, perHost int) *Places {
	return &Places{all: all, perAccount: perAccount, perHost: perHost, accounts: map[uuid.UUID]int{}, hosts: map[string]int{}, freed: make(chan struct{})}
}

// Take takes a place if there is one; else it returns what is closed when one
// was given back.
func (p *Places) Take(at Place) (ok bool, freed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= p.all || p.accounts[at.Account] >= p.perAccount || p.hosts[at.Host] >= p.perHost {
		return false, p.freed
	}
	p.taken++
	p.accounts[at.Account]++
	p.hosts[at.Host]++
	return true, nil
}

// Wait takes a place when there is one.
func (p *Places) Wait(ctx context.Context, at Place) error {
	for {
		ok, freed := p.Take(at)
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-freed:
		}
	}
}

// Give gives a place back.
func (p *Places) Give(at Place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.accounts[at.Account]--; p.accounts[at.Account] == 0 {
		delete(p.accounts, at.Account)
	}
	if p.hosts[at.Host]--; p.hosts[at.Host] == 0 {
		delete(p.hosts, at.Host)
	}
	close(p.freed)
	p.freed = make(chan struct{})
}

// Full reports whether none is left for anybody.
func (p *Places) Full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken >= p.all
}
