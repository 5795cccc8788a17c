package sftpd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
)

// twins is an /out of files that all have one name: the oldest is a.xml, the
// next a.2.xml, and so on, as the outbox numbers them.
type twins struct {
	mu      sync.Mutex
	waiting []uuid.UUID
}

func (q *twins) items() (all []Item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n, id := range q.waiting {
		name := "a.xml"
		if n > 0 {
			name = fmt.Sprintf("a.%d.xml", n+1)
		}
		all = append(all, Item{ID: id, Name: name, Size: int64(len(id))})
	}
	return all
}

func (q *twins) List(context.Context, uuid.UUID) ([]Item, error) { return q.items(), nil }

func (q *twins) Stat(_ context.Context, _ uuid.UUID, file Ref) (Item, error) {
	for _, i := range q.items() {
		if i.ID == file.ID || file.ID == uuid.Nil && i.Name == file.Name {
			return i, nil
		}
	}
	return Item{}, fault.New(fault.NotFound, "twins", "no such file")
}

func (q *twins) Open(ctx context.Context, account, _ uuid.UUID, file Ref) (Content, error) {
	i, err := q.Stat(ctx, account, file)
	return struct {
		io.ReaderAt
		io.Closer
	}{bytes.NewReader(i.ID[:]), io.NopCloser(nil)}, err
}

func (q *twins) Remove(ctx context.Context, account, _ uuid.UUID, file Ref) error {
	if file.ID == uuid.Nil {
		i, err := q.Stat(ctx, account, file)
		if err != nil {
			return err
		}
		file.ID = i.ID
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, func(id uuid.UUID) bool { return id == file.ID })
	return nil
}

// A client that removes what it fetched removes that file and no other, although
// the names of the others have moved on meanwhile.
func TestRemovingInOutMeansTheFileThatWasShown(t *testing.T) {
	one, two, three := uuid.New(), uuid.New(), uuid.New()
	q := &twins{waiting: []uuid.UUID{one, two, three}}
	h := openHouse(t, func(o *Options) { o.Outbox = q })
	slow, quick := h.sftp(), h.sftp()
	fetch := func(name string) uuid.UUID {
		t.Helper()
		f, err := slow.Open("/out/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		id, _ := uuid.FromBytes(got)
		return id
	}
	if got := names(t, slow, "/out"); len(got) != 3 {
		t.Fatalf("/out lists %q", got)
	}
	if fetch("a.xml") != one {
		t.Fatal("a.xml is not the oldest")
	}
	if err := quick.Remove("/out/a.xml"); err != nil { // another session has it, too
		t.Fatal(err)
	}
	if err := slow.Remove("/out/a.xml"); err != nil {
		t.Error(err)
	}
	if left := q.items(); len(left) != 2 {
		t.Fatalf("%d files wait, want 2: one was taken away unread", len(left))
	}
	if fetch("a.2.xml") != two {
		t.Error("a.2.xml means another file than it was shown for")
	}
	if err := slow.Remove("/out/a.2.xml"); err != nil {
		t.Error(err)
	}
	if left := q.items(); len(left) != 1 || left[0].ID != three {
		t.Errorf("%v wait, want the third alone", left)
	}
}
