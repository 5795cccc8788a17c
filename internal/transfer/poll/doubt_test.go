package poll_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/poll"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/ftps"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/visittest"
)

// told is what a server says, as a test wants it.
type told struct {
	remote.Session
	list func([]remote.Entry) []remote.Entry
	stat func(*remote.Entry)
}

func (s told) List(ctx context.Context, dir string) ([]remote.Entry, error) {
	l, err := s.Session.List(ctx, dir)
	if s.list != nil {
		l = s.list(l)
	}
	return l, err
}

func (s told) Stat(ctx context.Context, path string) (remote.Entry, error) {
	e, err := s.Session.Stat(ctx, path)
	if s.stat != nil {
		s.stat(&e)
	}
	return e, err
}

func (s told) Open(ctx context.Context, path string, offset int64) (*remote.File, error) {
	f, err := s.Session.Open(ctx, path, offset)
	if err == nil && s.stat != nil {
		s.stat(&f.Entry)
	}
	return f, err
}

func untimed(e *remote.Entry) { e.ModTime, e.Precision = time.Time{}, 0 }

func allUntimed(l []remote.Entry) []remote.Entry {
	for i := range l {
		untimed(&l[i])
	}
	return l
}

// inMinutes is a listing as ls makes it.
func inMinutes(l []remote.Entry) []remote.Entry {
	for i := range l {
		l[i].ModTime, l[i].Precision = l[i].ModTime.Truncate(time.Minute), time.Minute
	}
	return l
}

// A marker stays where files stay. It says nothing of what is written under the name
// after it.
func theMarkerOfTheFileBefore(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.job.Marker = ".done"
	w.Put("a.xml", []byte("first"))
	w.Put("a.xml.done", nil)
	if r := w.visits(0); r.Files != 1 {
		t.Errorf("%+v", r)
	}
	w.Put("a.xml", []byte("second, half of it"))
	w.Dated("a.xml", 5)
	w.Clock.Add(time.Date(2026, 11, 1, 8, 1, 0, 0, time.UTC).Sub(w.Clock.Now()))
	for range 3 {
		if r := w.visits(time.Minute); r.Files+r.Failed != 0 {
			t.Errorf("it is being written: %+v", r)
		}
	}
	if r := w.visits(2 * time.Hour); r.Files != 0 || r.Failed != 1 || !strings.Contains(fault.Message(r.Problems[0].Err), "older than the file") {
		t.Errorf("for hours: %+v", r)
	}
	w.Put("a.xml", []byte("second, whole"))
	w.Dated("a.xml", 9)
	w.Dated("a.xml.done", 9)
	w.visits(0)
	w.expect("the marker is of the same second", "a.xml=first")
	w.visits(time.Minute)
	w.expect("and the file is still", "a.xml=first", "a.xml=second, whole")
}

// Times to the minute, or none, do not tell whose the marker is.
func markersWithoutExactTimes(t *testing.T, at visittest.Server) {
	for _, list := range []func([]remote.Entry) []remote.Entry{inMinutes, allUntimed} {
		w := newWorld(t, at)
		w.job.Marker, w.job.After.Delete = ".done", true
		w.Wrap = func(s remote.Session) remote.Session { return told{Session: s, list: list} }
		w.Put("a.xml", []byte("half"))
		w.Put("a.xml.done", nil)
		w.visits(0)
		w.Put("a.xml", []byte("now it is whole"))
		w.Dated("a.xml", 5)
		w.visits(time.Second)
		w.expect("at first sight")
		w.visits(2 * time.Minute)
		w.expect("still", "a.xml=now it is whole")
	}
}

func movedToTheFolderItself(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.Put("a.xml", []byte("one"))
	for _, move := range []string{w.Disk, w.Disk + "/./", ".", "./."} {
		w.job.After.Move = move
		if _, err := w.visit(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", move, err)
		}
	}
	w.job.Dir, w.job.After.Move = "out", "/home/u/out"
	if _, err := w.visit(); !fault.Is(err, fault.Invalid) {
		t.Errorf("relative and absolute: %v", err)
	}
	w.job.Dir, w.job.Depth = w.Disk, 1
	for _, move := range []string{w.Disk + "//done", "./done/.", "DONE"} {
		w.job.After.Move = move
		w.Put("done/b.xml", []byte("taken long ago"))
		w.settled()
		w.settled()
		w.expect(move, "a.xml=one")
	}
}

// The listing is an hour off what the file says itself, and only to the minute.
func listingsInLocalTime(t *testing.T, at visittest.Server) {
	for _, after := range []poll.After{{}, {Delete: true}, {Move: "done"}} {
		w := newWorld(t, at)
		w.job.After = after
		w.Wrap = func(s remote.Session) remote.Session {
			return told{Session: s, list: func(l []remote.Entry) []remote.Entry {
				for i := range l {
					l[i].ModTime = l[i].ModTime.Add(time.Hour)
				}
				return inMinutes(l)
			}}
		}
		takenFromAnotherZone(w)
	}
}

