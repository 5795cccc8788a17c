package campaign

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sealgate/internal/browsertest"
)

// All of it works with no script: signing in with a second factor, sending a file,
// files, payments and settings.
func TestPortalWithoutScripts(t *testing.T) {
	for _, size := range browsertest.Sizes {
		t.Run(size.Name, func(t *testing.T) {
			g := newGateway(t, "")
			g.account("acme", "keep")
			anna := g.person("acme", "anna", "admin").at(g.browser(), size, browsertest.NoScript)
			anna.signIn("/")
			anna.addCodes()
			anna.Click("main a.button") // the codes are put away
			anna.Wait("location.pathname == '/me' && document.readyState == 'complete'")
			anna.Click(map[string]string{"wide": ".sidebar form[action='/sign-out'] button", "phone": "summary"}[size.Name])
			if size == browsertest.Phone {
				anna.Click(".menu-panel form[action='/sign-out'] button")
			}
			anna.WaitPath("/sign-in")
			anna.signIn("/a/acme/upload")
			anna.Pick("#files", copyOf(t, salaries, "löner.xml"))
			anna.Click("#upload button")
			anna.WaitText("#results", "löner.xml")
			g.settle(settleTime)
			anna.Goto("/a/acme/files")
			anna.WaitText("td .badge", "Kept")
			anna.Click("td a[href*='/files/']")
			anna.WaitText("h1", "löner.xml")
			anna.Goto("/a/acme/payments")
			payee := anna.Text("td a.strong")
			anna.Type("[name=payee]", payee)
			anna.Click("form.card button")
			anna.Wait("location.search.includes('payee=')")
			anna.WaitText("td", payee)
			anna.Goto("/a/acme/settings")
			anna.Click("[name=content][value=delete]")
			anna.Click("form[action$='/settings'] .actions button")
			anna.Wait("location.search.includes('done=')")
			var account struct {
				Content string `json:"content"`
			}
			g.mustJSON(&account, "account", "show", "acme")
			if account.Content != "delete" {
				t.Errorf("the account's content is to be %s", account.Content)
			}
		})
	}
}

// markup is some that would run if a page took it for its own.
const markup = `<img src=x onerror=alert(1)><script>alert(2)</script>`

// What strangers write, in names of files and in payments, is text on every page; no
// page asks another place for anything; and axe finds nothing serious on any, wide and
// light, and dark on a phone.
func TestEveryPage(t *testing.T) {
	issuer := aProvider(t)
	g := newGateway(t, "")
	g.account("acme", "keep")
	fill(t, g, "acme")
	furnish(t, g, "acme", issuer)
	newHolder(g, "holds")
	g.must("webhook", "add", "--operator", "https://127.0.0.1:1/hook")
	wide, narrow := g.browser(), g.browser()
	anna := g.person("acme", "anna", "admin").at(wide, browsertest.Wide)
	anna.signIn("/")
	found := anna.judged("/", "/me")
	if len(found) < 30 {
		t.Fatalf("the crawl found %q only", found)
	}
	anna.lookAt(found)
	for _, path := range []string{"/a/acme/files", "/a/acme/payments"} {
		anna.Goto(path)
		anna.WaitText("td", "<img src=x")
	}
	dark := []browsertest.Option{browsertest.Dark, browsertest.Language("sv")}
	bo := g.person("acme", "bo", "admin").at(narrow, browsertest.Phone, dark...)
	bo.signIn("/")
	bo.lookAt(found)
	bo.Close()
	reaches(t, found, "/a/acme/access", "/a/acme/access/of/*", "/a/acme/single-sign-on", "/a/acme/single-sign-on/edit", "/a/acme/single-sign-on/remove",
		"/a/acme/keys/reseal", "/a/acme/webhooks/of/*", "/a/acme/webhooks/of/*/secret", "/a/acme/remotes", "/a/acme/remotes/new/push", "/a/acme/remotes/of/bank", "/a/acme/remotes/of/bank/edit", "/a/acme/remotes/of/bank/remove",
		"/a/acme/agents", "/a/acme/agents/new", "/a/acme/agents/of/*", "/a/acme/agents/of/*/remove")
	holder := g.person("holds", "cia", "admin").at(g.browser(), browsertest.Wide)
	holder.signIn("/")
	lend := []string{"/a/holds/keys/access", "/a/holds/keys/lend"}
	reaches(t, holder.judged("/"), lend...)
	holder.lookAt(lend)
	holder.at(holder.b, browsertest.Phone, dark...)
	holder.lookAt(lend)

	op := g.operator(g.browser(), browsertest.Wide)
	of := slices.DeleteFunc(op.judged("/", "/me"), func(path string) bool { return slices.Contains(found, path) })
	reaches(t, of, "/operators/tokens", "/operators/tokens/new", "/queues", "/webhooks/of/*")
	op.lookAt(of)
	op.at(op.b, browsertest.Phone, dark...)
	op.lookAt(of)

	for _, size := range browsertest.Sizes {
		nobody := (&somebody{g: g}).at(wide, size, browsertest.Apart)
		nobody.lookAt([]string{"/sign-in", "/welcome"})
	}
}

