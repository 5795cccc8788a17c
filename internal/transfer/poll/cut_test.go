package poll_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/poll"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/visittest"
)

// Every step of a visit is cut, before it was done and after, at each place where it
// comes, and the gateway begins anew. Every file is taken once, and all that lies there
// in the end is what should.
func cutAnywhere(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	for _, after := range []poll.After{{}, {Delete: true}, {Move: "done"}} {
		cutWhile(w, after)
	}
}

func cutWhile(w *world, after poll.After) {
	w.job.Depth, w.job.After = 1, after
	for nth, more := 1, true; more; nth++ {
		for _, done := range []bool{false, true} {
			more = w.cutOnce(nth, done)
		}
		if !more && nth < 7 {
			w.t.Errorf("%+v: there are %d steps only", after, nth-1)
		}
	}
}

// cutOnce reports whether there is a step so far on.
func (w *world) cutOnce(nth int, done bool) bool {
	t := w.t
	t.Helper()
	names := []string{"a.xml", "in/b.xml"}
	for _, name := range names {
		w.Put(name, fmt.Append(nil, name, len(w.Files()))) // others than those before
		w.Dated(name, len(w.Files()))
	}
	before := len(w.Files())
	w.visits(0)
	w.Clock.Add(time.Minute)
	c := &visittest.Cutting{Nth: nth, Done: done}
	w.Wrap = c.Wrap
	_, err := w.visit()
	if (err != nil) != (c.Met != "") {
		t.Errorf("cut at %s: %v", c.Met, err)
	}
	w.Wrap = nil
	w.Restart()
	for range 2 {
		w.visits(time.Hour)
	}
	what := fmt.Sprintf("%+v, cut at step %d (%s, done: %v)", w.job.After, nth, c.Met, done)
	if n := len(w.Files()) - before; n != len(names) {
		t.Fatalf("%s: %d files came", what, n)
	}
	for _, name := range w.There() {
		switch {
		case w.job.After.Move != "" && strings.HasPrefix(name, "done/"), w.job.After == poll.After{} && slices.Contains(names, name):
		default:
			t.Fatalf("%s: %s is left there", what, name)
		}
	}
	for _, name := range w.There() {
		if err := os.Remove(filepath.Join(w.Disk, name)); err != nil {
			t.Fatal(err)
		}
	}
	return c.Met != ""
}

// A big file is cut at many places, the gateway begins anew or not; it is gone on with,
// and is whole in the end.
func aBigFileIsGoneOnWith(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	want := remotetest.Bytes(12<<20+77, 9)
	w.Put("big.bin", want)
	w.visits(0)
	var offsets []int64
	for i := range 4 {
		w.Clock.Add(time.Minute)
		c := &visittest.Cutting{Nth: 90} // pieces, of 32 KiB mostly
		w.Wrap = c.Wrap
		if _, err := w.visit(); err == nil {
			t.Fatal("the cut was not met")
		}
		if i%2 == 0 {
			w.Restart()
		}
		if files := w.Files(); len(files) != 1 || files[0].State != catalog.Arriving {
			t.Fatalf("after cut %d there are %d rows", i, len(files))
		}
	}
	w.Wrap = func(s remote.Session) remote.Session { return opening{s, &offsets} }
	if r := w.visits(time.Minute); r.Files != 1 {
		t.Errorf("%+v", r)
	}
	f := w.Files()[0]
	if len(offsets) != 1 || offsets[0] == 0 {
		t.Errorf("it was read from %v", offsets)
	}
	if !bytes.Equal(w.Read(f), want) || !f.Delivery.Resumed {
		t.Error("other bytes were taken")
	}
}

// opening notes from where files are read.
type opening struct {
	remote.Session
	offsets *[]int64
}

func (o opening) Open(ctx context.Context, path string, offset int64) (*remote.File, error) {
	*o.offsets = append(*o.offsets, offset)
	return o.Session.Open(ctx, path, offset)
}

