package signon_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"sealgate/internal/account"
	"sealgate/internal/custody"
	"sealgate/internal/custody/custodytest"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/notify/letter"
	"sealgate/internal/notify/mail"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/signon"
	"sealgate/internal/portal/web/ui"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

const (
	good  = "kvarnsten bläckfisk onsdag"
	other = "trasigt paraply i motvind"
)

// house is the pages over real stores, behind TLS.
type house struct {
	t        *testing.T
	accounts *account.Service
	cat      *catalog.Catalog
	clock    *custodytest.Clock
	handler  *signon.Handler
	server   *httptest.Server
	paused   int
	letters  chan mail.Message
	store    *keys.Store
	custody  *custody.Custodian
	pages    http.Handler
	stop     func() // ends what sends letters
}

// Send is the post.
func (h *house) Send(_ context.Context, m mail.Message) error {
	h.letters <- m
	return nil
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, letters: make(chan mail.Message, 10), clock: custodytest.NewClock(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC))}
	store := keystest.New(t)
	h.cat = catalogtest.OpenAt(t, filepath.Join(t.TempDir(), "catalog.db"), catalog.Options{Now: h.clock.Now})
	cus := custody.New(store, h.cat, "node-1", h.clock.Now)
	h.store, h.custody = store, cus
	h.accounts = account.New(h.cat, cus, store, account.Options{Now: h.clock.Now, Cores: 2, Pause: func(context.Context, time.Duration) { h.paused++ }})
	h.check(h.accounts.EnsureSystem(t.Context()))
	_, err := h.accounts.AddAccount(t.Context(), "test", "acme", account.Defaults(), account.KeyOptions{})
	h.check(err)
	pages := http.NewServeMux()
	pages.Handle("/assets/", ui.Assets())
	pages.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p, ok := ui.PersonOf(r.Context())
		c := access.Of(r.Context())
		if !ok {
			_, _ = io.WriteString(w, "page for nobody")
			return
		}
		_, _ = io.WriteString(w, "page "+r.URL.RequestURI()+" for "+p.Username+" "+string(c.Role)+" "+p.Account)
	})
	h.pages = pages
	h.handler = signon.New(signon.Options{
		Letters: letter.New(h, "https://gateway.example", "en", slog.New(slog.DiscardHandler)), People: h.accounts.People, Pages: pages, Issuer: "Sealgate", Now: h.clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	ctx, stop := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { _ = h.handler.Run(ctx) })
	h.stop = func() { stop(); run.Wait() }
	t.Cleanup(h.stop)
	h.server = httptest.NewTLSServer(http.NewCrossOriginProtection().Handler(h.handler))
	t.Cleanup(h.server.Close)
	return h
}

func (h *house) check(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) add(n account.NewLogin) {
	h.t.Helper()
	if n.Password == nil && !n.Invite {
		n.Password = []byte(good)
	}
	_, _, err := h.accounts.AddLogin(h.t.Context(), "test", "acme", n)
	h.check(err)
}

// browser keeps cookies and follows no redirect by itself.
type browser struct {
	*house
	client *http.Client
}

func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	h.check(err)
	c := h.server.Client()
	c = &http.Client{Transport: c.Transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &browser{h, c}
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	text string
}

func (b *browser) do(req *http.Request) answer {
	b.t.Helper()
	resp, err := b.client.Do(req)
	b.check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	b.check(err)
	return answer{resp, string(text)}
}

func (b *browser) get(path string) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.server.URL+path, nil)
	b.check(err)
	return b.do(req)
}

func (b *browser) post(path string, pairs ...string) answer {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.server.URL+path, strings.NewReader(form.Encode()))
	b.check(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(req)
}

// wantPage wants a page with these words in it.
func (a answer) wantPage(t *testing.T, status int, words ...string) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s: %d to %q, want %d: %s", a.Request.URL, a.StatusCode, a.Header.Get("Location"), status, a.text)
	}
	for _, w := range words {
		if !strings.Contains(a.text, w) {
			t.Errorf("%s: no %q in %s", a.Request.URL, w, a.text)
		}
	}
	return a
}

