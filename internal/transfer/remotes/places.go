package remotes

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// places are how many visits may be paid at a time: so many in all, and so many of
// them at one host.
type places struct {
	all, perHost int

	mu    sync.Mutex
	taken int
	hosts map[string]int
	freed chan struct{} // closed, and made anew, when a place is given back
}

func newPlaces(all, perHost int) *places {
	return &places{all: all, perHost: perHost, hosts: map[string]int{}, freed: make(chan struct{})}
}

// take takes a place at host if there is one; else it returns what is closed when one
// was given back.
func (p *places) take(host string) (ok bool, freed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= p.all || p.hosts[host] >= p.perHost {
		return false, p.freed
	}
	p.taken++
	p.hosts[host]++
	return true, nil
}

// wait takes a place at host when there is one.
func (p *places) wait(ctx context.Context, host string) error {
	for {
		ok, freed := p.take(host)
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

// give gives a place back.
func (p *places) give(host string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.hosts[host]--; p.hosts[host] == 0 {
		delete(p.hosts, host)
	}
	close(p.freed)
	p.freed = make(chan struct{})
}

func (p *places) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken >= p.all
}

// Pauses after visits that failed: 30 s, 1 min, 2 min ... up to half an hour, each a
// fifth shorter or longer by chance, so that what failed together does not come back
// together.
const (
	firstPause = 30 * time.Second
	longPause  = 30 * time.Minute
)

func pause(failures int64) time.Duration {
	d := longPause
	if failures < 7 {
		d = min(longPause, firstPause<<max(0, failures-1))
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	part := time.Duration(binary.BigEndian.Uint32(b[:]) % 401)
	return d * (800 + part) / 1000
}
