package campaign

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"sealgate/internal/browsertest"
)

// samples are real payment files.
const samples = "../index/testdata/samples"

const (
	salaries = samples + "/pain001-v09/valid-01-suppliers-and-salaries.xml"
	lb       = samples + "/lb/valid-01-bankgiro-and-plusgiro.txt"
)

// settleTime is enough for a few files.
const settleTime = 30 * time.Second

// somebody is a person with a browser before a gateway.
type somebody struct {
	*browsertest.Page
	g                  *gateway
	b                  *browsertest.Browser
	username, password string
	secret             string // of the one-time codes; "" = none
	codes              int    // shown so far: each is taken once
}

// certificate is the one that the gateway shows; it is the one that serve announced.
func (g *gateway) certificate() *x509.Certificate {
	g.t.Helper()
	conn, err := tls.Dial("tcp", g.addr("https"), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is compared below
	g.check(err)
	defer conn.Close()
	cert := conn.ConnectionState().PeerCertificates[0]
	sum := sha256.Sum256(cert.Raw)
	if told := g.announced("certificate"); told != "sha256:"+hex.EncodeToString(sum[:]) {
		g.t.Fatalf("the gateway shows another certificate than %s", told)
	}
	return cert
}

// person makes a login with a password of its own.
func (g *gateway) person(account, username, role string) *somebody {
	g.t.Helper()
	s := &somebody{g: g, username: username, password: "kvarnsten bläckfisk " + username}
	cmd := exec.Command(g.program(), "login", "add", account, username, "--role", role, "--password-stdin", "--data", g.dir)
	cmd.Stdin = strings.NewReader(s.password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		g.t.Fatalf("login add: %v\n%s", err, out)
	}
	return s
}

// at puts somebody before a browser.
func (s *somebody) at(b *browsertest.Browser, size browsertest.Size, options ...browsertest.Option) *somebody {
	s.b, s.Page = b, b.Open(s.address(), size, options...)
	return s
}

// address is where the portal is.
func (s *somebody) address() string { return "https://" + s.g.addr("https") }

// operator is the first operator, who comes by the link that serve printed, chooses a
// password and sets one-time codes up.
func (g *gateway) operator(b *browsertest.Browser, size browsertest.Size, options ...browsertest.Option) *somebody {
	g.t.Helper()
	s := (&somebody{g: g, username: "operator@example.com", password: "trasigt paraply i motvind"}).at(b, size, options...)
	_, secret, _ := strings.Cut(g.announced("sign-in"), "#")
	s.Goto("/welcome#" + secret)
	s.Click("main form[action='/welcome'] button")
	s.WaitPath("/welcome/password")
	s.Type("[name=password]", s.password)
	s.Type("[name=repeat]", s.password)
	s.Click("main form[action='/welcome/password'] button")
	s.WaitPath("/welcome/factor")
	s.confirmCodes()
	s.Click("main a.button")
	s.Wait("!location.pathname.startsWith('/welcome')")
	return s
}

// confirmCodes reads the key of one-time codes from the page, and shows a code.
func (s *somebody) confirmCodes() {
	s.g.t.Helper()
	s.Wait("document.querySelector('#codes-key')")
	s.secret = browsertest.Eval[string](s.Page, `document.querySelector("#codes-key").textContent.replace(/\s/g, "")`)
	s.Type("[name=code]", s.code())
	s.Click("main form button")
	s.Wait("document.querySelector('.secret')")
}

// browser is a browser that trusts the gateway.
func (g *gateway) browser() *browsertest.Browser {
	g.t.Helper()
	return browsertest.Start(g.t, browsertest.Options{Trust: g.certificate()})
}

// code is the next one-time code that was not used before: the gateway takes those of
// the half-minutes beside the present one, too.
func (s *somebody) code() string {
	s.g.t.Helper()
	code, err := totp.GenerateCode(s.secret, time.Now().Add(time.Duration(s.codes)*30*time.Second))
	s.g.check(err)
	s.codes++
	return code
}

// signIn signs in where the page is, or at the start page, and ends at path.
func (s *somebody) signIn(path string) {
	s.g.t.Helper()
	s.Goto(path)
	s.WaitPath("/sign-in")
	s.Type("[name=username]", s.username)
	s.Type("[name=password]", s.password)
	s.Click("form[action='/sign-in'] button")
	if s.secret != "" {
		s.WaitPath("/sign-in/code")
		s.Type("[name=code]", s.code())
		s.Click("form[action='/sign-in/code'] button")
	}
	s.Wait("!location.pathname.startsWith('/sign-in') && document.readyState == 'complete'")
}

// client is an HTTP client with the cookies of somebody's browser.
func (s *somebody) client() *http.Client {
	s.g.t.Helper()
	jar, err := cookiejar.New(nil)
	s.g.check(err)
	base, err := url.Parse("https://" + s.g.addr("https"))
	s.g.check(err)
	jar.SetCookies(base, s.Cookies())
	pool := x509.NewCertPool()
	pool.AddCert(s.g.certificate())
	return &http.Client{
		Jar: jar, Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// visited is what one address answered.
type visited struct {
	path   string
	status int
	header http.Header
	body   string
}

func (v visited) isPage() bool {
	return v.status == http.StatusOK && strings.HasPrefix(v.header.Get("Content-Type"), "text/html")
}

var (
	linked = regexp.MustCompile(`(?:href|src|action)="([^"]+)"`)
	ids    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{40,}|=[^&]*|/\d+$|^/a/[^/]+|/of/[^/]+`)
)

// crawl follows every link that leads on from a page, and looks at one page of each
// kind: addresses that differ in ids and values of queries only are of one kind.
func (s *somebody) crawl(from ...string) []visited {
	s.g.t.Helper()
	client := s.client()
	var all []visited
	seen := map[string]bool{}
	for todo := from; len(todo) > 0; todo = todo[1:] {
		path := todo[0]
		if kind := kindOf(path); seen[kind] || strings.HasPrefix(path, "/sign-out") {
			continue
		} else {
			seen[kind] = true
		}
		resp, err := client.Get("https://" + s.g.addr("https") + path)
		s.g.check(err)
		body, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
		resp.Body.Close()
		s.g.check(err)
		v := visited{path, resp.StatusCode, resp.Header, string(body)}
		all = append(all, v)
		if to := resp.Header.Get("Location"); to != "" {
			todo = append(todo, to)
		}
		if !v.isPage() {
			continue
		}
		for _, m := range linked.FindAllStringSubmatch(v.body, -1) {
			if to := html.UnescapeString(m[1]); strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") {
				to, _, _ = strings.Cut(to, "#")
				todo = append(todo, to)
			}
		}
	}
	return all
}

// kindOf is an address without what differs between pages of one kind.
func kindOf(path string) string { return ids.ReplaceAllString(path, "*") }

// pages are the addresses of the pages among what was visited.
func pages(all []visited) []string {
	var paths []string
	for _, v := range all {
		if v.isPage() {
			paths = append(paths, v.path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// copyOf is a copy of a file, under a name.
func copyOf(t testing.TB, from, name string) string {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}