// wantTo wants a redirect after a form.
func (a answer) wantTo(t *testing.T, to string) answer {
	t.Helper()
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != to {
		t.Fatalf("%s: %d to %q, want to %s: %s", a.Request.URL, a.StatusCode, a.Header.Get("Location"), to, a.text)
	}
	return a
}

func (b *browser) signIn(username string) *browser {
	b.t.Helper()
	b.post("/sign-in", "username", username, "password", good).wantTo(b.t, "/")
	return b
}

var typedKey = regexp.MustCompile(`<code id="codes-key">([A-Z2-7 ]+)</code>`)

// app reads the key of one-time codes off a page.
func app(t *testing.T, a answer) func(time.Time) string {
	t.Helper()
	found := typedKey.FindStringSubmatch(a.text)
	if found == nil {
		t.Fatalf("no key in %s", a.text)
	}
	return func(at time.Time) string {
		code, err := totp.GenerateCode(strings.ReplaceAll(found[1], " ", ""), at)
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
}

func TestSignInAndOut(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna", Role: account.Approver})
	b := h.browser()
	b.get("/a/acme/files?x=1").wantPage(t, 200, "page for nobody")
	page := b.get("/sign-in?next=/a/acme/files%3Fx%3D1").wantPage(t, 200, `name="username"`, `value="/a/acme/files?x=1"`)
	if !strings.Contains(page.Header.Get("Content-Security-Policy"), "default-src 'none'") || page.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", page.Header)
	}
	b.post("/sign-in", "username", "anna", "password", good, "next", "/a/acme/files?x=1").wantTo(t, "/a/acme/files?x=1")
	b.get("/a/acme/files?x=1").wantPage(t, 200, "page /a/acme/files?x=1 for anna approver acme")
	b.get("/sign-in?next=/me").wantTo(t, "/me")
	me := b.get("/me").wantPage(t, 200, "anna", "Go-http-client", "127.0.0.1")
	if strings.Contains(me.text, good) {
		t.Error("the password is in the page")
	}
	out := b.post("/sign-out").wantTo(t, "/sign-in?done=signed-out")
	if !strings.Contains(out.Header.Get("Clear-Site-Data"), "storage") {
		t.Error("the browser keeps what it has")
	}
	b.get("/").wantPage(t, 200, "page for nobody")
	b.get("/sign-in?done=signed-out").wantPage(t, 200, "You are signed out.")
}

func TestCookieFlags(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna"})
	a := h.browser().post("/sign-in", "username", "anna", "password", good)
	names := map[string]bool{}
	for _, c := range a.Cookies() {
		names[c.Name] = true
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || len(c.Value) < 43 {
			t.Errorf("%+v", c)
		}
		if c.Name == "__Host-session" && c.MaxAge != 0 {
			t.Error("the session outlives the browser")
		}
	}
	if !names["__Host-session"] || !names["__Host-device"] || len(names) != 2 {
		t.Errorf("%v", names)
	}
}

