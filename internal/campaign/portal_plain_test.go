package campaign

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
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
// page asks another place for anything; and axe finds nothing serious on any.
func TestEveryPage(t *testing.T) {
	g := newGateway(t, "")
	g.account("acme", "keep")
	fill(t, g, "acme")
	anna := g.person("acme", "anna", "admin").at(g.browser(), browsertest.Wide)
	anna.signIn("/")
	all := anna.crawl("/", "/me")
	for _, v := range all {
		judge(t, v)
		if strings.Contains(v.body, markup) && !strings.HasPrefix(v.header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s holds markup of a stranger", v.path)
		}
	}
	found := pages(all)
	if len(found) < 12 {
		t.Fatalf("the crawl found %q only", found)
	}
	t.Logf("%d pages: %q", len(found), found)
	for _, path := range found {
		anna.Goto(path)
		anna.Accessible()
	}
	if d := anna.Dialogs(); len(d) > 0 {
		t.Errorf("a page ran a stranger's script: %q", d)
	}
	for _, path := range []string{"/a/acme/files", "/a/acme/payments"} {
		anna.Goto(path)
		anna.WaitText("td", "<img src=x")
	}
	phone := g.person("acme", "bo", "admin").at(g.browser(), browsertest.Phone, browsertest.Dark, browsertest.Language("sv"))
	phone.signIn("/")
	for _, path := range found {
		phone.Goto(path)
		phone.Accessible()
		if wide := browsertest.Eval[int](phone.Page, "document.documentElement.scrollWidth"); wide > int(browsertest.Phone.Width) {
			t.Errorf("%s is %d wide on a phone", path, wide)
		}
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
	} {
		batch += fmt.Sprintf("put %q \"/in/%02d-%s\"\n", from, i, filepath.Base(from))
	}
	if out, err := g.openssh("robot-of-"+account, batch); err != nil {
		t.Fatalf("sftp: %v\n%s", err, out)
	}
	g.settle(settleTime)
	g.must("file", "send", account, lb)
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
