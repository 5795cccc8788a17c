package campaign

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// fate is how a proxy ends a connection.
type fate int

const (
	ends   fate = iota // both sides see an orderly end of TCP
	resets             // both sides see a reset
	hangs              // the client sees an end, the gateway hears nothing any more
)

// proxy stands between one client and the gateway and cuts their connection at a
// byte.
type proxy struct {
	l        net.Listener
	target   string
	fate     fate
	up, down int64 // bytes to let through, to and from the gateway

	sentUp, sentDown atomic.Int64
	cut              sync.Once
	held             net.Conn // the gateway's end of a connection that hangs
	hangUp           func()   // ends that, too
}

const noLimit = int64(1) << 60

// newProxy lets so many bytes through to target, for one connection.
func newProxy(t testing.TB, target string, f fate, up, down int64) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, target: target, fate: f, up: up, down: down}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.serve()
	}()
	p.hangUp = sync.OnceFunc(func() {
		l.Close()
		<-done
		if p.held != nil {
			p.held.Close()
		}
	})
	t.Cleanup(p.hangUp)
	return p
}

func (p *proxy) addr() string { return p.l.Addr().String() }

func (p *proxy) serve() {
	client, err := p.l.Accept()
	if err != nil {
		return
	}
	p.l.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		client.Close()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.carry(server, client, p.up, &p.sentUp, client, server) })
	both.Go(func() { p.carry(client, server, p.down, &p.sentDown, client, server) })
	both.Wait()
}

// carry forwards n bytes one way, then cuts both.
func (p *proxy) carry(to, from net.Conn, n int64, count *atomic.Int64, client, server net.Conn) {
	_, err := io.Copy(counting{to, count}, io.LimitReader(from, n))
	p.cut.Do(func() {
		whole := n == noLimit && (err == nil || errors.Is(err, net.ErrClosed))
		if !whole && p.fate == resets {
			_ = client.(*net.TCPConn).SetLinger(0)
			_ = server.(*net.TCPConn).SetLinger(0)
		}
		client.Close()
		if !whole && p.fate == hangs {
			p.held = server
			return
		}
		server.Close()
	})
	if p.fate == hangs { // the other way ends, too, without a word to the gateway
		_ = server.SetReadDeadline(longAgo)
	}
}

// counting counts what is written through it.
type counting struct {
	io.Writer
	n *atomic.Int64
}

func (c counting) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n.Add(int64(n))
	return n, err
}