// A session that a browser brings along is never the one that it leaves with.
func TestSessionFixation(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna"})
	h.add(account.NewLogin{Username: "mallory"})
	mallory := h.browser().signIn("mallory")
	planted := mallory.client.Jar.Cookies(mustURL(t, h.server.URL))
	victim := h.browser()
	victim.client.Jar.SetCookies(mustURL(t, h.server.URL), planted)
	victim.post("/sign-in", "username", "anna", "password", good).wantTo(t, "/")
	victim.get("/x").wantPage(t, 200, "for anna")
	mallory.get("/x").wantPage(t, 200, "page for nobody") // a session that its browser has left is over
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Whatever is wrong, the answer is the same, and as late.
func TestNoUserEnumeration(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna"})
	h.add(account.NewLogin{Username: "robot", NoPortal: true})
	h.add(account.NewLogin{Username: "away", AllowFrom: []string{"203.0.113.0/24"}})
	h.add(account.NewLogin{Username: "invited", Invite: true})
	var first string
	for i, user := range []string{"anna", "nobody", "robot", "away", "invited", "", "a\x00b", strings.Repeat("x", 9000)} {
		password := good
		if user == "anna" {
			password = "wrong"
		}
		a := h.browser().post("/sign-in", "username", user, "password", password)
		text := strings.ReplaceAll(strings.ReplaceAll(a.text, url.QueryEscape(user), ""), user, "")
		text = regexp.MustCompile(` value="[^"]*"`).ReplaceAllString(text, "")
		if i == 0 {
			first = text
		}
		if a.StatusCode != 422 || text != first || len(a.Cookies()) != 0 {
			t.Errorf("%q: %d %v %s", user, a.StatusCode, a.Cookies(), a.text)
		}
		if h.paused != i+1 {
			t.Errorf("%q was answered at once", user)
		}
	}
}

func TestThrottledSignInLooksLikeAWrongOne(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna"})
	var wrong string
	for range 12 {
		wrong = h.browser().post("/sign-in", "username", "anna", "password", "wrong").wantPage(t, 422).text
	}
	if right := h.browser().post("/sign-in", "username", "anna", "password", good).wantPage(t, 422).text; right != wrong {
		t.Error("a right password is told from a wrong one")
	}
}

func TestOpenRedirect(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna"})
	for _, next := range []string{
		"https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/%0d%0aSet-Cookie:x", "javascript:alert(1)", "evil.example",
		"/../x", "//", "/a//b", "/a/../../x", "/sign-in", "/sign-in/again", "/welcome", "/api/v1/files", "/x\n", "/x#y", "http:///x", "/\t/evil.example", "",
	} {
		a := h.browser().post("/sign-in", "username", "anna", "password", good, "next", next)
		to := a.Header.Get("Location")
		h.accounts.Flush(t.Context()) // what the sign-in has cost is given back
		if next == "/%0d%0aSet-Cookie:x" {
			if to != next && to != "/" {
				t.Errorf("%q leads to %q", next, to)
			}
		} else if to != "/" {
			t.Errorf("%q leads to %q", next, to)
		}
		if page := h.browser().get("/sign-in?next=" + url.QueryEscape(next)); strings.Contains(page.text, "evil.example") {
			t.Errorf("%q is in the page", next)
		}
	}
}

func TestCrossSiteFormsAreRefused(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna"})
	b := h.browser().signIn("anna")
	for _, path := range []string{"/sign-in", "/sign-out", "/me/password", "/me/recovery", "/me/sessions/end", "/welcome"} {
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.server.URL+path, strings.NewReader("username=anna"))
			h.check(err)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set(name, value)
			b.do(req).wantPage(t, http.StatusForbidden)
		}
	}
	b.get("/x").wantPage(t, 200, "for anna")
	// And none of the pages changes anything on a GET.
	for _, path := range []string{"/sign-out", "/me/recovery", "/me/codes/remove", "/me/sessions/end", "/language"} {
		b.get(path)
		b.get("/x").wantPage(t, 200, "for anna")
	}
}

