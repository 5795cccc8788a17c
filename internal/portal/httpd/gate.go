package httpd

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// gate is a listener that has room for so many connections, and for so many of one
// address. When there is no room, the connection makes room that has been waiting
// longest for its next request, or for its first; when all are at work, the new one
// is turned away.
type gate struct {
	net.Listener
	most, each int
	begun      func() (ended func())

	mu    sync.Mutex // guards the fields below, and what waits says
	conns map[*conn]struct{}
	from  map[netip.Prefix]int
}

// conn is a connection that was let in.
type conn struct {
	net.Conn
	gate   *gate
	source netip.Prefix
	waits  time.Time // since when it has no request; zero = it has one
	ended  func()
	once   sync.Once
}

func newGate(l net.Listener, most, each int, begun func() func()) *gate {
	return &gate{Listener: l, most: most, each: each, begun: begun, conns: map[*conn]struct{}{}, from: map[netip.Prefix]int{}}
}

// Accept returns the next connection that there is room for.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if in := g.enter(c); in != nil {
			return in, nil
		}
		c.Close()
	}
}

func (g *gate) enter(nc net.Conn) *conn {
	c := &conn{Conn: nc, gate: g, source: sourceOf(nc), waits: time.Now()}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.from[c.source] >= g.each && !g.evict(func(other *conn) bool { return other.source == c.source }) {
		return nil
	}
	if len(g.conns) >= g.most && !g.evict(func(*conn) bool { return true }) {
		return nil
	}
	c.ended = g.begun()
	g.conns[c] = struct{}{}
	g.from[c.source]++
	return c
}

// evict ends the connection that has been waiting longest among those that fit, and
// reports whether there was one. The caller holds mu.
func (g *gate) evict(fits func(*conn) bool) bool {
	var longest *conn
	for c := range g.conns {
		if !c.waits.IsZero() && fits(c) && (longest == nil || c.waits.Before(longest.waits)) {
			longest = c
		}
	}
	if longest == nil {
		return false
	}
	g.leave(longest)
	longest.Conn.Close()
	return true
}

// leave gives a connection's place back. The caller holds mu.
func (g *gate) leave(c *conn) {
	c.once.Do(func() {
		delete(g.conns, c)
		if g.from[c.source]--; g.from[c.source] == 0 {
			delete(g.from, c.source)
		}
		c.ended()
	})
}

// Close ends the connection.
func (c *conn) Close() error {
	c.gate.mu.Lock()
	c.gate.leave(c)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}

// state is told by the server what a connection does.
func (g *gate) state(nc net.Conn, state http.ConnState) {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	c, ok := nc.(*conn)
	if !ok {
		return
	}
	g.mu.Lock()
	switch state {
	case http.StateActive:
		c.waits = time.Time{}
	case http.StateIdle:
		c.waits = time.Now()
	}
	g.mu.Unlock()
	if state == http.StateIdle {
		_ = c.SetWriteDeadline(time.Time{}) // the last answer's; a closed connection has none
	}
}

// sourceOf is whom a connection counts for. Who has one IPv6 address has 2^64.
func sourceOf(nc net.Conn) netip.Prefix {
	a, ok := nc.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	addr := a.AddrPort().Addr().Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits) // fails for no address at all: then nobody's
	return p
}