// reaches reports kinds of pages that nobody was led to.
func reaches(t testing.TB, found []string, kinds ...string) {
	t.Helper()
	for _, kind := range kinds {
		if !slices.ContainsFunc(found, func(path string) bool { return kindOf(path) == kindOf(kind) }) {
			t.Errorf("no page leads to %s", kind)
		}
	}
}

// judged are the pages that somebody can reach, whose answers were all judged.
func (s *somebody) judged(from ...string) []string {
	s.g.t.Helper()
	all := s.crawl(from...)
	for _, v := range all {
		judge(s.g.t, v)
	}
	found := pages(all)
	s.g.t.Logf("%s: %d pages: %q", s.username, len(found), found)
	return found
}

// lookAt opens pages and has them judged by axe, and by their width.
func (s *somebody) lookAt(paths []string) {
	s.g.t.Helper()
	for _, path := range paths {
		s.Goto(path)
		s.Accessible()
		if d := browsertest.Eval[int](s.Page, "document.documentElement.scrollWidth - innerWidth"); d > 0 {
			s.g.t.Errorf("%s is %d wider than the window", path, d)
		}
	}
	if d := s.Dialogs(); len(d) > 0 {
		s.g.t.Errorf("a page ran a stranger's script: %q", d)
	}
}

// fill sends files of all fates through the doors, one with hostile markup in its name
// and in its payments.
func fill(t testing.TB, g *gateway, account string) {
	t.Helper()
	text, err := os.ReadFile(salaries)
	g.check(err)
	escaped := strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(markup)
	marked := regexp.MustCompile(`<Nm>[^<]*</Nm>|<Ustrd>[^<]*</Ustrd>`).ReplaceAllFunc(text, func(tag []byte) []byte {
		name := tag[1:strings.IndexByte(string(tag), '>')]
		return fmt.Appendf(nil, "<%s>%s</%s>", name, escaped, name)
	})
	marked = []byte(strings.Replace(string(marked), "<MsgId>", "<MsgId>X", 1))
	file := filepath.Join(t.TempDir(), "marked.xml")
	g.check(os.WriteFile(file, marked, 0o600))
	g.login(account, "robot-of-"+account)
	batch := fmt.Sprintf("put %q \"/in/%s.xml\"\n", file, strings.NewReplacer(`"`, ``, `/`, ``).Replace(markup))
	for i, from := range []string{
		salaries, lb, samples + "/pain001-v09/bad-01-group-control-sum.xml", samples + "/pain001-v03/valid-02-five-currencies.xml",
		samples + "/pain001-v03/bad-03-truncated.xml", samples + "/pain001-v03/warn-01-six-soft-faults.xml", samples + "/misc/bad-unknown.csv",
		active(t, "page.html", "<!doctype html><title>x</title>"+markup), active(t, "picture.svg", `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(3)</script></svg>`),
	} {
		batch += fmt.Sprintf("put %q \"/in/%02d-%s\"\n", from, i, filepath.Base(from))
	}
	if out, err := g.openssh("robot-of-"+account, batch); err != nil {
		t.Fatalf("sftp: %v\n%s", err, out)
	}
	g.settle(settleTime)
	g.must("file", "send", account, lb)
	var files []record
	g.mustJSON(&files, "file", "ls", account, "--limit", "0")
	states := map[string]bool{}
	for _, f := range files {
		states[f.State] = true
	}
	for _, state := range []string{"kept", "held", "refused", "waiting"} {
		if !states[state] {
			t.Fatalf("no file is %s: %+v", state, files)
		}
	}
}

