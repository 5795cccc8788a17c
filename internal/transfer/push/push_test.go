package push_test

import (
	"context"
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
	"sealgate/internal/transfer/outbox"
	"sealgate/internal/transfer/push"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/visittest"
)

// world is one of a remote that files are left at.
type world struct {
	*visittest.World
	t   *testing.T
	job push.Job
}

func newWorld(t *testing.T, at visittest.Server) *world {
	t.Helper()
	return leaving(t, at.World(t, remotes.Push))
}

func leaving(t *testing.T, in *visittest.World) *world {
	t.Helper()
	return &world{in, t, push.Job{Account: in.Customer, Remote: in.Remote, Fence: in.Lease(), Name: in.Name, Dir: in.Folder}}
}

func (w *world) box() *outbox.Outbox {
	return outbox.New(w.Catalog, w.Bodies, w.Keys, w.Intake, w.Clock.Now)
}

// send puts a file into the outbox.
func (w *world) send(name, content string) *catalog.File {
	w.t.Helper()
	f, err := w.box().Send(w.t.Context(), w.Customer, name, strings.NewReader(content), "operator", "operator")
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// visit pays one visit.
func (w *world) visit() (push.Result, error) {
	w.t.Helper()
	connect := func(context.Context) (remote.Session, error) { return w.Session(), nil }
	return push.New(w.Catalog, w.box(), w.Keys, w.Clock.Now).Run(w.t.Context(), connect, w.job)
}

// visits pays one visit that goes well, after the time given.
func (w *world) visits(after time.Duration) push.Result {
	w.t.Helper()
	w.Clock.Add(after)
	r, err := w.visit()
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// tidied takes the one temporary file there away and returns its name.
func (w *world) tidied() string {
	w.t.Helper()
	list, err := filepath.Glob(filepath.Join(w.Disk, ".*.part"))
	if err != nil || len(list) != 1 {
		w.t.Fatalf("temporary files: %q, %v", list, err)
	}
	if err := os.Remove(list[0]); err != nil {
		w.t.Fatal(err)
	}
	return filepath.Base(list[0])
}

// byHand says that what waits was delivered: the customer has it, and said so.
func (w *world) byHand() {
	w.t.Helper()
	for _, f := range w.Files() {
		if f.State == catalog.Waiting {
			if err := w.box().Delivered(w.t.Context(), f.ID, "operator"); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// there are the files on the server, with their content.
func (w *world) there() (names []string) {
	w.t.Helper()
	for _, name := range w.There() {
		content, err := os.ReadFile(filepath.Join(w.Disk, name))
		if err != nil {
			w.t.Fatal(err)
		}
		if len(content) > 20 {
			content = fmt.Append(nil, len(content))
		}
		names = append(names, fmt.Sprintf("%s=%s", name, content))
	}
	return names
}

// fetch is the customer, who takes away what has its name.
func (w *world) fetch() (names []string) {
	w.t.Helper()
	for _, name := range w.there() {
		if strings.HasPrefix(name, ".") {
			continue
		}
		names = append(names, name)
		base, _, _ := strings.Cut(name, "=")
		if err := os.Remove(filepath.Join(w.Disk, base)); err != nil {
			w.t.Fatal(err)
		}
	}
	return names
}

func (w *world) expect(what string, want ...string) {
	w.t.Helper()
	if got := w.there(); !slices.Equal(got, want) {
		w.t.Errorf("%s: there are %q, want %q", what, got, want)
	}
}

// waits are the files that were not delivered.
func (w *world) waits() (n int) {
	for _, f := range w.Files() {
		if f.State == catalog.Waiting {
			n++
		}
	}
	return n
}

// proofs are what the log says of deliveries of a file.
func (w *world) proofs(id uuid.UUID) []map[string]string { return w.proofsBy(id, "remote:bank") }

func (w *world) proofsBy(id uuid.UUID, actor string) (all []map[string]string) {
	w.t.Helper()
	err := w.Catalog.View(w.t.Context(), func(tx *catalog.Tx) error {
		entries, err := tx.AuditOf(id.String(), 100)
		for _, e := range entries {
			if e.Action == "file.delivered" && e.Actor == actor {
				all = append(all, e.Detail)
			}
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func whatWaitsIsDelivered(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.job.Names = glob.Set{Include: []string{"*.xml"}}
	large := strings.Repeat("answer ", 100_000)
	files := []*catalog.File{w.send("a.xml", "one"), w.send("a.xml", "two"), w.send("empty.xml", ""), w.send("large.xml", large), w.send("other.pdf", "x")}
	r := w.visits(0)
	if r.Seen != 4 || r.Files != 4 || r.Failed != 0 || r.Bytes != int64(6+len(large)) {
		t.Errorf("%+v", r)
	}
	w.expect("delivered", "a.2.xml=two", "a.xml=one", "empty.xml=", "large.xml=700000")
	for _, f := range files[:4] {
		row := w.File(f.ID)
		if p := w.proofs(f.ID); row.State != catalog.Delivered || row.Grant.Key != "" || len(p) != 1 || p[0]["check"] != "size" || p[0]["size"] != fmt.Sprint(row.Content.Size) {
			t.Errorf("%s, with %v", row.State, p)
		}
	}
	if r := w.visits(time.Hour); r.Seen != 0 || w.waits() != 1 {
		t.Errorf("once more: %+v", r)
	}
}

// A name that is taken there is not overwritten, whoever has it.
func nothingThereIsOverwritten(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	for _, name := range []string{"a.xml", "a.2.xml"} {
		w.Put(name, []byte("theirs"))
	}
	w.send("a.xml", "ours")
	w.visits(0)
	w.expect("beside them", "a.2.xml=theirs", "a.3.xml=ours", "a.xml=theirs")
}

func TestAServerThatIsReadOnly(t *testing.T) {
	w := newWorld(t, visittest.BySSH(remotetest.OpenSSH(t, "ForceCommand internal-sftp -R")))
	w.send("a.xml", "one")
	w.send("b.xml", "two")
	r := w.visits(0)
	if r.Files != 0 || r.Failed != 2 || len(r.Problems) != 2 || !fault.Is(r.Problems[0].Err, fault.Denied) || r.Problems[0].Name != "a.xml" {
		t.Errorf("%+v", r)
	}
	if !r.Again.After(w.Clock.Now()) {
		t.Errorf("tried again at %v", r.Again)
	}
	if r := w.visits(time.Second); r.Failed != 0 || r.Seen != 2 || w.Calls != 1 || !r.Again.After(w.Clock.Now()) { // not before
		t.Errorf("at once: %+v, %d calls", r, w.Calls)
	}
	if r := w.visits(time.Hour); r.Failed != 2 {
		t.Errorf("an hour later: %+v", r)
	}
	if w.waits() != 2 {
		t.Error("something does not wait any more")
	}
}

// A rename that is refused: the file is delivered when it may be renamed.
func aRenameThatIsRefused(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.send("a.xml", "one")
	refused := fault.New(fault.Denied, "test", "no")
	w.Wrap = func(s remote.Session) remote.Session {
		return visittest.Somewhere{Session: s, Before: func(step, path string) error {
			if step == "rename" {
				return refused
			}
			return nil
		}}
	}
	if r := w.visits(0); r.Failed != 1 || !errors.Is(r.Problems[0].Err, refused) {
		t.Errorf("%+v", r)
	}
	if got := w.there(); len(got) != 1 || !strings.HasSuffix(got[0], ".part=one") {
		t.Errorf("there are %q", got)
	}
	w.Wrap = nil
	w.visits(time.Hour)
	w.expect("at last", "a.xml=one")
}

// A rename was refused, and what lies under the temporary name is gone until the next
// visit: tidied away by somebody, or the folder is another one. It is sent again.
func aRefusedRenameAndAFolderThatIsEmpty(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.send("a.xml", "one")
	w.Wrap = func(s remote.Session) remote.Session {
		return visittest.Somewhere{Session: s, Before: func(step, path string) error {
			if step == "rename" {
				return fault.New(fault.Denied, "test", "no")
			}
			return nil
		}}
	}
	w.visits(0)
	w.tidied()
	w.Wrap = nil
	if r := w.visits(time.Hour); r.Files != 1 || w.waits() != 0 {
		t.Errorf("%+v, %d wait", r, w.waits())
	}
	w.expect("sent again", "a.xml=one")
}

// The answer to a rename was lost, and nothing lies there, or somebody else's: nobody
// says that it was delivered until somebody says so, or what lay there is back.
func aLostAnswerAndAFolderThatIsEmpty(t *testing.T, at visittest.Server) {
	for _, way := range []string{"delivered by hand", "sent again", "back again", "somebody else's", "somebody else's, as long"} {
		t.Run(way, func(t *testing.T) {
			w := newWorld(t, at)
			f := w.send("a.xml", "one")
			cut := &visittest.Cutting{Nth: 3}
			w.Wrap = cut.Wrap
			if _, err := w.visit(); !errors.Is(err, remote.ErrCut) || cut.Met != "rename" {
				t.Fatalf("cut at %s: %v", cut.Met, err)
			}
			w.Wrap = nil
			part := w.tidied()
			switch way {
			case "somebody else's":
				w.Put("a.xml", []byte("another"))
			case "somebody else's, as long":
				w.Put("a.xml", []byte("two"))
			}
			for range 2 {
				r := w.visits(7 * time.Hour)
				if r.Files != 0 || r.Failed != 1 || !strings.Contains(r.Problems[0].Err.Error(), "cannot be known") || w.waits() != 1 {
					t.Fatalf("%+v, %d wait", r, w.waits())
				}
			}
			switch way {
			case "delivered by hand":
				if err := w.box().Delivered(t.Context(), f.ID, "operator"); err != nil {
					t.Fatal(err)
				}
				w.visits(0)
				w.expect("nothing is sent")
			case "back again":
				w.Put(part, []byte("one"))
				w.visits(7 * time.Hour)
				w.expect("renamed", "a.xml=one")
			case "somebody else's", "somebody else's, as long", "sent again":
				w.Update(func(tx *catalog.Tx) error { return tx.ResendRemotePush(w.job.Remote, f.ID) })
				w.visits(0)
				if got := w.there(); w.waits() != 0 || got[len(got)-1] == "" || !strings.Contains(strings.Join(got, " "), "=one") {
					t.Errorf("there are %q, %d wait", got, w.waits())
				}
			}
		})
	}
}

// Somebody tidies temporary files away just before the rename: the file is sent again,
// and not said to be delivered.
func aTemporaryFileThatIsTakenAway(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.send("a.xml", "one")
	w.Wrap = func(s remote.Session) remote.Session {
		return visittest.Somewhere{Session: s, Before: func(step, path string) error {
			if step == "rename" {
				return os.Remove(path)
			}
			return nil
		}}
	}
	if r := w.visits(0); r.Failed != 1 {
		t.Errorf("%+v", r)
	}
	if w.waits() != 1 {
		t.Error("it does not wait any more")
	}
	w.Wrap = nil
	w.visits(time.Hour)
	w.expect("sent again", "a.xml=one")
}

// What was fetched by another way meanwhile leaves nothing there.
func aFileThatIsNotToBeDeliveredAnyMore(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	f := w.send("a.xml", "one")
	cut := true
	w.Wrap = func(s remote.Session) remote.Session {
		return visittest.Somewhere{Session: s, Before: func(step, path string) error {
			if step == "rename" && cut {
				return fmt.Errorf("test: %w", remote.ErrCut)
			}
			return nil
		}}
	}
	if _, err := w.visit(); !errors.Is(err, remote.ErrCut) {
		t.Errorf("%v", err)
	}
	if err := w.box().Delivered(t.Context(), f.ID, "somebody"); err != nil {
		t.Fatal(err)
	}
	w.Wrap = nil
	w.visits(time.Hour)
	w.expect("nothing is left there")
}

// Every step of the way is cut, before it was done and after, at each place where it
// comes; the customer takes his files away as soon as they have their names, or leaves
// them. Each arrives once. Of one that he takes before the gateway has seen it there,
// somebody has to say that it was delivered.
func cutAnywhere(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	for _, fetches := range []bool{false, true} {
		for nth := 1; ; nth++ {
			for _, done := range []bool{false, true} {
				got := map[string]int{}
				fetch := func() {
					for _, name := range w.fetch() {
						got[name]++
					}
				}
				w.send("a.xml", "one")
				w.send("b.xml", strings.Repeat("x", 100_000))
				c := &visittest.Cutting{Nth: nth, Done: done}
				w.Wrap = c.Wrap
				for range 5 {
					_, _ = w.visit()
					w.Clock.Add(time.Hour)
					w.Restart()
					w.Wrap = nil
					if fetches {
						fetch()
					}
				}
				fetch()
				if fetches && done && c.Met == "rename" && w.waits() == 1 {
					w.byHand()
					w.visits(0)
				}
				if w.waits() != 0 || len(got) != 2 || got["a.xml=one"] != 1 || got["b.xml=100000"] != 1 {
					t.Fatalf("cut at step %d (%s, done: %v): %d wait, the customer got %v", nth, c.Met, done, w.waits(), got)
				}
				if rest := w.there(); len(rest) != 0 {
					t.Fatalf("cut at step %d (%s, done: %v): left there: %q", nth, c.Met, done, rest)
				}
				if c.Met == "" {
					if nth < 6 {
						t.Errorf("there are %d steps only", nth-1)
					}
					goto next
				}
			}
		}
	next:
	}
}

// A file at which the server hangs up each time does not keep the others.
func aFileThatBreaksTheConnection(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.send("bad.xml", "one")
	w.send("good.xml", "two")
	w.Wrap = func(s remote.Session) remote.Session {
		return visittest.Somewhere{Session: s, Before: func(step, path string) error {
			if step == "create" {
				_ = s.Close()
				return fmt.Errorf("test: %w", remote.ErrCut)
			}
			return nil
		}}
	}
	if _, err := w.visit(); !errors.Is(err, remote.ErrCut) || !strings.Contains(fault.Message(err), "disk may be full") {
		t.Errorf("%v", err)
	}
	w.Wrap = nil
	w.job.Files = 1
	w.visits(0)
	w.expect("the other one first", "good.xml=two")
	w.visits(0)
	w.expect("both", "bad.xml=one", "good.xml=two")
}

// The disk there is full: said so, nothing lies there under its name, and what waits is
// delivered when there is room.
func aFullDiskThere(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.send("a.xml", "one")
	w.send("b.xml", "two")
	full := fault.New(fault.Full, "test", "the disk of the server is full")
	w.Wrap = func(s remote.Session) remote.Session {
		return visittest.Somewhere{Session: s, Before: func(step, path string) error {
			if step == "create" {
				_ = os.WriteFile(path, []byte("on"), 0o644)
				return full
			}
			return nil
		}}
	}
	r, err := w.visit()
	if !errors.Is(err, full) || r.Failed != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	w.expect("nothing lies there")
	w.Wrap = nil
	w.visits(time.Hour)
	w.expect("when there is room", "a.xml=one", "b.xml=two")
}
