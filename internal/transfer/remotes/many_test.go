package remotes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/poll"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remotes"
	"sealgate/internal/transfer/remotes/visits"
)

const (
	bad       = 10 // that are unreachable, and as many that are very slow
	hosts     = 16 // sshd listens at so many addresses at most
	slowSpeed = 4 << 10
)

// crowd is a gateway's inside with many remotes, on real servers of this machine.
type crowd struct {
	*intaketest.World
	*remotes.Service
	t    *testing.T
	n    int // of those that are well
	sshd remotetest.SSH

	mu         sync.Mutex
	began      map[string]int // visits, by remote
	ended      map[string]int
	came       chan struct{} // one a visit that fetched
	goroutines int           // the most that were seen
	heap       uint64
	jumped     time.Time // when the clock was
	late       time.Duration
	slowDone   int
}

// A gateway with many remotes, some of which cannot be reached and some of which are
// very slow, visits all others when they are due, with as many goroutines and as much
// memory as it has places.
func TestManyRemotesSomeOfThemBad(t *testing.T) {
	n := 40
	if os.Getenv("SEALGATE_LONG") != "" {
		n = 480
	}
	c := newCrowd(t, n)
	c.addAll()
	set := runtime.NumGoroutine()

	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	const rounds = 3 // with a minute between them, all before a lease would be over
	for round := range rounds {
		c.due(round)
		if round == 0 {
			go func() { ran <- c.Run(ctx) }()
		}
		c.Wake()
		c.wait(round)
	}
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range n {
		if got := c.ended[well(i)]; got != rounds {
			t.Errorf("%s was visited %d times in %d rounds", well(i), got, rounds)
		}
	}
	for i := range bad {
		if got := c.began[fmt.Sprintf("slow-%d", i)]; got != 1 {
			t.Errorf("a slow one was visited %d times at once", got)
		}
		if c.began[fmt.Sprintf("dead-%d", i)] == 0 {
			t.Error("one that cannot be reached was not even tried")
		}
	}
	if c.slowDone > 0 {
		t.Errorf("%d slow visits had ended: they were in nobody's way", c.slowDone)
	}
	t.Logf("%d remotes: the last of those that are well begins %v after it was due; at most %d goroutines more than without visits, heap %d MiB",
		n+2*bad, c.late.Round(time.Millisecond), c.goroutines-set, c.heap>>20)
	if c.late > time.Minute {
		t.Errorf("one was due again before its visit began, %v after it was due", c.late)
	}
	const places, each = 32, 80 // a file is read up to 64 blocks ahead
	if c.goroutines > set+places*each {
		t.Errorf("%d goroutines, %d without visits", c.goroutines, set)
	}
	if c.heap > 256<<20 {
		t.Errorf("the heap has %d MiB", c.heap>>20)
	}
}

func well(i int) string { return fmt.Sprintf("well-%d", i) }

