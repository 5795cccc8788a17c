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
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/outbox"
	"sealgate/internal/transfer/push"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/remotetest"
)

// world is a gateway's inside, a customer's server, and a remote between them.
type world struct {
	*intaketest.World
	t       *testing.T
	account *catalog.Account
	disk    string // of the server
	connect func() (remote.Session, error)
	job     push.Job
	wrap    func(remote.Session) remote.Session // what stands between; nil = nothing
	calls   int                                 // how often the server was called
}

func newWorld(t *testing.T, in *intaketest.World, disk string, connect func() (remote.Session, error)) *world {
	t.Helper()
	w := &world{World: in, t: t, disk: disk, connect: connect}
	w.account = w.Account("acme", catalog.ContentKeep)
	w.job = push.Job{Account: w.account.ID, Remote: uuid.Must(uuid.NewV7()), Name: "bank", Dir: disk}
	w.Update(func(tx *catalog.Tx) error {
		err := tx.InsertRemote(&remotes.Remote{
			ID: w.job.Remote, Account: w.account.ID, Name: "bank", Direction: remotes.Push, Settings: []byte("sealed"), State: remotes.On,
		})
		if err != nil {
			return err
		}
		r, err := tx.LeaseRemote(w.job.Remote, "node-1", w.Clock.Now(), w.Clock.Now().Add(time.Minute))
		if err == nil {
			w.job.Fence = r.Lease.Fence
		}
		return err
	})
	return w
}

func (w *world) box() *outbox.Outbox {
	return outbox.New(w.Catalog, w.Bodies, w.Keys, w.Intake, w.Clock.Now)
}

// send puts a file into the outbox.
func (w *world) send(name, content string) *catalog.File {
	w.t.Helper()
	f, err := w.box().Send(w.t.Context(), w.account.ID, name, strings.NewReader(content), "operator", "operator")
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// visit pays one visit.
func (w *world) visit() (push.Result, error) {
	w.t.Helper()
	connect := func(context.Context) (remote.Session, error) {
		s, err := w.connect()
		if err != nil {
			w.t.Fatal(err)
		}
		w.calls++
		if w.wrap != nil {
			s = w.wrap(s)
		}
		return s, nil
	}
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

// put lays a file there.
func (w *world) put(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.disk, name), []byte(content), 0o666); err != nil {
		w.t.Fatal(err)
	}
}

