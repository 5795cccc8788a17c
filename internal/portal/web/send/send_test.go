package send

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"sealgate/internal/browsertest"
	"sealgate/internal/fileobject"
	"sealgate/internal/payment"
)

// A file is dropped, sent, and its row turns into what the indexer says, as soon as
// that is known.
func TestDropToResult(t *testing.T) {
	h := openHouse(t)
	p := h.open(t, browsertest.Wide)
	path, content := noise(t, "löner <b>.xml", 3_000_000)
	p.Goto(page)
	p.Accessible()
	p.Drop("#upload", path)
	p.WaitText(".result", "Received")
	f := h.only()
	if !bytes.Equal(h.Read(f), content) {
		t.Error("other bytes than were sent")
	}
	p.Accessible()
	name, format, variant, now := "löner <b>.xml", "iso20022.pain.001", "pain.001.001.09", time.Now()
	h.say(fileobject.Object{
		ID: f.ID.String(), Name: &name, State: "held", Indexed: &now,
		Contents: fileobject.Contents{
			Format: &format, Variant: &variant, PaymentCount: 7,
			Sums:     []payment.Sum{{Currency: "SEK", Minor: 123450}},
			Findings: []payment.Finding{{Code: payment.DuplicateFile, Severity: payment.Error, Count: 1, Message: "<script>alert(1)</script>"}},
		},
	})
	p.WaitText(".upload .badge", "Held")
	for _, text := range []string{"7 payments", "1,234.50", "The same file was received before", "<script>alert(1)</script>"} {
		p.WaitText(".upload", text)
	}
	p.WaitText("#upload-status", "Held")
	if n := p.Count(".upload button:not([hidden])"); n != 0 {
		t.Errorf("%d buttons are left", n)
	}
	p.Accessible()
}

// The line is cut again and again; the upload goes on each time, and no byte of it is
// sent from the beginning again.
func TestCutLines(t *testing.T) {
	h := openHouse(t)
	p := h.open(t, browsertest.Phone)
	p.Expect("Failed to load resource|net::ERR")
	var cuts atomic.Int32
	h.meddles(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch && cuts.Add(1) <= 3 {
			r.Body = &cutter{r.Body, 1 << 20}
		}
		return false
	})
	path, content := noise(t, "cut.xml", 8<<20)
	p.Goto(page)
	p.Pick("#files", path)
	p.WaitText(".result", "Received")
	if !bytes.Equal(h.Read(h.only()), content) {
		t.Error("other bytes than were sent")
	}
	if posts, heads := h.count("POST"), h.count("HEAD"); posts != 1 || heads < 3 {
		t.Errorf("%d uploads were begun, %d times asked how far", posts, heads)
	}
}

// An upload is paused, goes on after the page was left, and the file is asked for
// again; nothing that the gateway has is sent twice.
func TestPauseReloadResume(t *testing.T) {
	h := openHouse(t)
	p := h.open(t, browsertest.Wide)
	p.Expect("Failed to load resource|net::ERR")
	hold := make(chan struct{})
	var held atomic.Bool
	h.meddles(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch && held.CompareAndSwap(false, true) {
			r.Body = &holder{cutter{r.Body, 2 << 20}, hold, r.Context().Done()}
		}
		return false
	})
	path, content := noise(t, "lon.xml", 40<<20)
	p.Goto(page)
	p.Drop("#upload", path)
	p.WaitText(".upload-state", "of 41.9\u00a0MB")
	p.Wait("document.querySelector('.upload progress').value > 1e6")
	p.Click("[data-do=pause]")
	p.WaitText(".upload-state", "Paused")
	close(hold)
	p.Reload()
	p.WaitText(".upload-state", "Choose the same file again")
	p.Accessible()
	p.Drop("#upload", path)
	p.WaitText(".result", "Received")
	if !bytes.Equal(h.Read(h.only()), content) {
		t.Error("other bytes than were sent")
	}
	if posts := h.count("POST"); posts != 1 {
		t.Errorf("%d uploads were begun", posts)
	}
	p.Reload()
	if n := p.Count(".upload"); n != 0 {
		t.Errorf("%d finished uploads are remembered", n)
	}
}

// holder waits before it cuts.
type holder struct {
	cutter
	until chan struct{}
	gone  <-chan struct{} // its sender is
}