// An operator's first way in, without scripts.
func TestWelcome(t *testing.T) {
	h := newHouse(t)
	link, err := h.accounts.AddOperator(t.Context(), "test", "eva@example.org")
	h.check(err)
	b := h.browser()
	b.get("/welcome").wantPage(t, 200, `name="link"`)
	b.post("/welcome", "link", "wrong").wantPage(t, 422, "used already, or is too old")
	b.post("/welcome", "link", "https://gateway.example/welcome#"+link.Secret).wantTo(t, "/welcome/password")
	h.browser().post("/welcome", "link", link.Secret).wantPage(t, 422) // set up twice
	b.get("/").wantPage(t, 200, "page for nobody")
	b.get("/me").wantTo(t, "/welcome/password")
	b.get("/welcome/factor").wantTo(t, "/welcome/password")
	b.get("/welcome/password").wantPage(t, 200, "eva@example.org", "At least 8 characters")
	for password, words := range map[string]string{"kort": "Too short", "Password123": "common words", "eva@example.org": "names", strings.Repeat("lång ", 60): "Too long"} {
		b.post("/welcome/password", "password", password, "repeat", password).wantPage(t, 422, words)
	}
	b.post("/welcome/password", "password", good, "repeat", other).wantPage(t, 422, "not the same")
	b.post("/welcome/password", "password", good, "repeat", good).wantTo(t, "/welcome/factor")
	b.get("/").wantPage(t, 200, "page for nobody")
	page := b.get("/welcome/factor").wantPage(t, 200, "demanded of everybody", "/welcome/factor.svg")
	picture := b.get("/welcome/factor.svg").wantPage(t, 200, "<svg")
	if picture.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(picture.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%v", picture.Header)
	}
	a := app(t, page)
	b.post("/welcome/factor", "code", "000000").wantPage(t, 422, "not right")
	done := b.post("/welcome/factor", "code", a(h.clock.Now())).wantPage(t, 200, "Recovery codes", "shown only now")
	if n := len(regexp.MustCompile(`\b[a-z2-9]{4}(-[a-z2-9]{4}){3}\b`).FindAllString(done.text, -1)); n != 10 {
		t.Errorf("%d recovery codes", n)
	}
	b.get("/").wantPage(t, 200, "for eva@example.org")
	b.post("/me/codes/remove").wantPage(t, 422, "demanded here")

	h.clock.Add(time.Minute)
	b = h.browser()
	b.post("/sign-in", "username", "eva@example.org", "password", good, "next", "/accounts").wantTo(t, "/sign-in/code?next=%2Faccounts")
	b.get("/accounts").wantPage(t, 200, "page for nobody")
	b.get("/sign-in/code?next=%2Faccounts").wantPage(t, 200, `autocomplete="one-time-code"`)
	b.post("/sign-in/code", "code", "000000", "next", "/accounts").wantPage(t, 422, "not right")
	b.post("/sign-in/code", "code", a(h.clock.Now()), "next", "/accounts").wantTo(t, "/accounts")
	b.get("/accounts").wantPage(t, 200, "for eva@example.org")
}

// What is sensitive asks again after five minutes, and goes on afterwards.
func TestStepUp(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna"})
	b := h.browser().signIn("anna")
	a := app(t, b.get("/me/codes").wantPage(t, 200))
	b.post("/me/codes", "code", a(h.clock.Now())).wantPage(t, 200, "Recovery codes")
	h.clock.Add(6 * time.Minute)
	b.get("/me/codes").wantTo(t, "/sign-in/again?next=%2Fme%2Fcodes")
	b.post("/me/recovery").wantTo(t, "/sign-in/again?next=%2Fme")
	b.get("/sign-in/again?next=%2Fme%2Fcodes").wantPage(t, 200, `name="password"`, `name="code"`)
	b.post("/sign-in/again", "password", good, "next", "/me/codes").wantPage(t, 422)
	b.post("/sign-in/again", "password", other, "code", a(h.clock.Now())).wantPage(t, 422)
	b.post("/sign-in/again", "password", good, "code", a(h.clock.Now().Add(30*time.Second)), "next", "/me/codes").wantTo(t, "/me/codes")
	b.get("/me/codes").wantPage(t, 200)
	b.post("/me/recovery").wantPage(t, 200, "Recovery codes")
	c, err := h.handler.Caller(t.Context(), b.request())
	if err != nil || !c.ProvedAt.Equal(h.clock.Now()) || c.Role != account.Uploader || c.Source != "portal" {
		t.Errorf("%+v %v", c, err)
	}
}

// request is one that carries the browser's cookies.
func (b *browser) request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/api/v1/files", nil)
	r.RemoteAddr = "127.0.0.1:4000"
	for _, c := range b.client.Jar.Cookies(mustURL(b.t, b.server.URL)) {
		r.AddCookie(c)
	}
	return r
}

