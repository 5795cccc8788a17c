package poll_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealgate/internal/killpoint/killtest"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/poll"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/remotetest"
)

// left is what a process that is to die is told.
type left struct {
	Server remotetest.SSH
	Job    poll.Job
	Later  time.Duration // how far its clock is ahead
}

// TestChild is the process that dies: a gateway's inside that pays visits.
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

// The process is killed at every step. What comes after it takes every file once, and
// leaves there what should be left.
func TestKilledAnywhere(t *testing.T) {
	program := killtest.Build(t)
	server := remotetest.OpenSSH(t)
	home := server.Disk
	for i, after := range []poll.After{{}, {Delete: true}, {Move: "done"}} {
		for _, point := range killtest.Points(t) {
			if after == (poll.After{}) && point == "poll.removed" {
				continue
			}
			for _, nth := range []string{":1", ":2"} {
				server.Disk = filepath.Join(home, string(rune('a'+i))+point+nth)
				if err := os.Mkdir(server.Disk, 0o755); err != nil {
					t.Fatal(err)
				}
				w := newWorld(t, intaketest.At(t, t.TempDir()), server.Disk, func() (remote.Session, error) { return bySSH(server).connect(t) })
				w.job.After = after
				w.put("a.xml", []byte("a"))
				w.put("b.xml", []byte("b"))
				w.put("big.bin", remotetest.Bytes(9<<20, 1))
				w.put("huge.bin", remotetest.Bytes(9<<20, 2))
				w.visits(0)
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
					t.Errorf("%+v: nothing died at %s%s", after, point, nth)
				}
				w.World = w.Reopened()
				w.Clock.Add(3 * time.Hour)
				w.Restart()
				for range 2 {
					w.visits(time.Hour)
				}
				w.expect(point+nth, "a.xml=a", "b.xml=b", "big.bin=9437184", "huge.bin=9437184")
				there := strings.Join(w.there(), " ")
				if want := [...]string{"a.xml b.xml big.bin huge.bin", "", "done/a.xml done/b.xml done/big.bin done/huge.bin"}[i]; there != want {
					t.Errorf("%s%s: there are %s", point, nth, there)
				}
				if err := w.SweepObjects(t.Context()); err != nil || w.Objects() != 2 {
					t.Errorf("%s%s: %d objects, %v", point, nth, w.Objects(), err)
				}
				if err := w.Catalog.Close(); err != nil { // there are many of them
					t.Fatal(err)
				}
			}
		}
	}
}
