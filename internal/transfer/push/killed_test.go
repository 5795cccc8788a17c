package push_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealgate/internal/killpoint/killtest"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/push"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/remotetest"
)

// left is what a process that is to die is told.
type left struct {
	Server remotetest.SSH
	Job    push.Job
	Later  time.Duration // how far its clock is ahead
}

// TestChild is the process that dies: a gateway's inside that pays a visit.
func TestChild(t *testing.T) {
	dir := os.Getenv("SEALGATE_CHILD")
	if dir == "" {
		return
	}
	var l left
	text, err := os.ReadFile(filepath.Join(dir, "left.json"))
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil {
		t.Fatal(err)
	}
	w := &world{World: intaketest.At(t, dir), t: t, disk: l.Server.Disk, job: l.Job}
	w.connect = func() (remote.Session, error) { return bySSH(l.Server).connect(t) }
	w.Clock.Add(l.Later)
	w.visits(0)
}

// The process is killed at every step, and the customer takes his files away as soon as
// they have their names, or leaves them. Each arrives once. Of one that he takes before
// it is on record that it lay there, somebody has to say that it was delivered.
func TestKilledAnywhere(t *testing.T) {
	program := killtest.Build(t)
	server := remotetest.OpenSSH(t)
	home := server.Disk
	for _, fetches := range []bool{false, true} {
		for _, point := range killtest.Points(t) {
			for _, nth := range []string{":1", ":2"} {
				server.Disk = filepath.Join(home, point+nth)
				if fetches {
					server.Disk += "-fetched"
				}
				if err := os.Mkdir(server.Disk, 0o755); err != nil {
					t.Fatal(err)
				}
				w := newWorld(t, intaketest.At(t, t.TempDir()), server.Disk, func() (remote.Session, error) { return bySSH(server).connect(t) })
				w.send("a.xml", "one")
				w.send("b.xml", strings.Repeat("x", 300_000))
				text, err := json.Marshal(left{server, w.job, 2 * time.Hour})
				if err == nil {
					err = os.WriteFile(filepath.Join(w.Dir, "left.json"), text, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := w.Catalog.Close(); err != nil {
					t.Fatal(err)
				}
				if !killtest.Dies(t, program, "TestChild", point+nth, "SEALGATE_CHILD="+w.Dir) {
					t.Errorf("nothing died at %s%s", point, nth)
				}
				var got []string
				if fetches {
					got = w.fetch()
				}
				w.World = w.Reopened()
				w.Clock.Add(3 * time.Hour)
				w.Restart()
				w.visits(0)
				got = append(got, w.fetch()...)
				slices.Sort(got)
				if fetches && point == "push.renamed" && w.waits() == 1 {
					w.byHand()
				}
				if !slices.Equal(got, []string{"a.xml=one", "b.xml=300000"}) || w.waits() != 0 || len(w.there()) != 0 {
					t.Errorf("%s%s: the customer got %q, %d wait, left there: %q", point, nth, got, w.waits(), w.there())
				}
				if err := w.Catalog.Close(); err != nil { // there are many of them
					t.Fatal(err)
				}
			}
		}
	}
}
