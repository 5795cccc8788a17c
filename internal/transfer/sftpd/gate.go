package sftpd

import (
	"net/netip"
	"sync"
)

// gate bounds the connections on which nobody has signed in yet: in all, and of
// one source, so that one stranger cannot keep everybody else out.
type gate struct {
	max, perSource int

	mu     sync.Mutex
	inside int
	by     map[netip.Prefix]int
}

func newGate(max, perSource int) *gate {
	return &gate{max: max, perSource: perSource, by: make(map[netip.Prefix]int)}
}

// network is what counts as one source: an IPv4 address, or an IPv6 /64.
func network(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil { // no address at all: all such connections are one source
		return netip.Prefix{}
	}
	return p
}

func (g *gate) enter(source netip.Addr) bool {
	n := network(source)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside >= g.max || g.by[n] >= g.perSource {
		return false
	}
	g.inside++
	g.by[n]++
	return true
}

func (g *gate) leave(source netip.Addr) {
	n := network(source)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.by[n]--; g.by[n] == 0 {
		delete(g.by, n)
	}
}