func newCrowd(t *testing.T, n int) *crowd {
	t.Helper()
	c := &crowd{World: intaketest.New(t, nil), t: t, n: n, began: map[string]int{}, ended: map[string]int{}, came: make(chan struct{}, n)}
	more := []string{"MaxStartups 1000"}
	for i := 1; i < hosts; i++ {
		more = append(more, "ListenAddress "+address(i))
	}
	c.sshd = remotetest.OpenSSH(t, more...)
	c.Account("acme", catalog.ContentKeep)
	pulling := visits.Pulling(poll.New(c.Catalog, c.Intake, c.Keys, c.Clock.Now))
	c.Service = remotes.New(remotes.Options{
		PerAccount: 32,
		Catalog:    c.Catalog, Custody: c.Keys, Keys: c.Store, Guard: remotetest.Loopback(), Node: "node-1", Connect: visits.Dial,
		Pull: func(ctx context.Context, v remotes.Visit) (remotes.Result, error) {
			c.begins(v.Name)
			r, err := pulling(ctx, v)
			c.ends(ctx, v.Name, r, err)
			return r, err
		},
		Now: c.Clock.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	return c
}

// address is one of this machine's, each a host of its own.
func address(i int) string { return fmt.Sprintf("127.0.0.%d", i+1) }

func (c *crowd) begins(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began[name]++
	c.goroutines = max(c.goroutines, runtime.NumGoroutine())
	if strings.HasPrefix(name, "well-") {
		c.late = max(c.late, time.Since(c.jumped))
	}
}

func (c *crowd) ends(ctx context.Context, name string, r remotes.Result, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil { // the gateway is stopped
		return
	}
	c.ended[name]++
	switch {
	case strings.HasPrefix(name, "slow-"):
		c.slowDone++
	case strings.HasPrefix(name, "well-"):
		if err != nil || r.Files != 1 {
			c.t.Errorf("%s: %+v %v", name, r, err)
		}
		c.came <- struct{}{}
	}
}

// due lays a file on each server that is well, and lets a minute pass.
func (c *crowd) due(round int) {
	c.t.Helper()
	for i := range c.n {
		c.put(well(i), fmt.Sprintf("lon-%d.xml", round), fmt.Appendf(nil, "%d of round %d", i, round))
	}
	c.mu.Lock()
	c.jumped = time.Now()
	c.mu.Unlock()
	c.Clock.Add(time.Minute)
}

// wait waits until all files of a round have come.
func (c *crowd) wait(round int) {
	c.t.Helper()
	late := time.After(10 * time.Minute)
	for i := range c.n {
		select {
		case <-c.came:
		case <-late:
			c.t.Fatalf("round %d: %d of %d have come", round, i, c.n)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c.mu.Lock()
	c.heap = max(c.heap, m.HeapInuse)
	c.mu.Unlock()
}

func (c *crowd) put(folder, name string, content []byte) {
	c.t.Helper()
	dir := filepath.Join(c.sshd.Disk, folder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *crowd) addAll() {
	c.t.Helper()
	add := func(name, at string) {
		n := remotes.NewRemote{Name: name, Direction: table.Pull, Settings: remotes.Defaults(table.Pull), Secret: remotes.SecretChange{Key: text(string(c.sshd.Key))}}
		n.Settings.URL = fmt.Sprintf("sftp://%s@%s%s", c.sshd.User, at, filepath.Join(c.sshd.Disk, name))
		n.Settings.HostKeys, n.Settings.Every, n.Settings.Still = c.sshd.HostKeys, time.Minute, 0
		if _, err := c.Add(c.t.Context(), "test", "acme", n); err != nil {
			c.t.Fatal(err)
		}
	}
	// The bad ones are due first.
	for i := range bad {
		add(fmt.Sprintf("dead-%d", i), c.dead(i))
		c.put(fmt.Sprintf("slow-%d", i), "big.xml", remotetest.Bytes(4<<20, uint64(i)))
		add(fmt.Sprintf("slow-%d", i), c.slow(i))
	}
	for i := range c.n {
		add(well(i), fmt.Sprintf("%s:%d", address(i%hosts), c.sshd.Port))
	}
}

// dead is where nobody answers: every other one takes connections and never says a
// word, at the rest nothing listens.
func (c *crowd) dead(i int) string {
	at := c.listen(fmt.Sprintf("127.0.1.%d", i+1))
	if i%2 == 1 {
		_ = at.Close() // its port is what is wanted
	}
	return at.Addr().String()
}

func (c *crowd) listen(host string) net.Listener {
	c.t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = l.Close() })
	return l
}

// slow is sshd behind a line that is good until somebody has signed in and then hardly
// moves.
func (c *crowd) slow(i int) string {
	l := c.listen(fmt.Sprintf("127.0.2.%d", i+1))
	var work sync.WaitGroup
	work.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.sshd.Port))
			if err != nil {
				_ = near.Close()
				continue
			}
			work.Go(func() {
				_, _ = io.Copy(far, near)
				_, _ = far.Close(), near.Close()
			})
			work.Go(func() {
				crawl(near, far)
				_, _ = far.Close(), near.Close()
			})
		}
	})
	c.t.Cleanup(func() {
		_ = l.Close()
		work.Wait()
	})
	return l.Addr().String()
}

func crawl(to io.Writer, from io.Reader) {
	if _, err := io.CopyN(to, from, 8<<10); err != nil {
		return
	}
	tick := time.NewTicker(time.Second / 8)
	defer tick.Stop()
	for range tick.C {
		if _, err := io.CopyN(to, from, slowSpeed/8); err != nil && !errors.Is(err, io.ErrShortWrite) {
			return
		}
	}
}
