package campaign

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// road is the way to a gateway: an address that stays, while what stands behind it comes
// and goes. It can be cut, closed, or closed after so many bytes.
type road struct {
	l  net.Listener
	to func() string // where it leads now

	mu     sync.Mutex
	closed bool // nobody gets through
	conns  map[net.Conn]bool
	up     int64         // bytes to the gateway
	mark   int64         // at so many the road is closed; 0 = never
	there  chan struct{} // closed then
}

func newRoad(t testing.TB, to func() string) *road {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{l: l, to: to, conns: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { r.carry(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		r.close()
		all.Wait()
	})
	return r
}

func (r *road) addr() string { return r.l.Addr().String() }

func (r *road) carry(c net.Conn) {
	defer c.Close()
	server, err := net.Dial("tcp", r.to())
	if err != nil {
		return
	}
	defer server.Close()
	r.mu.Lock()
	closed := r.closed
	if !closed {
		r.conns[c], r.conns[server] = true, true
	}
	r.mu.Unlock()
	if closed {
		return
	}
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.conns, c)
		delete(r.conns, server)
	}()
	var both sync.WaitGroup
	both.Go(func() {
		defer c.Close()
		_, _ = io.Copy(c, server)
	})
	both.Go(func() {
		defer server.Close()
		_, _ = io.Copy(counted{server, r}, c)
	})
	both.Wait()
}

// counted counts what goes to the gateway.
type counted struct {
	io.Writer
	r *road
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.r.mu.Lock()
	c.r.up += int64(n)
	there := c.r.mark > 0 && c.r.up >= c.r.mark
	if there {
		c.r.mark = 0
	}
	c.r.mu.Unlock()
	if there {
		c.r.close()
		close(c.r.there)
	}
	return n, err
}

// cut breaks what goes through now.
func (r *road) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.Close()
	}
}

// close lets nobody through any more.
func (r *road) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cut()
}

// open lets everybody through.
func (r *road) open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = false
}

// after closes the road when so many bytes more have gone; the channel says that it
// has been.
func (r *road) after(n int64) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mark, r.there = r.up+n, make(chan struct{})
	return r.there
}

func (r *road) wait(t testing.TB, there <-chan struct{}) {
	t.Helper()
	select {
	case <-there:
	case <-time.After(10 * time.Minute):
		t.Fatal("the upload does not get on")
	}
}
