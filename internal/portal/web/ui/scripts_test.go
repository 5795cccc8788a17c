package ui

import (
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"sealgate/internal/browsertest"
)

// changing is a page whose list changes, with a stream that says when.
type changing struct {
	*httptest.Server

	mu        sync.Mutex
	rows      []string // id=text
	news      chan struct{}
	refuses   bool // the stream
	signedOut bool
	loads     int    // of the page by a person, not by its script
	last      string // Last-Event-ID of the latest stream
}

func openChanging(t *testing.T) *changing {
	t.Helper()
	c := &changing{news: make(chan struct{})}
	mux := http.NewServeMux()
	mux.Handle(AssetsPath, Assets())
	mux.HandleFunc("GET /list", c.list)
	mux.HandleFunc("GET /sign-in", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!doctype html><html lang="en"><title>s</title><link rel="icon" href="data:,"><h1>Sign in</h1>`)
	})
	mux.HandleFunc("GET /events", c.events)
	c.Server = httptest.NewUnstartedServer(mux)
	c.EnableHTTP2 = true
	c.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

func (c *changing) list(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.signedOut {
		http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
		return
	}
	if r.Header.Get("Sealgate-Background") == "" {
		c.loads++
	}
	var rows strings.Builder
	for _, row := range c.rows {
		id, text, _ := strings.Cut(row, "=")
		fmt.Fprintf(&rows, `<tr id="%s"><td><a href="#x">%s</a></td><td><time datetime="2026-11-22T10:00:00Z">22 Nov 2026, 10:00 UTC</time></td></tr>`, id, html.EscapeString(text))
	}
	fmt.Fprintf(w, `<!doctype html><html lang="en"><title>l</title><link rel="icon" href="data:,"><script type="module" src="%s"></script>
		<main data-events="/events"><p id="sum" data-live>%d rows</p><table><tbody id="rows" data-live>%s</tbody></table></main>`,
		Asset("page.js"), len(c.rows), &rows)
}

func (c *changing) events(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	refuses := c.refuses
	c.last = r.Header.Get("Last-Event-ID")
	c.mu.Unlock()
	if refuses {
		http.Error(w, "no", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, ": hello\n\n")
	for {
		_ = http.NewResponseController(w).Flush()
		c.mu.Lock()
		news := c.news
		c.mu.Unlock()
		select {
		case <-r.Context().Done():
			return
		case <-news:
			fmt.Fprint(w, "id: 42\r\nevent: file.kept\r\ndata: {}\r\n\r\n")
		}
	}
}

// change sets the rows and says so.
func (c *changing) change(rows ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows = rows
	close(c.news)
	c.news = make(chan struct{})
}

// A list follows what happens, without being loaded again; where somebody is in the
// middle of a row, that row stays.
func TestListsFollow(t *testing.T) {
	c := openChanging(t)
	c.rows = []string{"a=first", "b=<b>second</b>"}
	p := browsertest.Start(t, browsertest.Options{Trust: c.Certificate()}).Open(c.URL, browsertest.Wide)
	p.Goto("/list")
	p.WaitText("#b", "<b>second</b>")
	browsertest.Eval[bool](p, `document.querySelector("#a a").focus(), (window.kept = document.querySelector("#a")) != null`)
	c.change("n=new", "a=changed", "b=other")
	p.WaitText("#sum", "3 rows")
	p.WaitText("#b", "other")
	if got := browsertest.Eval[string](p, `[...document.querySelectorAll("tr")].map(r => r.id + r.innerText.split("\t")[0]).join()`); got != "nnew,afirst,bother" {
		t.Errorf("the rows are %s", got)
	}
	if !browsertest.Eval[bool](p, `document.activeElement == document.querySelector("#a a") && window.kept == document.querySelector("#a")`) {
		t.Error("the row that has the focus was replaced")
	}
	c.change("b=other")
	p.WaitText("#sum", "1 rows")
	p.Wait(`document.querySelectorAll("tr").length == 1`)
	if c.loads != 1 {
		t.Errorf("the page was loaded %d times", c.loads)
	}
}

// Times are the reader's own, and what stood there is their tooltip; also in rows that
// came later.
func TestTimesAreLocal(t *testing.T) {
	c := openChanging(t)
	c.rows = []string{"a=first"}
	p := browsertest.Start(t, browsertest.Options{Trust: c.Certificate()}).Open(c.URL, browsertest.Wide, browsertest.TimeZone("Asia/Tokyo"))
	p.Goto("/list")
	p.WaitText("#a time", "22 Nov 2026, 19:00")
	if title := browsertest.Eval[string](p, `document.querySelector("time").title`); title != "22 Nov 2026, 10:00 UTC" {
		t.Errorf("the tooltip is %q", title)
	}
	c.change("a=first", "b=second")
	p.WaitText("#b time", "22 Nov 2026, 19:00")
}

// A page whose stream is refused asks by itself; one whose person was signed out leads
// to where one signs in.
func TestStreamsThatEnd(t *testing.T) {
	c := openChanging(t)
	c.rows = []string{"a=first"}
	c.refuses = true
	p := browsertest.Start(t, browsertest.Options{Trust: c.Certificate()}).Open(c.URL, browsertest.Wide)
	p.Expect("Failed to load resource: the server responded with a status of 503")
	p.Goto("/list")
	p.WaitText("#a", "first")
	c.change("a=first", "b=second")
	p.WaitText("#b", "second")
	c.mu.Lock()
	c.refuses, c.signedOut = false, true
	c.mu.Unlock()
	p.WaitText("h1", "Sign in")
}