func (c *holder) Read(p []byte) (int, error) {
	if c.left <= 0 {
		select {
		case <-c.until:
		case <-c.gone:
		}
	}
	return c.cutter.Read(p)
}

// Leaving the page while something is sent asks first; a removed upload is gone here
// and there.
func TestLeaveAndRemove(t *testing.T) {
	h := openHouse(t)
	p := h.open(t, browsertest.Wide)
	p.Expect("Failed to load resource|net::ERR")
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	h.meddles(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			r.Body = &holder{cutter{r.Body, 1 << 20}, hold, r.Context().Done()}
		}
		return false
	})
	path, _ := noise(t, "a.xml", 5<<20)
	p.Goto(page)
	p.Pick("#files", path)
	p.Wait("document.querySelector('.upload progress')?.value > 0")
	p.Click("h1") // browsers ask for those only who have touched the page
	p.Goto(page)
	if d := p.Dialogs(); len(d) != 1 {
		t.Errorf("dialogs %q", d)
	}
	p.WaitText(".upload-state", "Choose the same file again")
	p.Click("[data-do=cancel]")
	p.WaitText("#upload-status", "a.xml is removed")
	p.Wait("!document.querySelector('.upload')")
	p.Reload()
	p.Wait("document.querySelector('.scripted')")
	if n := p.Count(".upload"); n != 0 {
		t.Errorf("%d uploads are remembered", n)
	}
}