// A server that tells its own local time, and whose clock is put forward and back: what
// was taken and left there is no new file for that, but one that was replaced is.
func clocksOfTheServer(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	var off time.Duration
	local := func(e *remote.Entry) { e.ModTime, e.Local = e.ModTime.Add(off), true }
	broken := false
	w.Wrap = func(s remote.Session) remote.Session {
		return told{Session: s, list: func(l []remote.Entry) []remote.Entry {
			for i := range l {
				local(&l[i])
			}
			return inMinutes(l)
		}, stat: func(e *remote.Entry) {
			local(e)
			if broken {
				e.Size++ // it is not there as it was listed
			}
		}}
	}
	rounds := func() {
		for range 4 {
			w.visits(2 * time.Minute)
		}
	}
	w.Put("a.xml", []byte("one"))
	w.Put("b.xml", []byte("two"))
	rounds()
	w.expect("winter", "a.xml=one", "b.xml=two")
	off, broken = time.Hour, true
	rounds()
	broken = false
	rounds()
	w.expect("summer", "a.xml=one", "b.xml=two")
	w.Put("a.xml", []byte("new"))
	w.Dated("a.xml", 7200/int(w.Grain/time.Second))
	rounds()
	w.expect("replaced", "a.xml=new", "a.xml=one", "b.xml=two")
	off = 0
	rounds()
	w.expect("winter again", "a.xml=new", "a.xml=one", "b.xml=two")
	w.Put("a.xml", []byte("ten")) // the same size, an hour later
	w.Dated("a.xml", 10800/int(w.Grain/time.Second))
	rounds()
	w.expect("an hour later", "a.xml=new", "a.xml=one", "a.xml=ten", "b.xml=two")
}

func takenFromAnotherZone(w *world) {
	w.t.Helper()
	w.Put("a.xml", []byte("one"))
	for range 5 {
		if r := w.visits(2 * time.Minute); r.Failed != 0 {
			w.t.Errorf("%+v", r)
		}
	}
	w.expect("once", "a.xml=one")
	w.Put("a.xml", []byte("two"))
	w.Dated("a.xml", 3600/int(w.Grain/time.Second)) // what the listing has shown for the one before, perhaps
	w.visits(2 * time.Minute)
	w.Put("a.xml", []byte("two"))
	w.Dated("a.xml", 7200/int(w.Grain/time.Second))
	for range 4 {
		w.visits(2 * time.Minute)
	}
	w.expect("replaced", "a.xml=one", "a.xml=two")
}

func anotherZone(t *testing.T) *world {
	t.Setenv("TZ", "America/New_York") // for the server: our own zone is read already
	f := remotetest.PureFTPD(t)
	s := visittest.ByFTP(f)
	s.Connect = func(t testing.TB) (remote.Session, error) {
		return ftps.Connect(t.Context(), ftps.Config{
			Server: remote.Server{Host: "127.0.0.1", Port: f.Explicit, Guard: remotetest.Loopback()},
			User:   f.User, Password: f.Password, Roots: f.Roots, ListOnly: true,
		})
	}
	return newWorld(t, s)
}

func TestAServerInAnotherTimeZone(t *testing.T) { takenFromAnotherZone(anotherZone(t)) }

// A file that is closed again, as it is not what the listing said, keeps no other.
func TestManyFilesInAnotherTimeZone(t *testing.T) {
	w := anotherZone(t)
	for _, name := range []string{"a.xml", "b.xml", "c.xml"} {
		w.Put(name, []byte(name))
	}
	for range 3 {
		w.visits(2 * time.Minute)
	}
	w.expect("at the third visit", "a.xml=a.xml", "b.xml=b.xml", "c.xml=c.xml")
}

// A file of which the server says something else each time is told, not passed over.
func neverTheSame(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.Put("a.xml", []byte("one"))
	n := int64(0)
	w.Wrap = func(s remote.Session) remote.Session {
		return told{Session: s, stat: func(e *remote.Entry) { n++; e.ModTime = e.ModTime.Add(time.Duration(n) * time.Minute) }}
	}
	failed := 0
	for range 5 {
		failed += w.visits(time.Minute).Failed
	}
	if failed == 0 {
		t.Error("it is never fetched, and nobody is told")
	}
}

func listedAndNotThere(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.Put("a.xml", []byte("one"))
	w.Wrap = func(s remote.Session) remote.Session {
		return visittest.Somewhere{Session: s, Before: func(step, path string) error {
			if step == "open" {
				return fault.New(fault.NotFound, "test", "550")
			}
			return nil
		}}
	}
	failed := 0
	for range 5 {
		failed += w.visits(time.Minute).Failed
	}
	if failed != 2 {
		t.Errorf("told %d times", failed)
	}
}

