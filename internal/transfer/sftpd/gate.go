package sftpd

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// gate bounds the connections on which nobody has signed in yet: in all, and of
// one source, so that one stranger cannot keep everybody else out. Nor can many
// who come and say nothing: when the house is crowded the one that has been
// there longest makes room for the next.
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

// enter lets a connection in. crowded says that another must go; those that are
// told to may need a moment, for which there is as much room again.
func (g *gate) enter(source netip.Addr) (in, crowded bool) {
	n := network(source)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside >= 2*g.max || g.by[n] >= g.perSource {
		return false, false
	}
	g.inside++
	g.by[n]++
	return true, g.inside > g.max
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

// share is something of which there is so much.
type share struct {
	most int64
	used atomic.Int64
}

func (s *share) take() bool {
	if s.used.Add(1) <= s.most {
		return true
	}
	s.used.Add(-1)
	return false
}

func (s *share) give() { s.used.Add(-1) }