// Who removes a file that the gateway has all of is told that it was received, and led
// to it; who is signed out, that it is not gone yet.
func TestRemoveTellsTheTruth(t *testing.T) {
	h := openHouse(t)
	p := h.open(t, browsertest.Wide)
	p.Expect("Failed to load resource|net::ERR")
	h.commits = make(chan struct{})
	path, content := noise(t, "lon.xml", 300_000)
	p.Goto(page)
	p.Pick("#files", path)
	p.WaitText(".upload-state", "Waiting for the acknowledgement")
	p.Click("[data-do=cancel]")
	p.WaitText(".upload-state", "Being removed")
	close(h.commits)
	p.WaitText("#upload-note", "lon.xml had been received already")
	p.WaitText(".result", "Received")
	p.Accessible()
	if f := h.only(); !bytes.Equal(h.Read(f), content) || p.Count(`.result a[href$="/files/`+f.ID.String()+`"]`) != 1 {
		t.Error("it is not what was sent, or nothing leads to it")
	}

	var out atomic.Bool
	out.Store(true)
	hold := make(chan struct{})
	defer close(hold)
	h.meddles(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			r.Body = &holder{cutter{r.Body, 1 << 20}, hold, r.Context().Done()}
		}
		if r.Method == http.MethodDelete && out.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		return false
	})
	other, _ := noise(t, "other.xml", 5<<20)
	p.Pick("#files", other)
	const row = ".upload:last-child "
	p.Wait("document.querySelector('" + row + "progress')?.value > 0")
	p.Click(row + "[data-do=cancel]")
	p.WaitText(row+".upload-state", "You are signed out")
	out.Store(false)
	p.Click(row + "[data-do=retry]")
	p.WaitText("#upload-status", "other.xml is removed")
	if n := p.Count(".upload"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// Many files and folders: all of them come, under their names, but for what operating
// systems leave in folders; one that is dropped twice is sent once.
func TestFolders(t *testing.T) {
	h := openHouse(t)
	p := h.open(t, browsertest.Wide)
	dir := t.TempDir()
	for _, name := range []string{"batch/a.xml", "batch/sub/b.xml", "batch/.DS_Store", "batch/Thumbs.db", "c.xml", "empty.xml"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		content := []byte(name)
		if name == "empty.xml" {
			content = nil
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.Goto(page)
	p.Drop("#upload", filepath.Join(dir, "batch"), filepath.Join(dir, "c.xml"), filepath.Join(dir, "empty.xml"))
	p.WaitText("#upload-summary", "Received: 4 of 4")
	p.Drop("#upload", filepath.Join(dir, "c.xml"))
	p.WaitText("#upload-note", "In the list already, and not sent again: c.xml")
	if n := len(h.Files()); n != 4 {
		t.Errorf("%d files on record", n)
	}
	names := browsertest.Eval[[]string](p, `[...document.querySelectorAll(".upload-name")].map(e => e.textContent).sort()`)
	want := []string{"batch/a.xml", "batch/sub/b.xml", "c.xml", "empty.xml"}
	if len(names) != len(want) {
		t.Fatalf("%q", names)
	}
	for i := range want {
		if names[i] != want[i] {
			t.Errorf("%q", names)
		}
	}
}

// Who may not remove what he has sent, any more, is told so, and is rid of the row.
func TestARemovalThatIsRefusedForGoodEnds(t *testing.T) {
	h := openHouse(t)
	p := h.open(t, browsertest.Wide)
	p.Expect("Failed to load resource|net::ERR")
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	h.meddles(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			r.Body = &holder{cutter{r.Body, 1 << 20}, hold, r.Context().Done()}
		}
		if r.Method == http.MethodDelete {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"detail":"this needs the role uploader"}`)
			return true
		}
		return false
	})
	path, _ := noise(t, "a.xml", 5<<20)
	p.Goto(page)
	p.Pick("#files", path)
	p.Wait("document.querySelector('.upload progress')?.value > 0")
	p.Click("[data-do=cancel]")
	p.WaitText("#upload-note", "What was sent of a.xml could not be removed (this needs the role uploader)")
	p.Wait("!document.querySelector('.upload')")
}

// What the gateway says no to is told in its words; who is signed out goes on when he
// has signed in.
func TestRefusals(t *testing.T) {
	h := openHouse(t)
	p := h.open(t, browsertest.Wide)
	p.Expect("Failed to load resource")
	var out atomic.Bool
	h.meddles(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && r.URL.Path == "/api/v1/uploads" && out.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		return false
	})
	bad, _ := noise(t, "bad\u202ename.xml", 10)
	p.Goto(page)
	p.Pick("#files", bad)
	p.WaitText(".upload-state", "Not taken:")
	p.WaitText("#upload-status", "Not taken:")
	p.Click("[data-do=cancel]")
	out.Store(true)
	good, _ := noise(t, "good.xml", 10)
	p.Pick("#files", good)
	p.WaitText(".upload-state", "You are signed out")
	p.Accessible()
	out.Store(false)
	p.Click("[data-do=retry]")
	p.WaitText(".result", "Received")
}

// All of it works with the keyboard alone.
func TestKeyboard(t *testing.T) {
	h := openHouse(t)
	p := h.open(t, browsertest.Wide)
	p.Goto(page)
	p.Wait("document.querySelector('.scripted')")
	var reached []string
	for range 30 {
		p.Keys("\t")
		reached = append(reached, browsertest.Eval[string](p, "document.activeElement.id"))
	}
	seen := map[string]bool{}
	for _, id := range reached {
		seen[id] = true
	}
	if !seen["files"] || !seen["folder"] {
		t.Errorf("the tab key reaches %q", reached)
	}
}

// Without scripts a plain form does it.
func TestForm(t *testing.T) {
	h := openHouse(t)
	p := h.open(t, browsertest.Phone, browsertest.NoScript)
	a, content := noise(t, "a.xml", 200_000)
	b, _ := noise(t, "b.xml", 10)
	p.Expect("status of 400")
	p.Goto(page)
	p.Accessible()
	p.Click("#upload button")
	p.WaitText("[role=alert]", "Choose at least one file first")
	p.Pick("#files", a, b)
	p.Click("#upload button")
	p.WaitText("#results", "Received")
	files := h.Files()
	if len(files) != 2 || p.Count("#results .result") != 2 {
		t.Fatalf("%d files on record", len(files))
	}
	if !bytes.Equal(h.Read(files[1]), content) && !bytes.Equal(h.Read(files[0]), content) {
		t.Error("other bytes than were sent")
	}
	p.Accessible()
	name, format, now := "a.xml", "iso20022.pain.001", time.Now()
	h.say(fileobject.Object{ID: files[0].ID.String(), Name: &name, State: "kept", Indexed: &now, Contents: fileobject.Contents{Format: &format, PaymentCount: 1}})
	p.Click("#results .card-head a")
	p.WaitText("#results .badge", "Kept")
}

// Who may not send is told so, and sees nothing of another account.
func TestWhoMaySend(t *testing.T) {
	h := openHouse(t)
	h.person.Role = "reader"
	resp, err := h.server.Client().Get(h.server.URL + page)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("a reader: %s", resp.Status)
	}
}
