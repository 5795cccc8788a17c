package visittest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sealgate/internal/killpoint/killtest"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/remote/remotetest"
)

// left is what a process that is to die is told.
type left[Job any] struct {
	Server remotetest.SSH
	Job    Job
	At     time.Time // its clock
}

const leftName = "left.json"

// Mortal lets processes die in visits to one server: each is the test's own TestChild,
// which pays one visit to the world that Child gives it.
type Mortal struct {
	Server  remotetest.SSH
	program string
}

// NewMortal starts a server of OpenSSH and builds the test of the package with its kill
// points.
func NewMortal(t testing.TB) Mortal {
	return Mortal{remotetest.OpenSSH(t), killtest.Build(t)}
}

// World makes a world that outlives its process, with a folder of that name.
func (m *Mortal) World(t testing.TB, folder, direction string) *World {
	t.Helper()
	s := BySSH(m.Server)
	s.Disk = filepath.Join(s.Disk, folder)
	s.Dir = s.Disk
	if err := os.Mkdir(s.Disk, 0o755); err != nil {
		t.Fatal(err)
	}
	return s.at(t, intaketest.At(t, t.TempDir()), direction)
}

// Dies lets a child die at a kill point during a visit hours later, and begins anew
// another hour after that.
func Dies[Job any](t testing.TB, m *Mortal, w *World, job Job, point string) {
	t.Helper()
	w.Clock.Add(2 * time.Hour)
	server := m.Server
	server.Disk = w.Disk
	text, err := json.Marshal(left[Job]{server, job, w.Clock.Now()})
	if err == nil {
		err = os.WriteFile(filepath.Join(w.Dir, leftName), text, 0o600)
	}
	if err == nil {
		err = w.Catalog.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if !killtest.Dies(t, m.program, "TestChild", point, "SEALGATE_CHILD="+w.Dir) {
		t.Errorf("nothing died at %s", point)
	}
	w.Reopen()
	w.Clock.Add(time.Hour)
}

// Child returns what the process that is to die finds; nothing in any other process.
func Child[Job any](t testing.TB) (w *World, job Job) {
	t.Helper()
	dir := os.Getenv("SEALGATE_CHILD")
	if dir == "" {
		return nil, job
	}
	var l left[Job]
	text, err := os.ReadFile(filepath.Join(dir, leftName))
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil {
		t.Fatal(err)
	}
	w = BySSH(l.Server).seen(t, intaketest.At(t, dir))
	w.Clock.Add(l.At.Sub(w.Clock.Now()))
	return w, l.Job
}