// A session counts for the API as long as it counts for the pages.
func TestCaller(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna", Role: account.Reader})
	nobody := h.browser()
	_, err := h.handler.Caller(t.Context(), nobody.request())
	wantDenied(t, err)
	b := h.browser().signIn("anna")
	c, err := h.handler.Caller(t.Context(), b.request())
	if err != nil || c.Operator || c.Local || c.Role != account.Reader || c.Login.String() != c.Actor || c.Session == c.Login {
		t.Errorf("%+v %v", c, err)
	}
	elsewhere := h.browser().signIn("anna")
	elsewhere.post("/me/sessions/end").wantTo(t, "/me?done=sessions-ended")
	_, err = h.handler.Caller(t.Context(), b.request())
	wantDenied(t, err)
	_, err = h.handler.Caller(t.Context(), elsewhere.request())
	h.check(err)
	approver := account.Approver
	_, _, err = h.accounts.SetLogin(t.Context(), "test", "acme", "anna", account.LoginChange{Role: &approver})
	h.check(err)
	_, err = h.handler.Caller(t.Context(), elsewhere.request())
	wantDenied(t, err)
}

func wantDenied(t *testing.T, err error) {
	t.Helper()
	if !fault.Is(err, fault.Denied) {
		t.Errorf("%v", err)
	}
}

func TestMyOwnPages(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna"})
	b, there := h.browser().signIn("anna"), h.browser().signIn("anna")
	b.get("/me").wantPage(t, 200, "Turn on one-time codes", "Sign out everywhere else", "This one")
	b.post("/me/language", "language", "sv").wantTo(t, "/me?done=saved")
	b.get("/me").wantPage(t, 200, `lang="sv"`, "Engångskoder")
	b.post("/me/language", "language", "xx").wantPage(t, 400)
	b.post("/me/sessions/x/end").wantPage(t, 404)
	b.post("/me/sessions/00000000-0000-4000-8000-000000000000/end").wantPage(t, 404)
	b.post("/me/password", "old", other, "password", other, "repeat", other).wantPage(t, 422)
	b.post("/me/password", "old", good, "password", other, "repeat", other).wantTo(t, "/me?done=password-changed")
	b.get("/x").wantPage(t, 200, "for anna")
	there.get("/x").wantPage(t, 200, "page for nobody")
	there.get("/me").wantTo(t, "/sign-in?next=%2Fme")
	nobody := h.browser()
	nobody.post("/language", "to", "sv").wantTo(t, "/sign-in")
	nobody.get("/sign-in").wantPage(t, 200, "Användarnamn")
}

// Each page that is not for everybody sends nobody to sign in.
func TestPagesNeedTheirStage(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna"})
	full := h.browser().signIn("anna")
	for _, p := range signon.Patterns() {
		method, path, _ := strings.Cut(p.Pattern, " ")
		path = strings.ReplaceAll(path, "{id}", "00000000-0000-4000-8000-000000000000")
		ask := func(b *browser) answer {
			if method == "POST" {
				return b.post(path)
			}
			return b.get(path)
		}
		if p.Open {
			if a := ask(h.browser()); a.StatusCode >= 500 {
				t.Errorf("%s: %d", p.Pattern, a.StatusCode)
			}
			continue
		}
		if a := ask(h.browser()); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/sign-in") {
			t.Errorf("%s: %d to %q", p.Pattern, a.StatusCode, a.Header.Get("Location"))
		}
		if p.Halfway {
			if a := ask(full); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/" {
				t.Errorf("%s, signed in: %d to %q", p.Pattern, a.StatusCode, a.Header.Get("Location"))
			}
		}
	}
}

