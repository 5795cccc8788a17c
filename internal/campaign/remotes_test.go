package campaign

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sealgate/internal/transfer/remote/remotetest"
)

// line leads to a server, and can be cut: all connections over it break, as when the
// server is restarted.
type line struct {
	l      net.Listener
	target string

	mu   sync.Mutex // guards open
	open map[net.Conn]bool
}

func newLine(t testing.TB, target string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &line{l: l, target: target, open: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { w.join(client) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		w.cut()
		all.Wait()
	})
	return w
}

func (w *line) port() int { return w.l.Addr().(*net.TCPAddr).Port }

func (w *line) join(client net.Conn) {
	server, err := net.Dial("tcp", w.target)
	if err != nil {
		_ = client.Close()
		return
	}
	w.mu.Lock()
	w.open[client], w.open[server] = true, true
	w.mu.Unlock()
	var both sync.WaitGroup
	carry := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // whatever ends one ends both
		_ = to.Close()
		_ = from.Close()
	}
	both.Go(func() { carry(server, client) })
	both.Go(func() { carry(client, server) })
	both.Wait()
	w.mu.Lock()
	delete(w.open, client)
	delete(w.open, server)
	w.mu.Unlock()
}

func (w *line) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.open {
		_ = c.Close()
	}
}

// customer's server, and a gateway that has an account with a remote there.
type far struct {
	*gateway
	server remotetest.SSH
	line   *line
	lots   *rand.Rand
}

func newFar(t *testing.T) *far {
	t.Helper()
	server := remotetest.OpenSSH(t)
	g := newGateway(t, "")
	g.stop()
	g.env = append(g.env, "SEALGATE_REMOTES_ALLOW=127.0.0.0/8")
	g.start()
	return &far{g, server, newLine(t, fmt.Sprintf("127.0.0.1:%d", server.Port)), lots(t)}
}

// remote adds a remote of an account that is visited by hand only.
func (f *far) remote(account, direction string, more ...string) {
	f.t.Helper()
	key := filepath.Join(f.t.TempDir(), "key")
	f.check(os.WriteFile(key, f.server.Key, 0o600))
	url := fmt.Sprintf("sftp://%s@127.0.0.1:%d%s", f.server.User, f.line.port(), f.server.Disk)
	f.must(append([]string{
		"remote", "add", account, "bank", url, "--direction", direction, "--ssh-key", key, "--host-key", f.server.HostKeys[0], "--off",
	}, more...)...)
}

// disturbed visits the remote until over says that it is enough; meanwhile the gateway
// is killed, and the connection cut, now and then.
func (f *far) disturbed(account string, over func() bool) {
	f.t.Helper()
	for round := 0; !over(); round++ {
		if round > pick(60, 5000) {
			f.t.Fatalf("%d visits, and it is not over", round)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			f.run("remote", "run", account, "bank", "--wait")
		}()
		pause(time.Duration(200+f.lots.IntN(pick(1500, 6000))) * time.Millisecond)
		switch round % 3 {
		case 0:
			f.kill()
			f.start()
		case 1:
			f.line.cut()
		}
		<-ended
	}
	f.must("remote", "run", account, "bank", "--wait")
}

// some are files of mixed sizes, a few of them big enough to be gone on with.
func (f *far) some(n int) map[string][]byte {
	files := map[string][]byte{}
	for i := range n {
		size := f.lots.IntN(20_000)
		switch {
		case i%100 == 7:
			size = 9<<20 + f.lots.IntN(1<<20)
		case i%10 == 3:
			size = f.lots.IntN(300_000)
		}
		files[fmt.Sprintf("pay-%05d.xml", i)] = payfile(uint64(i), 1, size)
	}
	return files
}

// TestCampaignPulledOnce fetches many files of mixed sizes while the gateway is killed
// and the server goes away now and then. Each is taken once, with its bytes, and then
// none is left there.
func TestCampaignPulledOnce(t *testing.T) {
	f := newFar(t)
	f.account("puller", "keep")
	f.remote("puller", "pull", "--after", "delete", "--still", "1s")
	want := map[string]string{}
	for name, content := range f.some(pick(200, 10_000)) {
		f.check(os.WriteFile(filepath.Join(f.server.Disk, name), content, 0o644))
		want[name] = sum(content)
	}
	left := func() int {
		list, err := os.ReadDir(f.server.Disk)
		f.check(err)
		return len(list)
	}
	f.disturbed("puller", func() bool { return left() == 0 })
	if n := left(); n != 0 {
		t.Errorf("%d files are left there", n)
	}
	f.settle(settleBar)
	for _, rec := range f.files("puller") {
		if want[rec.Name] != rec.SHA256 || rec.State != "kept" || rec.Source != "remote:bank" {
			t.Errorf("not as it lay there, or twice: %+v", rec)
		}
		delete(want, rec.Name)
	}
	for name := range want {
		t.Errorf("%s is lost", name)
	}
	f.stop()
	checkStores(f.gateway)
}

// TestCampaignPushedOnce leaves many files there while the gateway is killed and the
// server goes away now and then, and the customer takes away what he finds. Each
// arrives once, with its bytes, and nothing else is left there.
func TestCampaignPushedOnce(t *testing.T) {
	f := newFar(t)
	f.account("pusher", "keep")
	f.remote("pusher", "push")
	files := f.some(pick(60, 10_000))
	home := t.TempDir()
	var paths []string
	for name, content := range files {
		path := filepath.Join(home, name)
		f.check(os.WriteFile(path, content, 0o600))
		paths = append(paths, path)
		if len(paths) == 20 || len(paths) == len(files) {
			f.must(append([]string{"file", "send", "pusher"}, paths...)...)
			paths = nil
		}
	}
	if len(paths) > 0 {
		f.must(append([]string{"file", "send", "pusher"}, paths...)...)
	}
	got := map[string]int{}
	fetch := func() {
		f.check(filepath.WalkDir(f.server.Disk, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || d.Name()[0] == '.' {
				return err
			}
			content, err := os.ReadFile(path)
			if err == nil && !bytes.Equal(content, files[d.Name()]) {
				t.Errorf("%s holds other bytes", d.Name())
			}
			got[d.Name()]++
			return os.Remove(path)
		}))
	}
	f.disturbed("pusher", func() bool {
		fetch()
		return len(got) == len(files)
	})
	fetch()
	for name := range files {
		if got[name] != 1 {
			t.Errorf("%s came %d times", name, got[name])
		}
	}
	if rest, err := os.ReadDir(f.server.Disk); err != nil || len(rest) != 0 {
		t.Errorf("left there: %v, %v", rest, err)
	}
	var waiting []record
	f.mustJSON(&waiting, "outbox", "ls", "pusher")
	if len(waiting) != 0 {
		t.Errorf("%d files wait still", len(waiting))
	}
	f.stop()
	checkStores(f.gateway)
}
