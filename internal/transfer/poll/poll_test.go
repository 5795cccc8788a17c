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

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/glob"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/poll"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/remotetest"
)

// world is a gateway's inside, a customer's server, and a remote between them.
type world struct {
	*intaketest.World
	t       *testing.T
	account *catalog.Account
	disk    string        // of the server
	grain   time.Duration // what its times can tell apart
	connect func() (remote.Session, error)
	job     poll.Job
	wrap    func(remote.Session) remote.Session // what stands between; nil = nothing
}

func newWorld(t *testing.T, in *intaketest.World, disk string, connect func() (remote.Session, error)) *world {
	t.Helper()
	w := &world{World: in, t: t, disk: disk, grain: time.Second, connect: connect}
	w.account = w.Account("acme", catalog.ContentKeep)
	w.job = poll.Job{Account: w.account.ID, Remote: uuid.Must(uuid.NewV7()), Name: "bank", Dir: disk, Still: poll.DefaultStill}
	w.Update(func(tx *catalog.Tx) error {
		return tx.InsertRemote(&remotes.Remote{
			ID: w.job.Remote, Account: w.account.ID, Name: "bank", Direction: remotes.Pull, Settings: []byte("sealed"), State: remotes.On,
		})
	})
	w.lease()
	return w
}

// lease takes the remote over.
func (w *world) lease() {
	w.t.Helper()
	w.Clock.Add(time.Hour) // so that the lease before is over
	w.Update(func(tx *catalog.Tx) error {
		r, err := tx.LeaseRemote(w.job.Remote, "node-1", w.Clock.Now(), w.Clock.Now().Add(time.Minute))
		if err == nil {
			w.job.Fence = r.Lease.Fence
		}
		return err
	})
}

// visit pays one visit.
func (w *world) visit() (poll.Result, error) {
	w.t.Helper()
	s, err := w.connect()
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if w.wrap != nil {
		s = w.wrap(s)
	}
	return poll.New(w.Catalog, w.Intake, w.Keys, w.Clock.Now).Run(w.t.Context(), s, w.job)
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

// put lays a file on the server.
func (w *world) put(name string, content []byte) {
	w.t.Helper()
	path := filepath.Join(w.disk, name)
	if dir := filepath.Dir(path); dir != w.disk {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o777); err != nil { // the server is another user
			w.t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		w.t.Fatal(err)
	}
	w.dated(name, 0)
}

// dated gives a file a time; nothing here depends on how old files are.
func (w *world) dated(name string, n int) {
	w.t.Helper()
	at := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * w.grain)
	if err := os.Chtimes(filepath.Join(w.disk, name), at, at); err != nil {
		w.t.Fatal(err)
	}
}

