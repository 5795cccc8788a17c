package browsertest

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
)

// watch hears everything that a page does, and remembers what it should not have
// done.
type watch struct {
	t      testing.TB
	origin string

	mu       sync.Mutex
	faults   []string
	expected []*regexp.Regexp
	dialogs  []string
	agree    func() // says yes to the dialog that is open
}

// hear is called for each event. It must not ask the browser for anything.
func (w *watch) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		w.fault("exception: %s (%s:%d)", text, e.ExceptionDetails.URL, e.ExceptionDetails.LineNumber+1)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			w.fault("console: %s", words(e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			w.fault("log: %s %s", e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		if !w.ours(e.Request.URL) {
			w.fault("the request %s leaves the origin", e.Request.URL)
		}
	case *network.EventWebSocketCreated:
		w.fault("the web socket %s", e.URL)
	case *page.EventJavascriptDialogOpening:
		w.mu.Lock()
		defer w.mu.Unlock()
		w.dialogs = append(w.dialogs, strings.TrimSpace(string(e.Type)+" "+e.Message))
		go w.agree()
	}
}

// ours reports whether an address is of the origin, or is none of the network's.
func (w *watch) ours(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "about", "blob", "data":
		return true
	}
	return u.Scheme+"://"+u.Host == w.origin
}

func (w *watch) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// words is what was written to the console.
func words(args []*runtime.RemoteObject) string {
	var all []string
	for _, a := range args {
		if len(a.Value) > 0 {
			all = append(all, string(a.Value))
		} else {
			all = append(all, a.Description)
		}
	}
	return strings.Join(all, " ")
}

// unexpected are the faults that no test announced.
func (w *watch) unexpected() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, f := range w.faults {
		if !slices.ContainsFunc(w.expected, func(e *regexp.Regexp) bool { return e.MatchString(f) }) {
			all = append(all, f)
		}
	}
	return all
}

func (w *watch) judge() {
	for _, f := range w.unexpected() {
		w.t.Errorf("the page: %s", f)
	}
}

func (w *watch) told() string {
	if f := w.unexpected(); len(f) > 0 {
		return "it said: " + strings.Join(f, "; ")
	}
	return ""
}

// Expect announces faults that a test brings about on purpose, such as the lines
// that the browser itself writes about a cut connection: what matches the expression
// is none.
func (p *Page) Expect(expression string) {
	p.watch.mu.Lock()
	defer p.watch.mu.Unlock()
	p.watch.expected = append(p.watch.expected, regexp.MustCompile(expression))
}

// WaitSaid waits until one of the page's faults, expected or not, holds a text.
func (p *Page) WaitSaid(text string) {
	p.b.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !p.watch.said(text) {
		select {
		case <-again.C:
		case <-ctx.Done():
			p.fail("the page has not said %q", text)
		}
	}
}

func (w *watch) said(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.faults, func(f string) bool { return strings.Contains(f, text) })
}

// Dialogs are the dialogs that the page has opened, each with its kind before it.
func (p *Page) Dialogs() []string {
	p.watch.mu.Lock()
	defer p.watch.mu.Unlock()
	return slices.Clone(p.watch.dialogs)
}