// What was cut and has changed meanwhile begins anew: by its time, its size, or, when
// the server lies about both, by its last MiB.
func aBigFileThatChangedMeanwhile(t *testing.T, at visittest.Server) {
	for name, change := range map[string]func(w *world, content []byte){
		"another time, and only its first byte": func(w *world, _ []byte) {
			content := remotetest.Bytes(12<<20, 1)
			content[0]++
			w.Put("big.bin", content)
			w.Dated("big.bin", 9)
		},
		"another size": func(w *world, content []byte) { w.Put("big.bin", content[:11<<20]) },
		"only content": func(w *world, content []byte) { w.Put("big.bin", content) },
	} {
		w := newWorld(t, at)
		w.Put("big.bin", remotetest.Bytes(12<<20, 1))
		w.visits(0)
		w.Clock.Add(time.Minute)
		c := &visittest.Cutting{Nth: 100}
		w.Wrap = c.Wrap
		if _, err := w.visit(); err == nil {
			t.Fatal("the cut was not met")
		}
		w.Wrap = nil
		change(w, remotetest.Bytes(12<<20, 2))
		w.settled()
		w.visits(time.Minute)
		files := w.Files()
		if len(files) != 1 || files[0].State == catalog.Arriving {
			t.Fatalf("%s: %d rows", name, len(files))
		}
		onDisk, err := os.ReadFile(filepath.Join(w.Disk, "big.bin"))
		if err != nil || !bytes.Equal(w.Read(files[0]), onDisk) {
			t.Errorf("%s: what was taken is not what lies there", name)
		}
		if err := w.SweepObjects(t.Context()); err != nil || w.Objects() != 1 {
			t.Errorf("%s: %d objects, %v", name, w.Objects(), err)
		}
	}
}

// A server that is dead, or so slow that the visit takes too long, ends it in time; what
// has come of a big file is kept.
func aVisitEndsInTime(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.Put("big.bin", remotetest.Bytes(12<<20, 1))
	w.visits(0)
	w.Wrap = func(s remote.Session) remote.Session { return stuck{s} }
	w.job.Limits.Time = 2 * time.Second
	w.Clock.Add(time.Minute)
	began := time.Now()
	_, err := w.visit()
	if !fault.Is(err, fault.TryLater) || !strings.Contains(fault.Message(err), "longer than it may") {
		t.Errorf("%v", err)
	}
	if d := time.Since(began); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
	w.Wrap, w.job.Limits.Time = nil, 0
	w.visits(time.Minute)
	w.expect("later", "big.bin=12582912")
	if !w.Files()[0].Delivery.Resumed {
		t.Error("it began anew")
	}
}

// stuck gives half of each file, and then nothing until the visit is given up.
type stuck struct{ remote.Session }

func (s stuck) Open(ctx context.Context, path string, offset int64) (*remote.File, error) {
	f, err := s.Session.Open(ctx, path, offset)
	if err != nil {
		return nil, err
	}
	inner, came := f.ReadCloser, int64(0)
	f.ReadCloser = visittest.Reading{Closer: inner, By: func(p []byte) (int, error) {
		if came > f.Entry.Size/2 {
			<-ctx.Done()
			return 0, context.Cause(ctx)
		}
		n, err := inner.Read(p)
		came += int64(n)
		return n, err
	}}
	return f, nil
}

// A commit of the catalog fails, stored or not: the gateway ends and begins anew, and
// everything is taken once.
func commitsFailBothWays(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.job.After.Delete = true
	for nth := 0; nth < 4; nth++ {
		for _, stored := range []bool{false, true} {
			w.Put("a.xml", fmt.Append(nil, nth, stored))
			w.Put("b.xml", fmt.Append(nil, nth, stored, "b"))
			before := len(w.Files())
			w.visits(0)
			w.Clock.Add(time.Minute)
			w.Faults.Skip(nth)
			w.Faults.FailNext(stored)
			_, err := w.visit()
			w.Reopen()
			for range 2 {
				w.visits(time.Hour)
			}
			if n := len(w.Files()) - before; n != 2 {
				t.Errorf("commit %d (stored: %v, %v): %d files came", nth, stored, err, n)
			}
			w.expectThere("taken")
		}
	}
}
