package campaign

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealgate/internal/transfer/remote/remotetest"
)

// far is a customer's server, and a gateway with accounts that have a remote there.
type far struct {
	*gateway
	service *remotetest.Service
	disk    string // where the server's folder lies
	url     string
	signIn  []string // flags of `remote add`
	secret  string   // its standard input
	lots    *rand.Rand

	visits, kills, restarts int // that were paid, of the gateway, of the server
}

// everyServer runs a test with a server of each protocol.
func everyServer(t *testing.T, test func(*testing.T, *far)) {
	t.Run("OpenSSH", func(t *testing.T) {
		s := remotetest.OpenSSH(t)
		key := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(key, s.Key, 0o600); err != nil {
			t.Fatal(err)
		}
		test(t, newFar(t, &far{
			service: s.Service, disk: s.Disk, url: fmt.Sprintf("sftp://%s@127.0.0.1:%d%s", s.User, s.Port, s.Disk),
			signIn: []string{"--ssh-key", key, "--host-key", s.HostKeys[0]},
		}))
	})
	t.Run("ProFTPD", func(t *testing.T) {
		s, _ := remotetest.ProFTPD(t)
		test(t, newFar(t, &far{
			service: s.Service, disk: s.Disk, url: fmt.Sprintf("ftpes://%s@127.0.0.1:%d%s", s.User, s.Explicit, s.Dir),
			signIn: []string{"--password-stdin", "--certificate-pin", s.Certificate}, secret: s.Password + "\n",
		}))
	})
}

func newFar(t *testing.T, f *far) *far {
	t.Helper()
	f.lots, f.gateway = lots(t), newGateway(t, "")
	f.stop()
	f.env = append(f.env, "SEALGATE_REMOTES_ALLOW=127.0.0.0/8")
	f.start()
	return f
}

// remote adds a remote of an account that is visited by hand only.
func (f *far) remote(account, direction string, more ...string) {
	f.t.Helper()
	args := append([]string{"remote", "add", account, "bank", f.url, "--direction", direction, "--off", "--data", f.dir}, f.signIn...)
	cmd := exec.Command(f.program(), append(args, more...)...)
	cmd.Env = append(os.Environ(), f.env...)
	cmd.Stdin = strings.NewReader(f.secret)
	if _, errs, code := runToEnd(f.t, cmd, args); code != 0 {
		f.t.Fatalf("remote add: exit code %d\n%s", code, errs)
	}
}

// disturbed visits the remote until over says that it is enough. As long as a visit
// lasts the gateway is killed, or the server ends with all its sessions and begins anew,
// every few seconds.
func (f *far) disturbed(account string, over func() bool) {
	f.t.Helper()
	for n := 0; !over(); {
		ended := make(chan struct{})
		f.visits++
		go func() {
			defer close(ended)
			f.run("remote", "run", account, "bank", "--wait")
		}()
		for going := true; going; n++ {
			if n > pick(100, 5000) {
				f.t.Fatalf("disturbed %d times, and it is not over", n)
			}
			most := pick(400+20*n, 4000) // longer and longer, so that a slow machine comes to an end
			pause(time.Duration(50+f.lots.IntN(most)) * time.Millisecond)
			if n%3 == 2 {
				f.restarts++
				f.service.Stop()
				pause(time.Duration(f.lots.IntN(300)) * time.Millisecond)
				f.service.Start()
			} else {
				f.kills++
				f.kill()
				f.start()
				<-ended
			}
			select {
			case <-ended:
				going = false
			default:
			}
		}
	}
}

// figures tells what a campaign was.
func (f *far) figures(what string, files, bytes int, began time.Time) {
	f.t.Logf("%d files, %d MiB, %s in %v: %d visits, the gateway killed %d times, the server ended and begun anew %d times",
		files, bytes>>20, what, time.Since(began).Round(time.Second), f.visits, f.kills, f.restarts)
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
// and the server is started again, now and then. Each is taken once, with its bytes, and then
// none is left there.
func TestCampaignPulledOnce(t *testing.T) { everyServer(t, pulledOnce) }

func pulledOnce(t *testing.T, f *far) {
	f.account("puller", "keep")
	f.remote("puller", "pull", "--after", "delete", "--still", "1s")
	want, bytes := map[string]string{}, 0
	for name, content := range f.some(pick(80, 10_000)) {
		f.check(os.WriteFile(filepath.Join(f.disk, name), content, 0o644))
		want[name] = sum(content)
		bytes += len(content)
	}
	files, began := len(want), time.Now()
	left := func() int {
		list, err := os.ReadDir(f.disk)
		f.check(err)
		return len(list)
	}
	f.disturbed("puller", func() bool { return left() == 0 })
	f.must("remote", "run", "puller", "bank", "--wait")
	if n := left(); n != 0 {
		t.Errorf("%d files are left there", n)
	}
	f.figures("pulled", files, bytes, began)
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

// tried is a file that it was tried in vain to leave there.
type tried struct {
	ID      string
	Unknown bool
	NextTry *time.Time `json:"next_try"`
}

func (f *far) tried(account string) (files []tried) {
	f.t.Helper()
	f.mustJSON(&files, "remote", "files", account, "bank")
	return files
}

// settled is somebody who says what the server has got of files of which the gateway
// cannot know: the server ended just when it had given them their names, and the customer
// took them.
func (f *far) settled(account string, got map[string]int) {
	f.t.Helper()
	f.run("remote", "run", account, "bank", "--wait") // it tells of them
	names := map[string]string{}
	var waiting []record
	f.mustJSON(&waiting, "outbox", "ls", account)
	for _, rec := range waiting {
		names[rec.ID] = rec.Name
	}
	for _, file := range f.tried(account) {
		if name := names[file.ID]; !file.Unknown || got[name] != 1 {
			f.t.Errorf("%s came %d times and waits: %+v", name, got[name], file)
			continue
		}
		f.t.Logf("the customer says that %s has come", names[file.ID])
		f.must("remote", "delivered", account, "bank", file.ID)
	}
	f.must("remote", "run", account, "bank", "--wait")
}

// TestCampaignPushedOnce leaves many files there while the gateway is killed and the
// server is started again, now and then, and the customer takes away what he finds. Each
// arrives once, with its bytes, and nothing else is left there.
func TestCampaignPushedOnce(t *testing.T) { everyServer(t, pushedOnce) }

func pushedOnce(t *testing.T, f *far) {
	f.account("pusher", "keep")
	f.remote("pusher", "push")
	files := f.some(pick(50, 10_000))
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
	size, began := 0, time.Now()
	for _, content := range files {
		size += len(content)
	}
	got := map[string]int{}
	fetch := func() {
		f.check(filepath.WalkDir(f.disk, func(path string, d fs.DirEntry, err error) error {
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
		for _, file := range f.tried("pusher") {
			if !file.Unknown && file.NextTry != nil { // in a minute, else
				f.run("remote", "send-again", "pusher", "bank", file.ID) // it may be on its way by now
			}
		}
		fetch()
		return len(got) == len(files)
	})
	f.settled("pusher", got)
	fetch()
	f.figures("pushed", len(files), size, began)
	for name := range files {
		if got[name] != 1 {
			t.Errorf("%s came %d times", name, got[name])
		}
	}
	if rest, err := os.ReadDir(f.disk); err != nil || len(rest) != 0 {
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
