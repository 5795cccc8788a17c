package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Size is what somebody looks at a page with.
type Size struct {
	Name          string
	Width, Height int64
}

// The two sizes that every page is looked at in.
var (
	Wide  = Size{"wide", 1440, 900}
	Phone = Size{"phone", 390, 844}
)

// Sizes are both.
var Sizes = []Size{Wide, Phone}

// Option changes how a page is opened.
type Option func(*how)

type how struct {
	apart    bool
	noScript bool
	dark     bool
	language string
	zone     string
}

// Apart gives the page cookies and a memory of its own, as another person's browser has.
func Apart(h *how) { h.apart = true }

// NoScript opens the page as a browser does that runs no scripts.
func NoScript(h *how) { h.noScript = true }

// Dark opens the page for somebody who likes it dark.
func Dark(h *how) { h.dark = true }

// Language opens the page for somebody whose browser asks for that language.
func Language(tag string) Option { return func(h *how) { h.language = tag } }

// TimeZone opens the page for somebody who lives there; else it is UTC.
func TimeZone(name string) Option { return func(h *how) { h.zone = name } }

// Page is one tab.
type Page struct {
	b      *Browser
	ctx    context.Context
	origin string
	how    how
	watch  *watch
}

// Open opens an empty tab for the pages of an origin, such as https://127.0.0.1:8443.
func (b *Browser) Open(origin string, size Size, options ...Option) *Page {
	b.t.Helper()
	h := how{language: "en", zone: "UTC"}
	for _, o := range options {
		o(&h)
	}
	var as []chromedp.ContextOption
	if h.apart {
		as = append(as, chromedp.WithNewBrowserContext())
	}
	p := &Page{b: b, origin: strings.TrimSuffix(origin, "/"), watch: &watch{t: b.t, origin: strings.TrimSuffix(origin, "/")}}
	ctx, cancel := chromedp.NewContext(b.ctx, append(as, chromedp.WithListener(p.watch.hear))...)
	p.ctx = ctx
	p.watch.agree = func() {
		_, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true}) // the tab may be gone
	}
	b.t.Cleanup(func() {
		cancel()
		p.watch.judge()
	})
	// The tab lives as long as the context of its first command, so that has no deadline.
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatalf("open a page: %v", err)
	}
	scheme := "light"
	if h.dark {
		scheme = "dark"
	}
	p.must("open a page", chromedp.EmulateViewport(size.Width, size.Height), command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	}), command(emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: h.language}),
		command(emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: h.zone}),
		command(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": h.language}}))
	p.how = h
	if h.noScript {
		p.scripts(false)
	}
	return p
}

// scripts turns scripts on or off.
func (p *Page) scripts(on bool) {
	p.b.t.Helper()
	p.must("turn scripts on or off", command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}))
}

// command is a command of the protocol whose result does not matter.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// must does what has to succeed.
func (p *Page) must(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.b.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.fail("%s: %v", what, err)
	}
}