// Who has forgotten the password asks for a link; the answer says nothing of who is
// there, and nothing changes until the link is followed.
func TestForgottenPassword(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna@acme.example"})
	h.add(account.NewLogin{Username: "robot"})
	h.add(account.NewLogin{Username: "no-portal@acme.example", NoPortal: true})
	h.add(account.NewLogin{Username: "invited@acme.example", Invite: true})
	b := h.browser()
	b.get("/sign-in").wantPage(t, 200, `href="/sign-in/forgot"`)
	b.get("/sign-in/forgot").wantPage(t, 200, `name="username"`)
	for _, nobody := range []string{"nobody@acme.example", "robot", "no-portal@acme.example", "invited@acme.example"} {
		b.post("/sign-in/forgot", "username", nobody).wantTo(t, "/sign-in?done=link-sent")
		h.clock.Add(5 * time.Minute)
	}
	b.post("/sign-in/forgot", "username", "ANNA@acme.example").wantTo(t, "/sign-in?done=link-sent")
	m := <-h.letters // the first: of the others nobody got one
	if m.To != "anna@acme.example" {
		t.Fatalf("%+v", m)
	}
	link := regexp.MustCompile(`https://gateway.example(/welcome#\S+)`).FindStringSubmatch(m.Text)
	if link == nil {
		t.Fatal(m.Text)
	}
	h.browser().signIn("anna@acme.example")
	// Not another one at once; then the newer one counts.
	b.post("/sign-in/forgot", "username", "anna@acme.example").wantTo(t, "/sign-in?done=link-sent")
	h.clock.Add(11 * time.Minute)
	b.post("/sign-in/forgot", "username", "anna@acme.example").wantTo(t, "/sign-in?done=link-sent")
	second := <-h.letters
	h.browser().post("/welcome", "link", link[1]).wantPage(t, 422)
	link = regexp.MustCompile(`(/welcome#\S+)`).FindStringSubmatch(second.Text)
	b.post("/welcome", "link", link[1]).wantTo(t, "/welcome/password")
	b.post("/welcome/password", "password", other, "repeat", other).wantTo(t, "/")
	h.browser().post("/sign-in", "username", "anna@acme.example", "password", good).wantPage(t, 422)
	select {
	case m := <-h.letters:
		t.Errorf("one letter too many: %+v", m)
	default:
	}
	// Somebody who asks all the time is not heard, and is told the same.
	for range 20 {
		b.post("/sign-in/forgot", "username", "anna@acme.example").wantTo(t, "/sign-in?done=link-sent")
	}
}

// Who was told that a link is sent gets it, also when the gateway stops in that moment.
func TestALinkOutlivesTheStop(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna@acme.example"})
	h.stop()
	h.browser().post("/sign-in/forgot", "username", "anna@acme.example").wantTo(t, "/sign-in?done=link-sent")
	ended, end := context.WithCancel(t.Context())
	end()
	h.check(h.handler.Run(ended))
	if len(h.letters) != 1 {
		t.Errorf("%d letters", len(h.letters))
	}
}

// Who has a provider's networks to ask from is heard no more than a provider is: the
// form works for everybody else.
func TestOneProviderDoesNotForgetForAll(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	heard := signon.Heard(func() time.Time { return now })
	n := 0
	for i := range 60_000 {
		if heard(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(i >> 8), byte(i)})) {
			n++
		}
	}
	if n != 50 {
		t.Errorf("%d requests of one provider are heard", n)
	}
	for _, other := range []string{"2001:db9::1", "192.0.2.1", "::ffff:192.0.2.2"} {
		if !heard(netip.MustParseAddr(other)) {
			t.Errorf("%s is not heard", other)
		}
	}
	now = now.Add(time.Minute)
	if !heard(netip.MustParseAddr("2001:db8:1::1")) {
		t.Error("the provider is never heard again")
	}
}

func TestNamesOfBrowsers(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36":                                   "Chrome, Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0":           "Edge, Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1": "Safari, iPhone",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0":                                                    "Firefox, macOS",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36":                            "Chrome, Android",
		"curl/8.14.1": "curl/8.14.1", "": "", "<script>": "<script>",
	} {
		if got := signon.BrowserName(agent); got != want {
			t.Errorf("%q: %q", agent, got)
		}
	}
}
