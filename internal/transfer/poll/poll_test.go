package poll_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/glob"
	"sealgate/internal/transfer/poll"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/visittest"
)

// world is one of a remote that files are fetched from.
type world struct {
	*visittest.World
	t   *testing.T
	job poll.Job
}

func newWorld(t *testing.T, at visittest.Server) *world {
	t.Helper()
	return fetching(t, at.World(t, remotes.Pull))
}

func fetching(t *testing.T, in *visittest.World) *world {
	t.Helper()
	return &world{in, t, poll.Job{
		Account: in.Customer, Remote: in.Remote, Fence: in.Lease(), Name: in.Name, Dir: in.Folder, Still: poll.DefaultStill,
	}}
}

// visit pays one visit.
func (w *world) visit() (poll.Result, error) {
	w.t.Helper()
	return poll.New(w.Catalog, w.Intake, w.Keys, w.Clock.Now).Run(w.t.Context(), w.Session(), w.job)
}

// visits pays one visit that goes well, after the time given.
func (w *world) visits(after time.Duration) poll.Result {
	w.t.Helper()
	w.Clock.Add(after)
	r, err := w.visit()
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// settled pays two visits, so that what lies there is still at the second.
func (w *world) settled() poll.Result {
	w.t.Helper()
	w.visits(0)
	return w.visits(time.Minute)
}

// here are the contents of the files that were received, by name and content.
func (w *world) here() (names []string) {
	w.t.Helper()
	rec, err := w.Keys.Records(w.t.Context(), w.Customer)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range w.Files() {
		if f.State == catalog.Arriving {
			continue
		}
		name, err := rec.Open("file", "name", f.ID, f.Name)
		if err != nil || f.Source != "remote:bank" {
			w.t.Errorf("a file from %s: %v", f.Source, err)
		}
		content := w.Read(f)
		if len(content) > 20 {
			content = fmt.Append(nil, len(content))
		}
		names = append(names, fmt.Sprintf("%s=%s", name, content))
	}
	slices.Sort(names)
	return names
}

func (w *world) expect(what string, want ...string) {
	w.t.Helper()
	if got := w.here(); !slices.Equal(got, want) {
		w.t.Errorf("%s: here are %q, want %q", what, got, want)
	}
}

func (w *world) expectThere(what string, want ...string) {
	w.t.Helper()
	if got := w.There(); !slices.Equal(got, want) {
		w.t.Errorf("%s: there are %q, want %q", what, got, want)
	}
}

func aFileIsTakenWhenItIsStill(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.Put("pay.xml", []byte("1"))
	first := w.visits(0)
	if w.expect("at first sight"); !first.Again.Equal(first.Again.Truncate(time.Microsecond)) || first.Again.IsZero() || first.Seen != 1 {
		t.Errorf("%+v", first)
	}
	w.Put("pay.xml", []byte("12"))
	w.visits(time.Minute)
	w.expect("it has grown")
	w.Dated("pay.xml", 1)
	w.visits(time.Minute)
	w.expect("it was touched")
	w.visits(10 * time.Second)
	w.expect("too soon")
	if r := w.visits(max(poll.DefaultStill, w.Grain) - 5*time.Second); r.Files != 1 || r.Bytes != 2 || !r.Again.IsZero() {
		t.Errorf("%+v", r)
	}
	w.expect("still", "pay.xml=12")
	for range 3 {
		if r := w.visits(time.Hour); r.Files != 0 || r.Repeated != 0 || r.Seen != 1 {
			t.Errorf("once more: %+v", r)
		}
	}
	w.expect("and only once", "pay.xml=12")
}

func aReplacedFileIsANewOne(t *testing.T, at visittest.Server) {
	for _, after := range []poll.After{{}, {Delete: true}, {Move: "done"}} {
		w := newWorld(t, at)
		w.job.After = after
		w.Put("pay.xml", []byte("one"))
		w.settled()
		w.Put("pay.xml", []byte("two"))
		w.Dated("pay.xml", 30)
		w.settled()
		w.expect("another time", "pay.xml=one", "pay.xml=two")
		w.Put("pay.xml", []byte("three"))
		w.Dated("pay.xml", 30)
		w.settled()
		w.expect("another size", "pay.xml=one", "pay.xml=three", "pay.xml=two")
	}
}

// What was deleted and comes again, the same to the byte and the second, is the same
// delivery; other bytes under the same size and time are not.
func aDeliveryThatComesAgain(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.job.After.Delete = true
	w.Put("pay.xml", []byte("one"))
	w.settled()
	w.expectThere("taken")
	w.Put("pay.xml", []byte("one"))
	if r := w.settled(); r.Repeated != 1 || r.Files != 0 {
		t.Errorf("%+v", r)
	}
	w.expectThere("recognised")
	w.Put("pay.xml", []byte("two"))
	w.settled()
	w.expectThere("other bytes")
	w.expect("in the end", "pay.xml=one", "pay.xml=two")
}

func whatBecomesOfFilesThere(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.job.Depth = 2
	for _, name := range []string{"a.xml", "b/a.xml", "b/c/a.xml"} {
		w.Put(name, []byte(name))
	}
	w.settled()
	w.expectThere("left", "a.xml", "b/a.xml", "b/c/a.xml")
	w.job.After.Move = "done"
	w.visits(time.Minute)
	there := w.There()
	if len(there) != 3 || there[2] != "done/a.xml" {
		t.Errorf("moved: %q", there)
	}
	for _, name := range there {
		if !strings.HasPrefix(name, "done/a") {
			t.Errorf("%s is left", name)
		}
	}
	w.settled()
	w.expect("what was moved is not taken from there", "a.xml=a.xml", "a.xml=b/a.xml", "a.xml=b/c/a.xml")
	w.job.After = poll.After{Delete: true}
	w.Put("d.xml", []byte("d"))
	w.Put("b/e.xml", []byte("e"))
	w.settled()
	for _, name := range w.There() {
		if !strings.HasPrefix(name, "done/a") {
			t.Errorf("%s is left", name)
		}
	}
}

func whichFilesAreTaken(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.job.Depth, w.job.Names = 1, glob.Set{Include: []string{"*.xml", "in/*.txt"}, Exclude: []string{"test-*"}}
	for _, name := range []string{
		"a.xml", "B.XML", "a.txt", "in/b.txt", "test-1.xml", "in/deep/c.xml", ".hidden.xml", ".rooms/d.xml",
		"e.xml.filepart", "~$f.xml", "g.xml~", "Löner.xml", "in/h.xml",
	} {
		w.Put(name, []byte(name))
	}
	if err := os.Symlink("a.xml", filepath.Join(w.Disk, "link.xml")); err != nil {
		t.Fatal(err)
	}
	if r := w.settled(); r.Failed != 0 || r.Seen != 5 {
		t.Errorf("%+v", r)
	}
	w.expect("by their names", "B.XML=B.XML", "Löner.xml=Löner.xml", "a.xml=a.xml", "b.txt=in/b.txt", "h.xml=in/h.xml")
}

func doneMarkers(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.job.Marker, w.job.After.Delete = ".done", true
	w.Put("a.xml", []byte("a"))
	w.Put("b.xml", []byte("b"))
	w.Put("b.xml.done", nil)
	w.Put("c.done", nil)
	w.visits(0)
	w.expect("what is marked", "b.xml=b")
	w.expectThere("its marker went with it", "a.xml", "c.done")
	w.visits(time.Hour)
	w.Put("a.xml.done", nil)
	w.visits(time.Minute)
	w.expect("both", "a.xml=a", "b.xml=b")
	w.expectThere("both", "c.done")
}

// A hostile server, or a careless customer, names files as it likes.
func namesThatAreNone(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	bad := []string{"line\nbreak.xml", "esc\x1b[2J.xml", "latin-\xe5\xe4\xf6.xml", "back\\slash.xml", "right\u202eleft.xml", " "}
	for _, name := range bad {
		w.Put(name, []byte("x"))
	}
	w.Put("good.xml", []byte("x"))
	r := w.settled()
	if r.Failed != len(bad) || len(r.Problems) != len(bad) {
		t.Errorf("%+v", r)
	}
	for _, p := range r.Problems {
		if fault.KindOf(p.Err) != fault.Invalid || !strings.Contains(fault.Message(p.Err), "rename it there") {
			t.Errorf("%q: %v", p.Path, p.Err)
		}
	}
	w.expect("the others", "good.xml=x")
}

func limits(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	for i := range 10 {
		w.Put(fmt.Sprintf("f%d.xml", i), fmt.Append(nil, i))
		w.Dated(fmt.Sprintf("f%d.xml", i), 10-i)
	}
	w.Put("large.xml", make([]byte, 3000))
	w.job.Limits = poll.Limits{Files: 3, Bytes: 2000}
	r := w.settled()
	if r.Files != 3 || r.Failed != 1 || !strings.Contains(fault.Message(r.Problems[0].Err), "larger than") {
		t.Errorf("%+v", r)
	}
	w.expect("the oldest", "f7.xml=7", "f8.xml=8", "f9.xml=9")
	w.job.Limits = poll.Limits{Entries: 5}
	r = w.visits(time.Hour)
	if r.Seen != 5 || r.Failed != 1 || !strings.Contains(fault.Message(r.Problems[0].Err), "more than 5 names") {
		t.Errorf("%+v", r)
	}
	w.job.Limits = poll.Limits{}
	if r = w.visits(time.Hour); len(w.here()) != 11 || r.Failed != 0 {
		t.Errorf("%+v, here are %q", r, w.here())
	}
}

// The server lets nobody delete or move: told in words, tried again, taken once.
func TestAServerThatIsReadOnly(t *testing.T) {
	for _, after := range []poll.After{{Delete: true}, {Move: "done"}} {
		w := newWorld(t, visittest.BySSH(remotetest.OpenSSH(t, "ForceCommand internal-sftp -R")))
		w.job.After = after
		for i := range 6 {
			w.Put(fmt.Sprintf("%d.xml", i), fmt.Append(nil, i))
		}
		r := w.settled()
		for range 2 {
			if r.Failed != 6 || len(r.Problems) != 3 || !strings.Contains(fault.Message(r.Problems[0].Err), "was taken and is safe, but could not be") {
				t.Errorf("%+v", r)
			}
			w.expect("once", "0.xml=0", "1.xml=1", "2.xml=2", "3.xml=3", "4.xml=4", "5.xml=5")
			if r = w.visits(time.Hour); r.Files+r.Repeated != 0 {
				t.Errorf("fetched again: %+v", r)
			}
		}
		var due []*remotes.Taken
		w.Update(func(tx *catalog.Tx) (err error) { due, err = tx.TakenDue(w.job.Remote, 100); return err })
		if len(due) != 6 {
			t.Errorf("%d are due", len(due))
		}
	}
}

// A file that is replaced between its commit and its deletion is not deleted.
func aFileThatIsReplacedBeforeItIsDeleted(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.job.After.Delete = true
	w.Put("pay.xml", []byte("one"))
	w.visits(0)
	stats := 0
	w.Wrap = func(s remote.Session) remote.Session {
		return visittest.Somewhere{Session: s, Before: func(step, path string) error {
			if step == "stat" {
				if stats++; stats == 2 { // the look that comes before the deletion
					w.Put("pay.xml", []byte("second"))
				}
			}
			return nil
		}}
	}
	r := w.visits(time.Minute)
	w.expectThere("the new one stays", "pay.xml")
	if r.Files != 1 || r.Again.IsZero() {
		t.Errorf("%+v", r)
	}
	w.Wrap = nil
	w.settled()
	w.expect("both", "pay.xml=one", "pay.xml=second")
	w.expectThere("and it is deleted, too")
}

// A file that changes while it is read is no file.
func aFileThatChangesWhileItIsRead(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.Put("pay.xml", bytes.Repeat([]byte("a"), 200_000))
	w.visits(0)
	w.Wrap = func(s remote.Session) remote.Session {
		return visittest.Somewhere{Session: s, Before: func(step, path string) error {
			if step == "stat" {
				w.Put("pay.xml", bytes.Repeat([]byte("b"), 200_000))
				w.Dated("pay.xml", 7)
			}
			return nil
		}}
	}
	w.visits(time.Minute)
	w.expect("it changed")
	w.Wrap = nil
	w.settled()
	w.expect("as it is now", "pay.xml=200000")
	if !bytes.HasPrefix(w.Read(w.Files()[0]), []byte("bbb")) {
		t.Error("what was taken is not what lies there")
	}
}

// One file that cannot be read does not keep the others, and comes last next time.
func aFileThatCannotBeRead(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	for i, name := range []string{"bad.xml", "good.xml", "late.xml"} {
		w.Put(name, []byte(name))
		w.Dated(name, i)
	}
	w.visits(0)
	var opened []string
	bad := fault.New(fault.Denied, "test", "the login may not read it")
	w.Wrap = func(s remote.Session) remote.Session {
		return visittest.Somewhere{Session: s, Before: func(step, path string) error {
			if step != "open" {
				return nil
			}
			opened = append(opened, filepath.Base(path))
			if filepath.Base(path) == "bad.xml" {
				return bad
			}
			return nil
		}}
	}
	w.job.Limits.Files = 1
	if r := w.visits(time.Minute); r.Failed != 1 || r.Files != 1 || !errors.Is(r.Problems[0].Err, bad) {
		t.Errorf("%+v", r)
	}
	w.visits(time.Minute)
	if want := []string{"bad.xml", "good.xml", "late.xml"}; !slices.Equal(opened, want) {
		t.Errorf("opened %q", opened)
	}
	w.Wrap = nil
	w.visits(time.Minute)
	w.expect("in the end", "bad.xml=bad.xml", "good.xml=good.xml", "late.xml=late.xml")
}

// Who lost the remote to another gateway writes nothing any more.
func aVisitThatWasGivenUp(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.job.After.Delete = true
	w.Put("pay.xml", []byte("one"))
	w.visits(0)
	lost := w.job
	w.Wrap = func(s remote.Session) remote.Session {
		return visittest.Somewhere{Session: s, Before: func(step, path string) error {
			if step == "open" {
				w.job.Fence = w.Lease()
				w.job = lost
			}
			return nil
		}}
	}
	w.Clock.Add(time.Minute)
	if _, err := w.visit(); !fault.Is(err, fault.Exists) {
		t.Errorf("%v", err)
	}
	w.expect("nothing")
	w.expectThere("nothing happened", "pay.xml")
}
