package journal

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
)

var now = time.Date(2026, 11, 22, 9, 30, 0, 123456789, time.UTC)

func open1(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func source(path string) Source {
	return Source{Folder: "/in", Path: path, Name: filepath.Base(path), Size: 5, Modified: now, After: "move"}
}

func add1(t *testing.T, j *Journal, s Source, want int) {
	t.Helper()
	if n, err := j.Add(t.Context(), now, []Source{s}); err != nil || n != want {
		t.Fatalf("added %d, %v, want %d", n, err, want)
	}
}

func only(t *testing.T, j *Journal) *Delivery {
	t.Helper()
	all, err := j.Open(t.Context(), 0, 10)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d on their way, %v", len(all), err)
	}
	return all[0]
}

// A file goes its way once, however often the scan finds it and however often the
// journal is closed in between.
func TestTheWayOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open1(t, path)
	s := source("/in/a.xml")
	add1(t, j, s, 1)
	add1(t, j, s, 0)
	reopen := func() {
		t.Helper()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = open1(t, path)
	}
	id := j.ID(s, [32]byte{1})
	reopen()
	if j.ID(s, [32]byte{1}) != id {
		t.Fatal("the delivery id is another after opening the journal again")
	}
	d := only(t, j)
	if d.State != Found || !d.Modified.Equal(now) || d.Name != "a.xml" {
		t.Fatalf("%+v", d)
	}
	file := uuid.New()
	if err := j.Seal(t.Context(), d.Seq, file, []byte("key"), []byte("header")); err != nil {
		t.Fatal(err)
	}
	if err := j.Mark(t.Context(), d.Seq, 64, [32]byte{7}); err != nil {
		t.Fatal(err)
	}
	reopen()
	d = only(t, j)
	if at, sum, err := j.Marked(t.Context(), d.Seq, 63); err != nil || at != 64 || sum != [32]byte{7} || d.File != file || string(d.Key) != "key" {
		t.Fatalf("%+v, %v", d, err)
	}
	if _, _, err := j.Marked(t.Context(), d.Seq, 65); !fault.Is(err, fault.NotFound) {
		t.Fatalf("a mark nobody made: %v", err)
	}
	if err := j.Receive(t.Context(), Receipt{Seq: d.Seq, File: file, At: "/in/sent/a.xml", Now: now}); err != nil {
		t.Fatal(err)
	}
	// It still lies where it was found: no new delivery.
	add1(t, j, s, 0)
	reopen()
	if d = only(t, j); d.State != Received || d.At != "/in/sent/a.xml" || d.Key != nil {
		t.Fatalf("%+v", d)
	}
	if err := j.Finish(t.Context(), d.Seq, now); err != nil {
		t.Fatal(err)
	}
	add1(t, j, s, 1) // somebody has put it there again: the gateway will know it by its id
}

func TestAFileThatChangesIsAnotherDelivery(t *testing.T) {
	j := open1(t, filepath.Join(t.TempDir(), "journal.db"))
	s := source("/in/a.xml")
	add1(t, j, s, 1)
	before := only(t, j)
	s.Size++
	add1(t, j, s, 1)
	if d := only(t, j); d.Seq == before.Seq || d.Size != 6 {
		t.Fatalf("%+v", d)
	}
	if d, err := j.Get(t.Context(), before.Seq); err != nil || d.State != Gone {
		t.Fatalf("%+v, %v", d, err)
	}
	if err := j.Receive(t.Context(), Receipt{Seq: before.Seq, File: uuid.New(), Now: now}); !fault.Is(err, fault.Invalid) {
		t.Fatalf("received after it was gone: %v", err)
	}
}

// What makes a delivery: path, size, time and content, each of them.
func TestDeliveryIDs(t *testing.T) {
	j := open1(t, filepath.Join(t.TempDir(), "journal.db"))
	s := source("/in/a.xml")
	seen := map[[32]byte]string{j.ID(s, [32]byte{}): "id"}
	for what, change := range map[string]func(*Source) [32]byte{
		"path":    func(s *Source) [32]byte { s.Path += "x"; return [32]byte{} },
		"size":    func(s *Source) [32]byte { s.Size++; return [32]byte{} },
		"time":    func(s *Source) [32]byte { s.Modified = s.Modified.Add(1); return [32]byte{} },
		"content": func(*Source) [32]byte { return [32]byte{1} },
	} {
		c := s
		sum := change(&c)
		if other := seen[j.ID(c, sum)]; other != "" {
			t.Errorf("%s does not count: the same id as %s", what, other)
		}
		seen[j.ID(c, sum)] = what
	}
	other := open1(t, filepath.Join(t.TempDir(), "journal.db"))
	if other.ID(s, [32]byte{}) == j.ID(s, [32]byte{}) {
		t.Error("two journals make the same ids")
	}
}