// active writes a file that a browser would run, if it were shown.
func active(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var inline = regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>\s*[^<\s]|<style|<[a-z][^<>]*\s(?:style|on[a-z]+)=|<[a-z][^<>]*javascript:`)

// judge checks what every answer of the portal has in common.
func judge(t testing.TB, v visited) {
	t.Helper()
	want := map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
	}
	for name, value := range want {
		if got := v.header.Get(name); got != value {
			t.Errorf("%s: %s is %q", v.path, name, got)
		}
	}
	if !strings.HasPrefix(v.header.Get("Strict-Transport-Security"), "max-age=31536000") {
		t.Errorf("%s: no HSTS", v.path)
	}
	for _, name := range []string{"Server", "X-Powered-By", "Access-Control-Allow-Origin"} {
		if got := v.header.Get(name); got != "" {
			t.Errorf("%s: %s: %s", v.path, name, got)
		}
	}
	asset := strings.HasPrefix(v.path, "/assets/")
	if cache := v.header.Get("Cache-Control"); !asset && cache != "no-store" || asset && !strings.Contains(cache, "immutable") {
		t.Errorf("%s: Cache-Control: %s", v.path, cache)
	}
	policy := v.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") && !strings.Contains(policy, "sandbox") {
		t.Errorf("%s: its policy is %q", v.path, policy)
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		t.Errorf("%s: its policy is %q", v.path, policy)
	}
	attached := strings.HasPrefix(v.header.Get("Content-Disposition"), "attachment")
	if strings.HasSuffix(v.path, "/content") && (!attached || !strings.Contains(policy, "sandbox")) {
		t.Errorf("%s: a customer's content comes as %q under the policy %q", v.path, v.header.Get("Content-Disposition"), policy)
	}
	if strings.Contains(v.body, markup) && !attached {
		t.Errorf("%s holds markup of a stranger", v.path)
	}
	if v.isPage() {
		for _, part := range []string{"require-trusted-types-for 'script'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: its policy %q has no %s", v.path, policy, part)
			}
		}
		if found := inline.FindString(v.body); found != "" {
			t.Errorf("%s has inline script or style: %s", v.path, found)
		}
	}
	for _, cookie := range v.header.Values("Set-Cookie") {
		if !strings.HasPrefix(cookie, "__Host-") || !strings.Contains(cookie, "Secure") || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite") {
			t.Errorf("%s sets the cookie %s", v.path, cookie)
		}
	}
}

// Another site can neither show a page in a frame nor send one of its forms.
func TestOtherSites(t *testing.T) {
	g := newGateway(t, "")
	g.account("acme", "keep")
	anna := g.person("acme", "anna", "admin").at(g.browser(), browsertest.Wide)
	anna.signIn("/")
	at := "https://" + g.addr("https")
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>other</title><link rel="icon" href="data:,"><iframe src="%[1]s/a/acme/settings"></iframe>
			<form method="post" action="%[1]s/a/acme/settings"><input name="content" value="delete"><button>go</button></form>`, at)
	}))
	t.Cleanup(other.Close)
	anna.Expect("leaves the origin|frame-ancestors|Failed to load resource|net::ERR")
	home, err := url.Parse(other.URL)
	g.check(err)
	browsertest.Eval[bool](anna.Page, fmt.Sprintf("location.assign('http://localhost:%s/') || true", home.Port()))
	anna.Wait("document.querySelector('iframe')")
	anna.WaitSaid("frame-ancestors")
	anna.Click("button")
	anna.Wait("location.host == '" + g.addr("https") + "'")
	if text := anna.Text("body"); !strings.Contains(text, "another site") && !strings.Contains(text, "Sign in") {
		t.Errorf("the form of another site was answered: %.300s", text)
	}
	var account struct {
		Content string `json:"content"`
	}
	g.mustJSON(&account, "account", "show", "acme")
	if account.Content != "keep" {
		t.Error("another site has changed the account")
	}
}
