package agent

import (
	"os"
	"path/filepath"
	"testing"

	"sealgate/internal/agent/agenttest"
	"sealgate/internal/agent/home"
	"sealgate/internal/durable"
)

// racing is a disk on which somebody takes a name in the moment before it is given.
type racing struct {
	durable.FS
	take func(name string)
}

func (r racing) Rename(oldname, newname string) error {
	r.take(newname)
	return r.FS.Rename(oldname, newname)
}

func (r racing) RenameNew(oldname, newname string) error {
	r.take(newname)
	return r.FS.RenameNew(oldname, newname)
}

// Whoever writes a name in the moment in which Connect is about to give it to a file,
// keeps what he wrote.
func TestNamesThatAreTakenMeanwhileAreLeftAlone(t *testing.T) {
	theirs := []byte("written by somebody else")
	once := func(t *testing.T, want string) func(string) {
		done := false
		return func(name string) {
			if done || filepath.Base(name) != want {
				return
			}
			done = true
			if err := os.WriteFile(name, theirs, 0o600); err != nil {
				t.Error(err)
			}
		}
	}
	holds := func(t *testing.T, name string, want []byte) {
		t.Helper()
		if got, err := os.ReadFile(name); err != nil || string(got) != string(want) {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
	t.Run("sent", func(t *testing.T) {
		g := agenttest.New(t)
		d := newDesk(t, g, g.Plain.URL)
		d.o.Disk = racing{durable.OS, once(t, "pay.xml")}
		d.restart()
		d.write("pay.xml", []byte("content"))
		if err := d.work(); err == nil {
			t.Error("it was put away over another file")
		}
		d.mustWork()
		d.has([]byte("content"))
		holds(t, filepath.Join(d.folder, home.Sent, "pay.xml"), theirs)
		if left := d.left(); len(left) != 0 {
			t.Errorf("%v stayed", left)
		}
	})
	t.Run("given back", func(t *testing.T) {
		g := agenttest.New(t)
		d := newDesk(t, g, g.Plain.URL)
		d.o.Settings.Folders[0].After = home.Delete
		d.o.Disk = racing{durable.OS, once(t, "pay.xml")}
		d.o.Cut = func(step string) error {
			if step == "moved" { // what lies there is not what was sent
				found, err := filepath.Glob(filepath.Join(d.folder, ".sealgate-*"))
				if err != nil || len(found) != 1 {
					t.Fatalf("%v, %v", found, err)
				}
				d.o.Cut = nil
				return os.WriteFile(found[0], []byte("written anew"), 0o600)
			}
			return nil
		}
		d.restart()
		d.write("pay.xml", []byte("content"))
		d.mustWork()
		d.mustWork()
		d.has([]byte("content"), []byte("written anew"), theirs)
	})
	t.Run("fetched", func(t *testing.T) {
		g := agenttest.New(t)
		d := newDesk(t, g, g.Plain.URL)
		dir := d.withOutbox(home.Opened)
		d.o.Disk = racing{durable.OS, once(t, "camt.053.xml")}
		d.restart()
		d.answer("camt.053.xml", []byte("answer"))
		r, err := d.Fetch(t.Context())
		if err != nil || len(r.Files) != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		holds(t, filepath.Join(dir, "camt.053.xml"), theirs)
		holds(t, r.Files[0].Path, []byte("answer"))
	})
}