// there are the files on the server.
func (w *world) there() (names []string) {
	w.t.Helper()
	err := filepath.WalkDir(w.disk, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(w.disk, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return names
}

// here are the contents of the files that were received, by name and content.
func (w *world) here() (names []string) {
	w.t.Helper()
	rec, err := w.Keys.Records(w.t.Context(), w.account.ID)
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
	if got := w.there(); !slices.Equal(got, want) {
		w.t.Errorf("%s: there are %q, want %q", what, got, want)
	}
}

func aFileIsTakenWhenItIsStill(t *testing.T, at server) {
	w := at.world(t)
	w.put("pay.xml", []byte("1"))
	first := w.visits(0)
	if w.expect("at first sight"); !first.Again.Equal(first.Again.Truncate(time.Microsecond)) || first.Again.IsZero() || first.Seen != 1 {
		t.Errorf("%+v", first)
	}
	w.put("pay.xml", []byte("12"))
	w.visits(time.Minute)
	w.expect("it has grown")
	w.dated("pay.xml", 1)
	w.visits(time.Minute)
	w.expect("it was touched")
	w.visits(10 * time.Second)
	w.expect("too soon")
	if r := w.visits(max(poll.DefaultStill, w.grain) - 5*time.Second); r.Files != 1 || r.Bytes != 2 || !r.Again.IsZero() {
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

func aReplacedFileIsANewOne(t *testing.T, at server) {
	for _, after := range []poll.After{{}, {Delete: true}, {Move: "done"}} {
		w := at.world(t)
		w.job.After = after
		w.put("pay.xml", []byte("one"))
		w.settled()
		w.put("pay.xml", []byte("two"))
		w.dated("pay.xml", 30)
		w.settled()
		w.expect("another time", "pay.xml=one", "pay.xml=two")
		w.put("pay.xml", []byte("three"))
		w.dated("pay.xml", 30)
		w.settled()
		w.expect("another size", "pay.xml=one", "pay.xml=three", "pay.xml=two")
	}
}

// What was deleted and comes again, the same to the byte and the second, is the same
// delivery; other bytes under the same size and time are not.
func aDeliveryThatComesAgain(t *testing.T, at server) {
	w := at.world(t)
	w.job.After.Delete = true
	w.put("pay.xml", []byte("one"))
	w.settled()
	w.expectThere("taken")
	w.put("pay.xml", []byte("one"))
	if r := w.settled(); r.Repeated != 1 || r.Files != 0 {
		t.Errorf("%+v", r)
	}
	w.expectThere("recognised")
	w.put("pay.xml", []byte("two"))
	w.settled()
	w.expectThere("other bytes")
	w.expect("in the end", "pay.xml=one", "pay.xml=two")
}

func whatBecomesOfFilesThere(t *testing.T, at server) {
	w := at.world(t)
	w.job.Depth = 2
	for _, name := range []string{"a.xml", "b/a.xml", "b/c/a.xml"} {
		w.put(name, []byte(name))
	}
	w.settled()
	w.expectThere("left", "a.xml", "b/a.xml", "b/c/a.xml")
	w.job.After.Move = "done"
	w.visits(time.Minute)
	there := w.there()
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
	w.put("d.xml", []byte("d"))
	w.put("b/e.xml", []byte("e"))
	w.settled()
	for _, name := range w.there() {
		if !strings.HasPrefix(name, "done/a") {
			t.Errorf("%s is left", name)
		}
	}
}

func whichFilesAreTaken(t *testing.T, at server) {
	w := at.world(t)
	w.job.Depth, w.job.Names = 1, glob.Set{Include: []string{"*.xml", "in/*.txt"}, Exclude: []string{"test-*"}}
	for _, name := range []string{
		"a.xml", "B.XML", "a.txt", "in/b.txt", "test-1.xml", "in/deep/c.xml", ".hidden.xml", ".rooms/d.xml",
		"e.xml.filepart", "~$f.xml", "g.xml~", "Löner.xml", "in/h.xml",
	} {
		w.put(name, []byte(name))
	}
	if err := os.Symlink("a.xml", filepath.Join(w.disk, "link.xml")); err != nil {
		t.Fatal(err)
	}
	if r := w.settled(); r.Failed != 0 || r.Seen != 5 {
		t.Errorf("%+v", r)
	}
	w.expect("by their names", "B.XML=B.XML", "Löner.xml=Löner.xml", "a.xml=a.xml", "b.txt=in/b.txt", "h.xml=in/h.xml")
}

func doneMarkers(t *testing.T, at server) {
	w := at.world(t)
	w.job.Marker, w.job.After.Delete = ".done", true
	w.put("a.xml", []byte("a"))
	w.put("b.xml", []byte("b"))
	w.put("b.xml.done", nil)
	w.put("c.done", nil)
	w.visits(0)
	w.expect("what is marked", "b.xml=b")
	w.expectThere("its marker went with it", "a.xml", "c.done")
	w.visits(time.Hour)
	w.put("a.xml.done", nil)
	w.visits(time.Minute)
	w.expect("both", "a.xml=a", "b.xml=b")
	w.expectThere("both", "c.done")
}

// A hostile server, or a careless customer, names files as it likes.
func namesThatAreNone(t *testing.T, at server) {
	w := at.world(t)
	bad := []string{"line\nbreak.xml", "esc\x1b[2J.xml", "latin-\xe5\xe4\xf6.xml", "back\\slash.xml", "right\u202eleft.xml", " "}
	for _, name := range bad {
		w.put(name, []byte("x"))
	}
	w.put("good.xml", []byte("x"))
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

func limits(t *testing.T, at server) {
	w := at.world(t)
	for i := range 10 {
		w.put(fmt.Sprintf("f%d.xml", i), fmt.Append(nil, i))
		w.dated(fmt.Sprintf("f%d.xml", i), 10-i)
	}
	w.put("large.xml", make([]byte, 3000))
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
		w := bySSH(remotetest.OpenSSH(t, "ForceCommand internal-sftp -R")).world(t)
		w.job.After = after
		for i := range 6 {
			w.put(fmt.Sprintf("%d.xml", i), fmt.Append(nil, i))
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

// somewhere does something before a step of a session.
type somewhere struct {
	remote.Session
	before func(step, path string) error
}

// A file that is replaced between its commit and its deletion is not deleted.
func aFileThatIsReplacedBeforeItIsDeleted(t *testing.T, at server) {
	w := at.world(t)
	w.job.After.Delete = true
	w.put("pay.xml", []byte("one"))
	w.visits(0)
	stats := 0
	w.wrap = func(s remote.Session) remote.Session {
		return somewhere{s, func(step, path string) error {
			if step == "stat" {
				if stats++; stats == 2 { // the look that comes before the deletion
					w.put("pay.xml", []byte("second"))
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
	w.wrap = nil
	w.settled()
	w.expect("both", "pay.xml=one", "pay.xml=second")
	w.expectThere("and it is deleted, too")
}

// A file that changes while it is read is no file.
func aFileThatChangesWhileItIsRead(t *testing.T, at server) {
	w := at.world(t)
	w.put("pay.xml", bytes.Repeat([]byte("a"), 200_000))
	w.visits(0)
	w.wrap = func(s remote.Session) remote.Session {
		return somewhere{s, func(step, path string) error {
			if step == "stat" {
				w.put("pay.xml", bytes.Repeat([]byte("b"), 200_000))
				w.dated("pay.xml", 7)
			}
			return nil
		}}
	}
	w.visits(time.Minute)
	w.expect("it changed")
	w.wrap = nil
	w.settled()
	w.expect("as it is now", "pay.xml=200000")
	if !bytes.HasPrefix(w.Read(w.Files()[0]), []byte("bbb")) {
		t.Error("what was taken is not what lies there")
	}
}

// One file that cannot be read does not keep the others, and comes last next time.
func aFileThatCannotBeRead(t *testing.T, at server) {
	w := at.world(t)
	for i, name := range []string{"bad.xml", "good.xml", "late.xml"} {
		w.put(name, []byte(name))
		w.dated(name, i)
	}
	w.visits(0)
	var opened []string
	bad := fault.New(fault.Denied, "test", "the login may not read it")
	w.wrap = func(s remote.Session) remote.Session {
		return somewhere{s, func(step, path string) error {
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
	w.wrap = nil
	w.visits(time.Minute)
	w.expect("in the end", "bad.xml=bad.xml", "good.xml=good.xml", "late.xml=late.xml")
}

// Who lost the remote to another gateway writes nothing any more.
func aVisitThatWasGivenUp(t *testing.T, at server) {
	w := at.world(t)
	w.job.After.Delete = true
	w.put("pay.xml", []byte("one"))
	w.visits(0)
	lost := w.job
	w.wrap = func(s remote.Session) remote.Session {
		return somewhere{s, func(step, path string) error {
			if step == "open" {
				w.lease()
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
