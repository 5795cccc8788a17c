package agent

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealgate/internal/agent/agenttest"
	"sealgate/internal/agent/home"
	"sealgate/internal/agent/journal"
	"sealgate/internal/durable"
	"sealgate/internal/durable/durabletest"
	"sealgate/internal/statement"
	"sealgate/internal/store/catalog"
)

// desk is a customer's machine with an agent on it.
type desk struct {
	*Agent
	t      *testing.T
	g      *agenttest.Gateway
	folder string
	o      Options
}

func newDesk(t *testing.T, g *agenttest.Gateway, url string) *desk {
	t.Helper()
	d := &desk{t: t, g: g, folder: t.TempDir()}
	d.o = Options{
		Home: g.Enrol(url), Program: "connect test", Disk: durable.OS, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Settings: &home.Settings{Proxy: "direct", Parallel: 4, Folders: []home.Folder{{Path: d.folder, After: home.Move}}},
	}
	d.o.Now = g.Clock.Now
	d.open()
	t.Cleanup(func() { d.Close() })
	return d
}

func (d *desk) open() {
	d.t.Helper()
	a, err := Open(d.t.Context(), d.o)
	if err != nil {
		d.t.Fatal(err)
	}
	d.Agent = a
}

// restart is what a crash and a start make of the agent.
func (d *desk) restart() {
	d.t.Helper()
	d.Close()
	d.open()
}

func (d *desk) write(name string, content []byte) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.folder, name), content, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// work looks and sends once.
func (d *desk) work() error {
	if err := d.LookOnce(d.t.Context()); err != nil {
		return err
	}
	return d.SendAll(d.t.Context())
}

