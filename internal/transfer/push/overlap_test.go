package push_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/push"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/visittest"
)

// at does something once, before a step.
func at(step string, do func()) func(remote.Session) remote.Session {
	done := false
	return func(s remote.Session) remote.Session {
		return visittest.Somewhere{Session: s, Before: func(now, _ string) error {
			if now == step && !done {
				done = true
				do()
			}
			return nil
		}}
	}
}

// Two servers of one account to which a file may go: whoever is about to give it its
// name has it, and the other leaves nothing and says nothing.
func TestAFileThatMayGoToTwoServers(t *testing.T) {
	s := visittest.BySSH(remotetest.OpenSSH(t))
	for _, step := range []string{"create", "rename"} {
		t.Run("both at "+step, func(t *testing.T) {
			w := newWorld(t, s)
			other := leaving(t, w.Another("erp"))
			f := w.send("a.xml", "one")
			var second push.Result
			w.Wrap = at(step, func() { second = other.visits(0) })
			first := w.visits(0)
			if first.Files+second.Files != 1 || first.Failed+second.Failed != 0 || w.waits() != 0 {
				t.Errorf("%+v and %+v, %d wait", first, second, w.waits())
			}
			if both := append(w.there(), other.there()...); len(both) != 1 || both[0] != "a.xml=one" {
				t.Errorf("on both servers: %q", both)
			}
			if rest := w.pushes(); rest != 0 {
				t.Errorf("%d are still on their way", rest)
			}
			if p := append(w.proofs(f.ID), w.proofsBy(f.ID, "remote:erp")...); len(p) != 1 {
				t.Errorf("delivered %d times", len(p))
			}
		})
	}
	t.Run("the answer was lost at one", func(t *testing.T) {
		w := newWorld(t, s)
		other := leaving(t, w.Another("erp"))
		f := w.send("a.xml", "one")
		cut := &visittest.Cutting{Nth: 3}
		w.Wrap = cut.Wrap
		if _, err := w.visit(); !errors.Is(err, remote.ErrCut) || cut.Met != "rename" {
			t.Fatalf("cut at %s: %v", cut.Met, err)
		}
		w.Wrap = nil
		if r := other.visits(time.Hour); r.Seen != 0 || r.Files != 0 || other.Calls != 0 {
			t.Errorf("the other one: %+v, %d calls", r, other.Calls)
		}
		w.tidied()
		w.Update(func(tx *catalog.Tx) error { return tx.ResendRemotePush(w.job.Remote, f.ID) })
		if r := other.visits(time.Hour); r.Files != 1 {
			t.Errorf("when it is to be sent again: %+v", r)
		}
		w.visits(0)
		w.expect("nothing on the first")
	})
}

// pushes counts what is on record to be on its way.
func (w *world) pushes() (n int) {
	w.t.Helper()
	err := w.Catalog.View(w.t.Context(), func(tx *catalog.Tx) error {
		all, err := tx.AllRemotes()
		for _, r := range all {
			list, lerr := tx.RemotePushes(r.ID)
			n += len(list)
			err = errors.Join(err, lerr)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// A body of ours that cannot be read is no fault of the server, and keeps no other file.
func aBodyOfOursThatIsDamaged(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.send("bad.xml", strings.Repeat("x", 1<<20))
	w.damage()
	w.send("good.xml", "two")
	r := w.visits(0)
	if r.Files != 1 || r.Failed != 1 || len(r.Problems) != 1 || !fault.Is(r.Problems[0].Err, fault.Damaged) || r.Problems[0].Name != "bad.xml" {
		t.Fatalf("%+v", r)
	}
	if words := fault.Message(r.Problems[0].Err); strings.Contains(words, "disk") || strings.Contains(words, "server") {
		t.Errorf("it says %q", words)
	}
	w.expect("the other one", "good.xml=two")
}

// damage changes a byte in the middle of the largest object of the vault.
func (w *world) damage() {
	w.t.Helper()
	var largest string
	var size int64
	err := filepath.WalkDir(w.Dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(name, ".db") {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > size {
			largest, size = name, info.Size()
		}
		return err
	})
	var text []byte
	if err == nil {
		text, err = os.ReadFile(largest)
	}
	if err != nil || len(text) < 1<<20 {
		w.t.Fatalf("%s has %d bytes, %v", largest, len(text), err)
	}
	text = bytes.Clone(text)
	text[len(text)/2] ^= 1
	if err := os.WriteFile(largest, text, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// The clock was a day ahead when a file was put off: it is tried when that is noticed.
func TestAClockThatWasAhead(t *testing.T) {
	w := newWorld(t, visittest.BySSH(remotetest.OpenSSH(t)))
	w.send("a.xml", "one")
	w.Clock.Add(24 * time.Hour)
	w.Wrap = func(s remote.Session) remote.Session {
		return visittest.Somewhere{Session: s, Before: func(step, _ string) error { return fault.New(fault.Denied, "test", "no") }}
	}
	if r := w.visits(0); r.Failed != 1 {
		t.Fatalf("%+v", r)
	}
	w.Wrap = nil
	if r := w.visits(-24 * time.Hour); r.Files != 1 {
		t.Errorf("%+v", r)
	}
	w.expect("there", "a.xml=one")
}

// A visit ends when it has lasted as long as it may; what was not done is done later.
func TestAVisitThatTakesTooLong(t *testing.T) {
	w := newWorld(t, visittest.BySSH(remotetest.OpenSSH(t)))
	w.send("a.xml", "one")
	w.send("b.xml", "two")
	w.job.Time = 100 * time.Millisecond
	w.Wrap = func(s remote.Session) remote.Session { return waiting{s} }
	r, err := w.visit()
	if !fault.Is(err, fault.TryLater) || !strings.Contains(fault.Message(err), "longer than it may") || r.Files != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	w.Wrap, w.job.Time = nil, 0
	w.visits(0)
	w.expect("both", "a.xml=one", "b.xml=two")
}

// waiting is a session whose server takes a file when the visit is over.
type waiting struct{ remote.Session }

func (waiting) Rename(ctx context.Context, _, _ string, _ bool) error {
	<-ctx.Done()
	return fmt.Errorf("test: %w", context.Cause(ctx))
}
