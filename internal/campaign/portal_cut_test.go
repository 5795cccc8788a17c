package campaign

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sealgate/internal/browsertest"
)

// road is the way from a browser to the gateway: an address that stays, while what
// stands behind it comes and goes.
type road struct {
	l net.Listener

	mu     sync.Mutex
	target string
	closed bool // nobody gets through
	conns  map[net.Conn]bool
	up     int64         // bytes to the gateway
	mark   int64         // at so many the road is closed; 0 = never
	cut    chan struct{} // closed then
}

func newRoad(t testing.TB, target string) *road {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{l: l, target: target, conns: map[net.Conn]bool{}}
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

func (r *road) carry(c net.Conn) {
	defer c.Close()
	r.mu.Lock()
	target, closed := r.target, r.closed
	r.mu.Unlock()
	if closed {
		return
	}
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	r.mu.Lock()
	r.conns[c], r.conns[server] = true, true
	r.mu.Unlock()
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
		close(c.r.cut)
	}
	return n, err
}

// close lets nobody through any more.
func (r *road) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for c := range r.conns {
		c.Close()
	}
}

// open lets everybody through to target.
func (r *road) open(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target, r.closed = target, false
}

// after closes the road when so many bytes more have gone; the channel says that it
// has been.
func (r *road) after(n int64) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mark, r.cut = r.up+n, make(chan struct{})
	return r.cut
}

func (r *road) wait(t testing.TB, cut <-chan struct{}) {
	t.Helper()
	select {
	case <-cut:
	case <-time.After(10 * time.Minute):
		t.Fatal("the upload does not get on")
	}
}

// peak is the most memory that the gateway's process ever took, in bytes.
func (g *gateway) peak() int64 {
	g.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	g.check(err)
	var kilobytes int64
	for line := range bytes.Lines(status) {
		if _, err := fmt.Sscanf(string(line), "VmHWM: %d kB", &kilobytes); err == nil {
			return kilobytes << 10
		}
	}
	g.t.Fatal("the kernel does not say how much memory the gateway takes")
	return 0
}

// A person sends a large file from a browser while the network is cut, the gateway is
// killed and the browser is killed: it goes on each time from where it was, one file
// comes of it, bit for bit, and the gateway's memory stays flat.
func TestCampaignBrowserUploadThroughKillings(t *testing.T) {
	size := int64(pick(32<<20, 1<<30))
	g := newGateway(t, "")
	g.account("acme", "keep")
	anna := g.person("acme", "anna", "uploader")
	name := filepath.Join(t.TempDir(), "salaries-2026-11.bin")
	f, err := os.Create(name)
	g.check(err)
	sum := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, sum), rand.NewChaCha8([32]byte{7}), size)
	g.check(err)
	g.check(f.Close())

	way := newRoad(t, g.addr("https"))
	trust, profile := g.certificate(), t.TempDir()
	b := browsertest.Start(t, browsertest.Options{Trust: trust, Profile: profile})
	anna.Page = b.Open("https://"+way.l.Addr().String(), browsertest.Wide)
	anna.Expect("Failed to load resource|net::ERR")
	anna.signIn("/a/acme/upload")
	anna.Wait("document.querySelector('.scripted')")
	cut := way.after(size / 5)
	anna.Drop("#upload", name)

	way.wait(t, cut) // the network
	anna.WaitText(".upload-state", "Trying again")
	cut = way.after(size / 5)
	way.open(g.addr("https"))

	way.wait(t, cut) // the gateway
	peak := g.peak()
	g.kill()
	g.start()
	cut = way.after(size / 5)
	way.open(g.addr("https"))

	way.wait(t, cut) // the browser
	b.Kill()
	way.open(g.addr("https"))
	b = browsertest.Start(t, browsertest.Options{Trust: trust, Profile: profile})
	anna.Page = b.Open("https://"+way.l.Addr().String(), browsertest.Wide)
	anna.signIn("/a/acme/upload")
	anna.WaitText(".upload-state", "Choose the same file again")
	sent := way.up
	anna.Drop("#upload", name)
	anna.WaitFor(20*time.Minute, "document.querySelector('.result')")

	if again := way.up - sent; again > size*3/5 {
		t.Errorf("%d of %d bytes were sent after three fifths had been", again, size)
	}
	list := g.named("acme", "salaries-2026-11.bin", 1)
	if list[0].Size != size || list[0].SHA256 != hex.EncodeToString(sum.Sum(nil)) {
		t.Errorf("%+v is not what was sent", list[0])
	}
	g.settle(time.Minute)
	peak = max(peak, g.peak())
	t.Logf("the gateway took %d MiB at most for %d MiB", peak>>20, size>>20)
	if peak > 256<<20 {
		t.Errorf("the gateway took %d MiB", peak>>20)
	}
}