// Times in listings only: they are what files are compared by.
func timesInListingsOnly(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	during := func(string) {}
	w.Wrap = func(s remote.Session) remote.Session {
		return visittest.Somewhere{Session: told{Session: s, stat: untimed}, Before: func(step, path string) error { during(step); return nil }}
	}
	w.Put("a.xml", []byte("one"))
	w.settled()
	w.Put("a.xml", []byte("two"))
	w.Dated("a.xml", 5)
	w.settled()
	w.expect("left, and replaced", "a.xml=one", "a.xml=two")
	w.job.After.Delete = true
	w.Put("a.xml", []byte("tri"))
	w.Dated("a.xml", 9)
	w.visits(0)
	stats := 0
	during = func(step string) {
		if step == "stat" {
			if stats++; stats == 2 { // the look that comes before the deletion
				w.Put("a.xml", []byte("for"))
				w.Dated("a.xml", 12)
			}
		}
	}
	w.visits(time.Minute)
	w.expectThere("replaced before it was deleted", "a.xml")
	w.settled()
	w.expect("so it was fetched, too", "a.xml=for", "a.xml=one", "a.xml=tri", "a.xml=two")
	w.expectThere("and deleted then")
}

// No times at all.
func noTimes(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.Wrap = func(s remote.Session) remote.Session {
		return told{Session: s, list: allUntimed, stat: untimed}
	}
	w.Put("a.xml", []byte("one"))
	w.settled()
	w.Put("a.xml", []byte("two"))
	if r := w.visits(time.Hour); r.Files+r.Repeated != 0 {
		t.Errorf("each visit fetches it again: %+v", r)
	}
	w.visits(24 * time.Hour)
	w.expect("the next day", "a.xml=one", "a.xml=two")
	w.job.After.Delete = true
	if r := w.visits(time.Hour); r.Failed != 1 || !strings.Contains(fault.Message(r.Problems[0].Err), "does not tell when files were changed") {
		t.Errorf("%+v", r)
	}
	w.expectThere("it is not deleted on its size alone", "a.xml")
	w.job.After = poll.After{Move: "done"}
	w.Put("a.xml", []byte("tri"))
	w.settled()
	w.expect("its content was looked at", "a.xml=one", "a.xml=tri", "a.xml=two")
	w.expectThere("moved", "done/a.xml")
}

// Some servers cannot start anywhere but at the beginning.
func aServerThatCannotResume(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.Put("big.bin", remotetest.Bytes(12<<20, 5))
	w.visits(0)
	w.Clock.Add(time.Minute)
	w.Wrap = (&visittest.Cutting{Nth: 90}).Wrap
	if _, err := w.visit(); err == nil {
		t.Fatal("it was not cut")
	}
	w.Wrap = func(s remote.Session) remote.Session { return fromTheStart{s} }
	if r := w.visits(time.Minute); r.Files != 1 || r.Failed != 0 {
		t.Errorf("%+v", r)
	}
}

type fromTheStart struct{ remote.Session }

func (s fromTheStart) Open(ctx context.Context, path string, offset int64) (*remote.File, error) {
	if offset > 0 {
		return nil, fault.New(fault.Invalid, "test", "502 REST is not known here")
	}
	return s.Session.Open(ctx, path, 0)
}

// Other names at each visit, and more of them than may be.
func namesWithoutEnd(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.job.Limits.Entries = 500
	visit := 0
	w.Wrap = func(s remote.Session) remote.Session {
		return told{Session: s, list: func([]remote.Entry) (l []remote.Entry) {
			visit++
			for i := range 501 {
				l = append(l, remote.Entry{Name: fmt.Sprintf("%d-%d.xml", visit, i), ModTime: w.Clock.Now(), Precision: time.Second})
			}
			return l
		}}
	}
	var r poll.Result
	for range 6 {
		r = w.visits(time.Second)
	}
	var looks []*remotes.Look
	w.Update(func(tx *catalog.Tx) (err error) { looks, err = tx.RemoteLooks(w.job.Remote); return err })
	if len(looks) > 2000 {
		t.Errorf("%d names are remembered", len(looks))
	}
	if len(r.Problems) != 2 || !strings.Contains(fault.Message(r.Problems[1].Err), "more files were seen") {
		t.Errorf("%+v", r)
	}
}

// Long names in many folders.
func pathsWithoutEnd(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.job.Depth = 8
	folders := 0
	w.Wrap = func(s remote.Session) remote.Session {
		return deep{s, func() (l []remote.Entry) {
			folders++
			for i := range 500 {
				l = append(l, remote.Entry{Name: fmt.Sprintf("%01000d", i), Kind: remote.Folder})
			}
			return l
		}}
	}
	r := w.visits(0)
	if folders > 100 || len(r.Problems) == 0 || !strings.Contains(fault.Message(r.Problems[0].Err), "64 MiB") {
		t.Errorf("%d folders: %+v", folders, r)
	}
}

type deep struct {
	remote.Session
	list func() []remote.Entry
}

func (d deep) List(context.Context, string) ([]remote.Entry, error) { return d.list(), nil }

// Who set the clock back is not kept waiting until it is there again.
func aClockThatWasAhead(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.Put("a.xml", []byte("one"))
	w.visits(2 * time.Hour)
	w.visits(-2 * time.Hour)
	w.visits(time.Minute)
	w.expect(filepath.Base(w.Disk), "a.xml=one")
}