// fail ends the test and says what the page looked like.
func (p *Page) fail(format string, args ...any) {
	p.b.t.Helper()
	if dir := os.Getenv("SEALGATE_SCREENSHOTS"); dir != "" {
		p.Screenshot(filepath.Join(dir, "failed-"+strings.ReplaceAll(p.b.t.Name(), "/", "-")+".png"))
	}
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + (document.body ? document.body.innerText : "")`))
	p.b.t.Fatalf(format+"\nthe page: %.3000s\n%s", append(args, text, p.watch.told())...)
}

// Goto goes to a path of the origin.
func (p *Page) Goto(path string) {
	p.b.t.Helper()
	p.must("go to "+path, chromedp.Navigate(p.origin+path))
}

// Reload loads the page again.
func (p *Page) Reload() {
	p.b.t.Helper()
	p.must("reload", chromedp.Reload())
}

// Path is where the page is: path and query.
func (p *Page) Path() string {
	p.b.t.Helper()
	return Eval[string](p, `location.pathname + location.search`)
}

// Eval returns what a script finds in the page. A promise is waited for.
func Eval[T any](p *Page, script string) T {
	p.b.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		p.fail("%.200s: %v", script, err)
	}
	return v
}

// Wait waits until a script finds what it looks for. It asks again and again, so it
// also works over navigations, and where pages run no scripts.
func (p *Page) Wait(script string) {
	p.b.t.Helper()
	p.WaitFor(Patience, script)
}

// WaitFor is Wait for what takes longer.
func (p *Page) WaitFor(patience time.Duration, script string) {
	p.b.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		// Between two pages there is nothing to ask; that is no failure.
		if found, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+script+")")); err == nil && found {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			p.fail("still not so after %v: %s", patience, script)
		}
	}
}

// WaitText waits until the text of an element holds a text.
func (p *Page) WaitText(css, text string) {
	p.b.t.Helper()
	p.Wait(fmt.Sprintf("[...document.querySelectorAll(%s)].some(e => e.innerText.includes(%s))", quote(css), quote(text)))
}

// WaitPath waits until the page is at a path that begins so.
func (p *Page) WaitPath(prefix string) {
	p.b.t.Helper()
	p.Wait(fmt.Sprintf("location.pathname.startsWith(%s) && document.readyState == 'complete'", quote(prefix)))
}

// Text is the text of the first element that matches.
func (p *Page) Text(css string) string {
	p.b.t.Helper()
	p.Wait(fmt.Sprintf("document.querySelector(%s)", quote(css)))
	return Eval[string](p, fmt.Sprintf("document.querySelector(%s).innerText", quote(css)))
}

// Count counts elements.
func (p *Page) Count(css string) int {
	p.b.t.Helper()
	return Eval[int](p, fmt.Sprintf("document.querySelectorAll(%s).length", quote(css)))
}

// Click clicks an element with the mouse.
func (p *Page) Click(css string) {
	p.b.t.Helper()
	p.Wait(fmt.Sprintf("document.querySelector(%s)", quote(css)))
	p.must("click "+css, chromedp.Click(chromedp.CSS(css)))
}

// Type replaces what a field holds, key by key.
func (p *Page) Type(css, text string) {
	p.b.t.Helper()
	p.Wait(fmt.Sprintf("document.querySelector(%s)", quote(css)))
	Eval[bool](p, fmt.Sprintf(`document.querySelector(%s).value == "" || !(document.querySelector(%[1]s).value = "")`, quote(css)))
	p.must("type into "+css, chromedp.SendKeys(chromedp.CSS(css), text))
}

// Keys presses keys where the focus is.
func (p *Page) Keys(keys string) {
	p.b.t.Helper()
	p.must("press keys", chromedp.KeyEvent(keys))
}

// Choose chooses the option of a select that has that value.
func (p *Page) Choose(css, value string) {
	p.b.t.Helper()
	p.Wait(fmt.Sprintf("document.querySelector(%s)", quote(css)))
	p.must("choose in "+css, chromedp.SetValue(chromedp.CSS(css), value))
}

// Pick gives files to a file field, as its dialog does.
func (p *Page) Pick(css string, files ...string) {
	p.b.t.Helper()
	p.must("pick files", chromedp.SetUploadFiles(chromedp.CSS(css), files, chromedp.NodeReady))
}

// Drop drags files and folders from outside over an element and lets them go.
func (p *Page) Drop(css string, files ...string) {
	p.b.t.Helper()
	p.must("look at "+css, chromedp.WaitVisible(chromedp.CSS(css)))
	at := Eval[struct{ X, Y float64 }](p, fmt.Sprintf(`(() => {
		const e = document.querySelector(%s)
		e.scrollIntoView({block: "center"})
		const r = e.getBoundingClientRect()
		return {X: r.x + r.width / 2, Y: r.y + r.height / 2}
	})()`, quote(css)))
	data := &input.DragData{Items: []*input.DragDataItem{}, Files: files, DragOperationsMask: 1}
	for _, kind := range []input.DispatchDragEventType{input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop} {
		p.must("drop files", command(input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: at.X, Y: at.Y, Data: data}))
	}
}

// Downloads lets the page save files into a directory, under their own names.
func (p *Page) Downloads(dir string) {
	p.b.t.Helper()
	c := chromedp.FromContext(p.ctx)
	params := browser.SetDownloadBehaviorParams{Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir, BrowserContextID: c.BrowserContextID}
	if _, err := chromedp.CallBrowser(p.ctx, browser.SetDownloadBehavior, params); err != nil {
		p.fail("downloads: %v", err)
	}
}

// Cookies are those that the page's origin would be sent.
func (p *Page) Cookies() []*http.Cookie {
	p.b.t.Helper()
	found, err := chromedp.Call(p.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{p.origin + "/"}})
	if err != nil {
		p.fail("cookies: %v", err)
	}
	var all []*http.Cookie
	for _, c := range found.Cookies {
		all = append(all, &http.Cookie{
			Name: c.Name, Value: c.Value, Path: c.Path, Secure: c.Secure, HttpOnly: c.HTTPOnly,
			SameSite: map[network.CookieSameSite]http.SameSite{"Lax": http.SameSiteLaxMode, "Strict": http.SameSiteStrictMode, "None": http.SameSiteNoneMode}[c.SameSite],
		})
	}
	return all
}

// Screenshot writes what the page looks like from top to end, as a PNG file.
func (p *Page) Screenshot(file string) {
	p.b.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	beyond := true
	shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &beyond})
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o755)
	}
	if err == nil {
		err = os.WriteFile(file, shot.Data, 0o600)
	}
	if err != nil {
		p.b.t.Errorf("screenshot: %v", err)
	}
}

// Close closes the tab. Whether the page was fine is judged at the test's end.
func (p *Page) Close() { _ = chromedp.Cancel(p.ctx) }

func quote(s string) string {
	b, _ := json.Marshal(s) // a string is always JSON
	return string(b)
}