// tidied takes the one temporary file there away and returns its name.
func (w *world) tidied() string {
	w.t.Helper()
	list, err := filepath.Glob(filepath.Join(w.disk, ".*.part"))
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
	list, err := os.ReadDir(w.disk)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range list {
		content, err := os.ReadFile(filepath.Join(w.disk, e.Name()))
		if err != nil {
			w.t.Fatal(err)
		}
		if len(content) > 20 {
			content = fmt.Append(nil, len(content))
		}
		names = append(names, fmt.Sprintf("%s=%s", e.Name(), content))
	}
	slices.Sort(names)
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
		if err := os.Remove(filepath.Join(w.disk, base)); err != nil {
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

func whatWaitsIsDelivered(t *testing.T, at server) {
	w := at.world(t)
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
func nothingThereIsOverwritten(t *testing.T, at server) {
	w := at.world(t)
	for _, name := range []string{"a.xml", "a.2.xml"} {
		if err := os.WriteFile(filepath.Join(w.disk, name), []byte("theirs"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.send("a.xml", "ours")
	w.visits(0)
	w.expect("beside them", "a.2.xml=theirs", "a.3.xml=ours", "a.xml=theirs")
}

func TestAServerThatIsReadOnly(t *testing.T) {
	w := bySSH(remotetest.OpenSSH(t, "ForceCommand internal-sftp -R")).world(t)
	w.send("a.xml", "one")
	w.send("b.xml", "two")
	r := w.visits(0)
	if r.Files != 0 || r.Failed != 2 || len(r.Problems) != 2 || !fault.Is(r.Problems[0].Err, fault.Denied) || r.Problems[0].Name != "a.xml" {
		t.Errorf("%+v", r)
	}
	if !r.Again.After(w.Clock.Now()) {
		t.Errorf("tried again at %v", r.Again)
	}
	if r := w.visits(time.Second); r.Failed != 0 || r.Seen != 2 || w.calls != 1 || !r.Again.After(w.Clock.Now()) { // not before
		t.Errorf("at once: %+v, %d calls", r, w.calls)
	}
	if r := w.visits(time.Hour); r.Failed != 2 {
		t.Errorf("an hour later: %+v", r)
	}
	if w.waits() != 2 {
		t.Error("something does not wait any more")
	}
}

// A rename that is refused: the file is delivered when it may be renamed.
func aRenameThatIsRefused(t *testing.T, at server) {
	w := at.world(t)
	w.send("a.xml", "one")
	refused := fault.New(fault.Denied, "test", "no")
	w.wrap = func(s remote.Session) remote.Session {
		return somewhere{s, func(step, path string) error {
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
	w.wrap = nil
	w.visits(time.Hour)
	w.expect("at last", "a.xml=one")
}

// A rename was refused, and what lies under the temporary name is gone until the next
// visit: tidied away by somebody, or the folder is another one. It is sent again.
func aRefusedRenameAndAFolderThatIsEmpty(t *testing.T, at server) {
	w := at.world(t)
	w.send("a.xml", "one")
	w.wrap = func(s remote.Session) remote.Session {
		return somewhere{s, func(step, path string) error {
			if step == "rename" {
				return fault.New(fault.Denied, "test", "no")
			}
			return nil
		}}
	}
	w.visits(0)
	w.tidied()
	w.wrap = nil
	if r := w.visits(time.Hour); r.Files != 1 || w.waits() != 0 {
		t.Errorf("%+v, %d wait", r, w.waits())
	}
	w.expect("sent again", "a.xml=one")
}

// The answer to a rename was lost, and nothing lies there, or somebody else's: nobody
// says that it was delivered until somebody says so, or what lay there is back.
func aLostAnswerAndAFolderThatIsEmpty(t *testing.T, at server) {
	for _, way := range []string{"delivered by hand", "sent again", "back again", "somebody else's", "somebody else's, as long"} {
		t.Run(way, func(t *testing.T) {
			w := at.world(t)
			f := w.send("a.xml", "one")
			cut := &cutting{nth: 3}
			w.wrap = cut.wrap
			if _, err := w.visit(); !errors.Is(err, remote.ErrCut) || cut.met != "rename" {
				t.Fatalf("cut at %s: %v", cut.met, err)
			}
			w.wrap = nil
			part := w.tidied()
			switch way {
			case "somebody else's":
				w.put("a.xml", "another")
			case "somebody else's, as long":
				w.put("a.xml", "two")
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
				w.put(part, "one")
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
func aTemporaryFileThatIsTakenAway(t *testing.T, at server) {
	w := at.world(t)
	w.send("a.xml", "one")
	w.wrap = func(s remote.Session) remote.Session {
		return somewhere{s, func(step, path string) error {
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
	w.wrap = nil
	w.visits(time.Hour)
	w.expect("sent again", "a.xml=one")
}

// What was fetched by another way meanwhile leaves nothing there.
func aFileThatIsNotToBeDeliveredAnyMore(t *testing.T, at server) {
	w := at.world(t)
	f := w.send("a.xml", "one")
	cut := true
	w.wrap = func(s remote.Session) remote.Session {
		return somewhere{s, func(step, path string) error {
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
	w.wrap = nil
	w.visits(time.Hour)
	w.expect("nothing is left there")
}

// Every step of the way is cut, before it was done and after, at each place where it
// comes; the customer takes his files away as soon as they have their names, or leaves
// them. Each arrives once. Of one that he takes before the gateway has seen it there,
// somebody has to say that it was delivered.
func cutAnywhere(t *testing.T, at server) {
	w := at.world(t)
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
				c := &cutting{nth: nth, done: done}
				w.wrap = c.wrap
				for range 5 {
					_, _ = w.visit()
					w.Clock.Add(time.Hour)
					w.Restart()
					w.wrap = nil
					if fetches {
						fetch()
					}
				}
				fetch()
				if fetches && done && c.met == "rename" && w.waits() == 1 {
					w.byHand()
					w.visits(0)
				}
				if w.waits() != 0 || len(got) != 2 || got["a.xml=one"] != 1 || got["b.xml=100000"] != 1 {
					t.Fatalf("cut at step %d (%s, done: %v): %d wait, the customer got %v", nth, c.met, done, w.waits(), got)
				}
				if rest := w.there(); len(rest) != 0 {
					t.Fatalf("cut at step %d (%s, done: %v): left there: %q", nth, c.met, done, rest)
				}
				if c.met == "" {
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
func aFileThatBreaksTheConnection(t *testing.T, at server) {
	w := at.world(t)
	w.send("bad.xml", "one")
	w.send("good.xml", "two")
	w.wrap = func(s remote.Session) remote.Session {
		return somewhere{s, func(step, path string) error {
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
	w.wrap = nil
	w.job.Files = 1
	w.visits(0)
	w.expect("the other one first", "good.xml=two")
	w.visits(0)
	w.expect("both", "bad.xml=one", "good.xml=two")
}

// The disk there is full: said so, nothing lies there under its name, and what waits is
// delivered when there is room.
func aFullDiskThere(t *testing.T, at server) {
	w := at.world(t)
	w.send("a.xml", "one")
	w.send("b.xml", "two")
	full := fault.New(fault.Full, "test", "the disk of the server is full")
	w.wrap = func(s remote.Session) remote.Session {
		return somewhere{s, func(step, path string) error {
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
	w.wrap = nil
	w.visits(time.Hour)
	w.expect("when there is room", "a.xml=one", "b.xml=two")
}