// A gateway that came back from a backup gets again what is here, and what is not is named.
func TestUnknownToARestoredGateway(t *testing.T) {
	j := open1(t, filepath.Join(t.TempDir(), "journal.db"))
	for _, name := range []string{"/in/kept.xml", "/in/deleted.xml"} {
		s := source(name)
		add1(t, j, s, 1)
		d := only(t, j)
		if err := j.Receive(t.Context(), Receipt{Seq: d.Seq, File: uuid.New(), ID: j.ID(s, [32]byte{3}), SHA256: [32]byte{3}, At: "/in/sent/" + filepath.Base(name), Now: now}); err != nil {
			t.Fatal(err)
		}
		if err := j.Finish(t.Context(), d.Seq, now); err != nil {
			t.Fatal(err)
		}
	}
	done, err := j.Delivered(t.Context(), now.Add(-time.Hour), 0, 10)
	if err != nil || len(done) != 2 {
		t.Fatalf("%d delivered, %v", len(done), err)
	}
	if err := j.Unknown(t.Context(), done[0].Seq, true, false, "sent again"); err != nil {
		t.Fatal(err)
	}
	if err := j.Unknown(t.Context(), done[1].Seq, false, false, "its content is gone"); err != nil {
		t.Fatal(err)
	}
	add1(t, j, source("/in/kept.xml"), 1) // a new file of that name has nothing to do with it
	all, err := j.Open(t.Context(), 0, 10)
	if err != nil || len(all) != 2 || all[0].Path != "/in/sent/kept.xml" || !all[0].Resent || !bytes.Equal(all[0].ID, done[0].ID) || all[0].File != uuid.Nil {
		t.Fatalf("%+v, %v", all[0], err)
	}
	if lost, err := j.Missing(t.Context(), 10); err != nil || len(lost) != 1 || lost[0].Path != "/in/deleted.xml" {
		t.Fatalf("%+v, %v", lost, err)
	}
	if err := j.Forget(t.Context(), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if f, err := j.Figures(t.Context()); err != nil || f.Lost != 1 || f.Waiting != 2 || f.Failed != 1 || f.Code != "sent-again" {
		t.Fatalf("%+v, %v", f, err)
	}
}

func TestADamagedJournalIsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path); !fault.Is(err, fault.Damaged) {
		t.Fatalf("%v", err)
	}
	if _, err := Look(t.Context(), filepath.Join(t.TempDir(), "none.db")); err == nil {
		t.Fatal("a journal that is not there was looked at")
	}
}

func TestFetchedOnce(t *testing.T) {
	j := open1(t, filepath.Join(t.TempDir(), "journal.db"))
	f := Fetched{File: uuid.New(), Name: "a", Path: "/out/a", SHA256: []byte{1}, Written: true, At: now}
	if got, err := j.Fetch(t.Context(), f.File); err != nil || got != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, f.Acknowledged = range []bool{false, true} {
		if err := j.SetFetched(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if got, err := j.Fetch(t.Context(), f.File); err != nil || got.Acknowledged != f.Acknowledged || got.Path != "/out/a" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if all, err := j.LatestFetched(t.Context(), 5); err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	young := Fetched{File: uuid.New(), Name: "b", Path: "/out/b", SHA256: []byte{2}, Written: true, At: now}
	if err := j.SetFetched(t.Context(), young); err != nil { // the gateway does not know yet
		t.Fatal(err)
	}
	if err := j.Forget(t.Context(), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if all, err := j.LatestFetched(t.Context(), 5); err != nil || len(all) != 1 || all[0].Path != "/out/b" {
		t.Fatalf("%+v, %v", all, err)
	}
}

// What many write at the same time is written for each of them, and what one cannot do
// takes nothing from the others.
func TestManyWriteAtTheSameTime(t *testing.T) {
	j := open1(t, filepath.Join(t.TempDir(), "journal.db"))
	const many = 64
	var files []Source
	for i := range many {
		files = append(files, source(fmt.Sprintf("/in/%02d.xml", i)))
	}
	if n, err := j.Add(t.Context(), now, files); n != many || err != nil {
		t.Fatal(n, err)
	}
	open, err := j.Open(t.Context(), 0, many)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i, d := range open {
		all.Go(func() {
			if err := j.Receive(t.Context(), Receipt{Seq: d.Seq, File: uuid.New(), Now: now}); err != nil {
				t.Error(err)
			}
			if i%4 == 0 { // nobody has received it twice
				if err := j.Receive(t.Context(), Receipt{Seq: d.Seq, File: uuid.New(), Now: now}); !fault.Is(err, fault.Invalid) {
					t.Errorf("received twice: %v", err)
				}
			}
			if i%2 == 0 {
				if err := j.Finish(t.Context(), d.Seq, now); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	left, err := j.Open(t.Context(), 0, many)
	if err != nil || len(left) != many/2 {
		t.Fatalf("%d are on their way, %v", len(left), err)
	}
	for _, d := range left {
		if d.State != Received {
			t.Errorf("%s is %s", d.Path, d.State)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Finish(ended, left[0].Seq, now); !fault.Is(err, fault.TryLater) {
		t.Errorf("who has given up is told %v", err)
	}
}

// What is in work takes no place in the list of what is due.
func TestWhatIsInWorkIsNotListed(t *testing.T) {
	j := open1(t, filepath.Join(t.TempDir(), "journal.db"))
	var files []Source
	for i := range 5 {
		files = append(files, Source{Path: fmt.Sprintf("/out/%d.xml", i), Name: "a.xml", Modified: time.Unix(1, 0)})
	}
	if _, err := j.Add(t.Context(), now, files); err != nil {
		t.Fatal(err)
	}
	due, err := j.Due(t.Context(), now, nil, nil, 3)
	if err != nil || len(due) != 3 {
		t.Fatalf("%v, %v", due, err)
	}
	rest, err := j.Due(t.Context(), now, nil, []int64{due[0].Seq, due[1].Seq, due[2].Seq}, 3)
	if err != nil || len(rest) != 2 || rest[0].Seq <= due[2].Seq {
		t.Errorf("%v, %v", rest, err)
	}
}