func (d *desk) mustWork() {
	d.t.Helper()
	if err := d.work(); err != nil {
		d.t.Fatal(err)
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// arrived fails unless the gateway has exactly these contents, each once, and each
// file here is in sent/ with its receipt.
func (d *desk) arrived(want map[string][]byte) {
	d.t.Helper()
	taken := d.g.Taken()
	if len(taken) != len(want) {
		d.t.Fatalf("the gateway has %d files, want %d", len(taken), len(want))
	}
	got := map[string]bool{}
	for _, f := range taken {
		if f.State != catalog.Received || f.Source != "connect" {
			d.t.Errorf("a file is %s, from %s", f.State, f.Source)
		}
		content := d.g.Read(f)
		for name, w := range want {
			if bytes.Equal(content, w) {
				got[name] = true
			}
		}
		d.receipt(f)
	}
	for name, w := range want {
		if !got[name] {
			d.t.Errorf("%s did not arrive bit by bit", name)
		}
		if _, err := os.Lstat(filepath.Join(d.folder, name)); !errors.Is(err, os.ErrNotExist) {
			d.t.Errorf("%s lies there still (%v)", name, err)
		}
		if there, err := os.ReadFile(filepath.Join(d.folder, home.Sent, name)); err != nil || !bytes.Equal(there, w) {
			d.t.Errorf("%s is not in sent/: %v", name, err)
		}
	}
	if open, err := d.Journal().Open(d.t.Context(), 0, 10); err != nil || len(open) != 0 {
		d.t.Errorf("%d files are on their way still, %v", len(open), err)
	}
}

func (d *desk) receipt(f *catalog.File) {
	d.t.Helper()
	found, err := filepath.Glob(filepath.Join(d.o.Home.Receipts(), "*", f.ID.String()+".receipt"))
	if err != nil || len(found) != 1 {
		d.t.Errorf("%d receipts of %s, %v", len(found), f.ID, err)
		return
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		d.t.Fatal(err)
	}
	if r, err := statement.Verify(text, statement.Fingerprint(d.enrolment.Identity)); err != nil || r.Receipt.File != f.ID.String() || r.Receipt.Size != f.Content.Size {
		d.t.Errorf("the receipt of %s: %+v, %v", f.ID, r, err)
	}
}

// files are one of each kind: empty, small, over the border of what goes at once, and
// of several parts.
func files() map[string][]byte {
	return map[string][]byte{"empty.xml": {}, "small.xml": random(1000), "middle.xml": random(1<<20 + 5), "large.xml": random(9<<20 + 77)}
}

func (d *desk) writeAll(all map[string][]byte) {
	d.t.Helper()
	for name, content := range all {
		d.write(name, content)
	}
}

func TestFilesArriveOnceByHTTPSAndByHTTP(t *testing.T) {
	g := agenttest.New(t)
	for _, url := range []string{g.TLS.URL, g.Plain.URL} {
		t.Run(url[:5], func(t *testing.T) {
			before := len(g.Taken())
			d := newDesk(t, g, url)
			all := files()
			d.writeAll(all)
			d.mustWork()
			if n := len(g.Taken()) - before; n != len(all) {
				t.Fatalf("%d files were taken, want %d", n, len(all))
			}
			d.mustWork() // again: nothing
			if n := len(g.Taken()) - before; n != len(all) {
				t.Fatalf("%d files were taken, want %d", n, len(all))
			}
			if before == 0 {
				d.arrived(all)
			}
		})
	}
}

// errCut is a crash between two steps.
var errCut = errors.New("the power is off")

// often is how many times in a row a failure is tried: all in make test-long.
func often(short, long int) int {
	if os.Getenv("SEALGATE_LONG") != "" {
		return long
	}
	return short
}

// Killed between any two steps, and started again, each file arrives exactly once.
func TestCampaignACrashAnywhereLosesAndDoublesNothing(t *testing.T) {
	steps := []string{"sealed", "begun", "part", "sent", "answered", "receipt", "received", "moved"}
	for _, step := range steps {
		for nth := 1; nth <= often(1, 3); nth++ {
			t.Run(fmt.Sprintf("%s-%d", step, nth), func(t *testing.T) {
				g := agenttest.New(t)
				d := newDesk(t, g, g.Plain.URL)
				var mu sync.Mutex // files are put away beside each other
				seen, dead := 0, false
				d.o.Cut = func(at string) error {
					mu.Lock()
					defer mu.Unlock()
					if at == step {
						seen++
					}
					if dead = dead || seen >= nth; dead { // nothing happens after it
						return errCut
					}
					return nil
				}
				d.restart()
				all := map[string][]byte{"small.xml": random(1000), "large.xml": random(9<<20 + 77)}
				d.writeAll(all)
				err := d.work()
				if seen > 0 && seen >= nth && !errors.Is(err, errCut) {
					t.Fatalf("not cut: %v", err)
				}
				d.o.Cut = nil
				d.restart()
				d.mustWork()
				d.arrived(all)
			})
		}
	}
}

// Requests and answers that are lost or changed on the way lose and double nothing.
func TestCampaignABadWayLosesAndDoublesNothing(t *testing.T) {
	for _, fate := range []agenttest.Fate{agenttest.Cut, agenttest.Deaf, agenttest.Mangled} {
		for nth := 1; nth <= often(5, 9); nth++ {
			t.Run(fmt.Sprintf("%d-%d", fate, nth), func(t *testing.T) {
				g := agenttest.New(t)
				d := newDesk(t, g, g.Plain.URL)
				all := map[string][]byte{"small.xml": random(1000), "large.xml": random(5<<20 + 77)}
				d.writeAll(all)
				n := 0
				g.Fates(func(*http.Request) agenttest.Fate {
					if n++; n == nth {
						return fate
					}
					return agenttest.Through
				})
				_ = d.work()
				g.Fates(nil)
				d.restart()
				d.mustWork()
				d.arrived(all)
			})
		}
	}
}

// A disk that fails, with or without having done what was asked, loses and doubles
// nothing.
func TestCampaignABadDiskLosesAndDoublesNothing(t *testing.T) {
	for _, how := range []durabletest.How{durabletest.NotStored, durabletest.Stored} {
		for _, op := range durabletest.Ops {
			for nth := 1; nth <= often(2, 4); nth++ {
				g := agenttest.New(t)
				d := newDesk(t, g, g.Plain.URL)
				disk := durabletest.NewFaulty(durable.OS)
				d.o.Disk = disk
				d.restart()
				all := map[string][]byte{"a.xml": random(1000), "b.xml": random(2000)}
				d.writeAll(all)
				disk.Fail(op, nth, how, durabletest.ErrFull)
				err := d.work()
				fired := disk.Fired() > 0
				if !fired && err != nil {
					t.Fatal(err)
				}
				d.restart()
				d.mustWork()
				d.arrived(all)
				d.Close()
				if !fired {
					break
				}
			}
		}
	}
}

// A gateway that is started anew in the middle of a large file is gone on with where
// it stopped.
func TestAGatewayStartedAnewGoesOn(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	content := random(33 << 20)
	d.write("large.xml", content)
	parts := 0
	g.Fates(func(r *http.Request) agenttest.Fate {
		if r.Method == http.MethodPut {
			if parts++; parts > 5 {
				return agenttest.Cut
			}
		}
		return agenttest.Through
	})
	if err := d.work(); err == nil {
		t.Fatal("it was not cut")
	}
	g.StartAnew()
	more := 0
	g.Fates(func(r *http.Request) agenttest.Fate {
		if r.Method == http.MethodPut {
			more++
		}
		return agenttest.Through
	})
	d.mustWork()
	d.arrived(map[string][]byte{"large.xml": content})
	g.Fates(nil)
	if more > 6 {
		t.Errorf("%d parts were sent after the restart: it began anew", more)
	}
}

// A file that is changed while it is on its way is another delivery, and what is put
// away is what was sent.
func TestAFileThatChangesIsSentAsItIsThen(t *testing.T) {
	for _, step := range []string{"sealed", "answered", "received"} {
		t.Run(step, func(t *testing.T) {
			g := agenttest.New(t)
			d := newDesk(t, g, g.Plain.URL)
			first, second := random(1000), random(1100)
			d.write("pay.xml", first)
			changed := false
			d.o.Cut = func(at string) error {
				if at == step && !changed {
					changed = true
					d.write("pay.xml", second)
				}
				return nil
			}
			d.restart()
			d.mustWork()
			d.mustWork()
			if there, err := os.ReadFile(filepath.Join(d.folder, home.Sent, "pay.xml")); err != nil || !bytes.Equal(there, second) {
				t.Errorf("sent/ holds another content than the last: %v", err)
			}
			if n := len(g.Taken()); n != 2 {
				t.Errorf("%d files were taken, want both contents", n)
			}
		})
	}
}

func TestAfterDeleteNothingStays(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	d.o.Settings.Folders[0].After = home.Delete
	d.restart()
	d.writeAll(files())
	d.mustWork()
	left, err := os.ReadDir(d.folder)
	if err != nil || len(left) != 0 || len(g.Taken()) != 4 {
		t.Errorf("%v are left, %d taken, %v", left, len(g.Taken()), err)
	}
}

// The same file again, brought back as it was, is the same delivery: the gateway
// answers with the receipt that it gave.
func TestAFileThatComesBackIsTheSameDelivery(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	all := map[string][]byte{"small.xml": random(1000), "large.xml": random(9 << 20)}
	d.writeAll(all)
	d.mustWork()
	for name := range all {
		if err := os.Rename(filepath.Join(d.folder, home.Sent, name), filepath.Join(d.folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	puts := 0
	g.Fates(func(r *http.Request) agenttest.Fate {
		if r.Method == http.MethodPut {
			puts++
		}
		return agenttest.Through
	})
	d.mustWork()
	d.arrived(all)
	if puts != 0 {
		t.Errorf("%d parts were sent of files that the gateway has", puts)
	}
}

// A gateway that came back from an older backup gets again what it lost, once; what
// is here no more is named.
func TestARestoredGatewayGetsItsFilesAgain(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	if err := d.BeatOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{"here.xml": random(1000), "large.xml": random(3 << 20), "gone.xml": random(500)}
	d.writeAll(all)
	d.mustWork()
	g.Lose(g.Taken()...)
	g.StartAnew()
	if err := os.Remove(filepath.Join(d.folder, home.Sent, "gone.xml")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.BeatOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	d.mustWork()
	delete(all, "gone.xml")
	d.arrived(all)
	s, err := d.Status(t.Context())
	if err != nil || s.Queue.Lost != 1 || len(s.Missing) != 1 || filepath.Base(s.Missing[0].Path) != "gone.xml" {
		t.Errorf("what is lost is not named: %+v, %v", s, err)
	}
	if text := strings.Join(s.Troubles(), "\n"); !strings.Contains(text, "made again") {
		t.Errorf("no sentence about it: %s", text)
	}
}

// A clock that is a day off holds up nothing, and is said.
func TestAClockThatIsOff(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	d.o.Now = func() time.Time { return g.Clock.Now().Add(-24 * time.Hour) }
	d.restart()
	all := files()
	d.writeAll(all)
	d.mustWork()
	d.arrived(all)
	s, err := d.Status(t.Context())
	if err != nil || s.Clock < 86000 || !strings.Contains(strings.Join(s.Troubles(), " "), "clock") {
		t.Errorf("%+v, %v", s, err)
	}
	g.Clock.Add(3 * time.Hour) // and it may change while the agent runs
	d.write("later.xml", random(10))
	d.mustWork()
}

// A revoked agent stops, says why, and loses nothing.
func TestARevokedAgentStops(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	if err := d.BeatOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Agents.Revoke(t.Context(), "operator:test", "acme", d.enrolment.Agent.String()); err != nil {
		t.Fatal(err)
	}
	d.write("pay.xml", random(100))
	err := d.work()
	if why := d.queue.Explain(err); why.Code != "revoked" || !why.Stop || why.Wait != time.Hour {
		t.Errorf("%+v", why)
	}
	if _, err := os.Stat(filepath.Join(d.folder, "pay.xml")); err != nil || len(g.Taken()) != 0 {
		t.Errorf("%d taken, %v", len(g.Taken()), err)
	}
}

// Another gateway at the same address is not believed.
func TestAnotherGatewayIsNotBelieved(t *testing.T) {
	g, other := agenttest.New(t), agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	d.o.Settings.Gateway = other.Plain.URL
	d.restart()
	d.write("pay.xml", random(100))
	if why := d.queue.Explain(d.work()); why.Code != "other-gateway" || !strings.Contains(why.Sentence, "another gateway") {
		t.Errorf("%+v", why)
	}
	if len(other.Files()) != 0 {
		t.Error("something was sent to it")
	}
}

// The whole agent: it finds, sends and shows, by itself, and ends when it is told to.
func TestRun(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.TLS.URL)
	d.o.Look = 20 * time.Millisecond
	d.o.Settings.Folders[0].Ordered = true
	d.o.Now = time.Now
	d.restart()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	all := files()
	d.writeAll(all)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; n < len(all); {
		select {
		case <-tick.C:
		case err := <-ended:
			t.Fatal(err)
		}
		done, err := d.Journal().Latest(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		n = 0
		for _, f := range done {
			if f.State == journal.Done {
				n++
			}
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	d.arrived(all)
}
