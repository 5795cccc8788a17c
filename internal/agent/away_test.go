package agent

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"sealgate/internal/agent/agenttest"
	"sealgate/internal/agent/home"
)

// swap writes other content of the same size and leaves the time as it is.
func (d *desk) swap(path string, content []byte) {
	d.t.Helper()
	info, err := os.Stat(path)
	if err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err == nil {
		err = os.Chtimes(path, time.Time{}, info.ModTime())
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// has fails unless the gateway took exactly these contents, each once.
func (d *desk) has(want ...[]byte) {
	d.t.Helper()
	taken := d.g.Taken()
	if len(taken) != len(want) {
		d.t.Fatalf("%d files were taken, want %d", len(taken), len(want))
	}
	for _, w := range want {
		n := 0
		for _, f := range taken {
			if bytes.Equal(d.g.Read(f), w) {
				n++
			}
		}
		if n != 1 {
			d.t.Errorf("%.8q was taken %d times", w, n)
		}
	}
}

// left lists all files below the folder that are not in sent/.
func (d *desk) left() []string {
	d.t.Helper()
	var all []string
	err := filepath.WalkDir(d.folder, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Base(filepath.Dir(path)) != home.Sent {
			all = append(all, e.Name())
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

// Content of the same size and time that came in the place of what was sent is not
// taken for it: it is sent, too, and neither removed nor left in sent/ before. A crash
// right behind the rename, or another file in the place, changes nothing.
func TestWhatCameInThePlaceIsSentToo(t *testing.T) {
	first, second, third := bytes.Repeat([]byte("A"), 800), bytes.Repeat([]byte("B"), 800), bytes.Repeat([]byte("C"), 900)
	for _, after := range []home.After{home.Move, home.Delete} {
		for _, then := range []string{"", "crash", "taken"} {
			t.Run(string(after)+"-"+then, func(t *testing.T) {
				g := agenttest.New(t)
				d := newDesk(t, g, g.Plain.URL)
				d.o.Settings.Folders[0].After = after
				path := filepath.Join(d.folder, "pay.xml")
				d.write("pay.xml", first)
				n := 0
				d.o.Cut = func(step string) error {
					switch {
					case step == "received" && n == 0:
						n++
						d.swap(path, second)
					case step == "moved" && n == 1 && then == "crash":
						n++
						return errCut
					case step == "moved" && n == 1 && then == "taken":
						n++
						d.write("pay.xml", third)
					}
					return nil
				}
				d.restart()
				if err := d.work(); err != nil && then != "crash" {
					t.Fatal(err)
				}
				d.restart()
				if err := d.SendAll(t.Context()); err != nil {
					t.Fatal(err)
				}
				d.mustWork()
				want := [][]byte{first, second}
				if then == "taken" {
					want = append(want, third)
				}
				d.has(want...)
				if left := d.left(); len(left) != 0 {
					t.Errorf("%v stayed", left)
				}
			})
		}
	}
}

// What a program writes through a descriptor that it keeps open all the time is sent
// when it is done, and is not removed before.
func TestAFileThatIsStillWrittenToIsNotPutAway(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // other platforms do not tell, or are not tested here
	}
	for _, after := range []home.After{home.Move, home.Delete} {
		for _, at := range []string{"received", "moved"} {
			g := agenttest.New(t)
			d := newDesk(t, g, g.Plain.URL)
			d.o.Settings.Folders[0].After = after
			path := filepath.Join(d.folder, "pay.xml")
			d.write("pay.xml", []byte("half"))
			var erp *os.File
			d.o.Cut = func(step string) (err error) {
				if step == at && erp == nil {
					name := path
					if step == "moved" { // as if it had been opened right before
						moved, err := filepath.Glob(filepath.Join(d.folder, map[home.After]string{home.Move: "sent/*", home.Delete: ".sealgate-*"}[after]))
						if err != nil || len(moved) != 1 {
							t.Fatalf("%v, %v", moved, err)
						}
						name = moved[0]
					}
					erp, err = os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
				}
				return err
			}
			d.restart()
			if err := d.work(); err == nil || !strings.Contains(sentence(err), "open for writing") {
				t.Fatalf("%s, %s: %v", after, at, err)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != "half" {
				t.Fatalf("%s, %s: %q, %v", after, at, got, err)
			}
			if _, err := erp.WriteString(" and half"); err != nil {
				t.Fatal(err)
			}
			if err := erp.Close(); err != nil {
				t.Fatal(err)
			}
			if err := d.SendAll(t.Context()); err != nil {
				t.Fatal(err)
			}
			d.mustWork()
			d.has([]byte("half"), []byte("half and half"))
		}
	}
}

// A file of a device without a clock is sent like any other.
func TestAFileOf1970(t *testing.T) {
	for _, when := range []time.Time{time.Unix(0, 0), time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC)} {
		g := agenttest.New(t)
		d := newDesk(t, g, g.Plain.URL)
		d.write("pay.xml", []byte("content"))
		if err := os.Chtimes(filepath.Join(d.folder, "pay.xml"), time.Time{}, when); err != nil {
			t.Fatal(err)
		}
		d.mustWork()
		d.arrived(map[string][]byte{"pay.xml": []byte("content")})
	}
}

// Where renaming without replacing is a second name and the end of the first, a crash
// between them leaves both: the first one goes, too.
func TestAFileOfTwoNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // it renames in one step
	}
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	d.o.Cut = func(step string) error {
		if step != "moved" {
			return nil
		}
		path := filepath.Join(d.folder, "pay.xml")
		if err := os.Link(filepath.Join(d.folder, home.Sent, "pay.xml"), path); err != nil {
			t.Error(err)
		}
		return errors.New("the power goes")
	}
	d.restart()
	d.write("pay.xml", []byte("content"))
	if err := d.work(); err == nil {
		t.Fatal("it was not cut off")
	}
	d.o.Cut = nil
	d.restart()
	d.mustWork()
	d.has([]byte("content"))
	if left := d.left(); len(left) != 0 {
		t.Errorf("%v stayed", left)
	}
	if sent, err := os.ReadDir(filepath.Join(d.folder, home.Sent)); err != nil || len(sent) != 1 {
		t.Errorf("sent/ holds %v, %v", sent, err)
	}
}
