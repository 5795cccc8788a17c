package signon_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/account/oidc"
	"sealgate/internal/dialguard"
	"sealgate/internal/fault"
	"sealgate/internal/portal/signon"
	"sealgate/internal/servertest"
)

// org is a house whose account acme has a provider: a real one, with its own form.
type org struct {
	*house
	sso    *oidc.Service
	opt    oidc.Options // of which it is made
	issuer string
	stop   func() // the provider
}

const callback = "/sign-in/oidc/acme/callback"

func newOrg(t *testing.T, change func(*oidc.Change)) *org {
	t.Helper()
	h := newHouse(t)
	h.clock.Add(time.Since(h.clock.Now())) // the provider's tokens are of now
	for _, name := range []string{"anna@acme.example", "bo@acme.example"} {
		h.add(account.NewLogin{Username: name, Role: account.Reader})
	}
	_, err := h.accounts.AddAccount(t.Context(), "test", "zeta", account.Defaults(), account.KeyOptions{})
	h.check(err)
	_, _, err = h.accounts.AddLogin(t.Context(), "test", "zeta", account.NewLogin{Username: "cia@zeta.example", Role: account.Admin, Password: []byte(good)})
	h.check(err)

	type user struct {
		ID, Username, Password, Email string
		EmailVerified                 bool
	}
	dir := t.TempDir()
	users := map[string]user{}
	for _, u := range []user{
		{"1", "anna", "provided", "anna@acme.example", true},
		{"2", "twin", "provided", "Anna@acme.example", true}, // another person who was given the address later
		{"3", "bo", "provided", "bo@acme.example", false},
		{"4", "cia", "provided", "cia@zeta.example", true}, // of another account
		{"5", "dan", "provided", "dan@acme.example", true}, // no login
	} {
		users[u.ID] = u
	}
	text, err := json.Marshal(users)
	h.check(err)
	h.check(os.WriteFile(filepath.Join(dir, "users.json"), text, 0o600))
	roots := writePair(t, h.server.TLS.Certificates[0], dir)

	o := &org{house: h}
	cmd := exec.Command(servertest.Program(t, "./provider"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "users.json"), //nolint:gosec // what we built
		h.server.URL+callback, h.server.URL+"/sign-in/oidc/zeta/callback")
	o.issuer, o.stop = servertest.Start(t, "https://", cmd)
	o.opt = oidc.Options{
		Catalog: h.cat, Custody: h.custody, Keys: h.store, SignIn: h.accounts.Service, People: h.accounts.People, Roots: roots,
		Guard: dialguard.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), URL: h.server.URL, Now: h.clock.Now, Log: slog.New(slog.DiscardHandler),
	}
	o.sso = oidc.New(o.opt)
	client, secret := "web", "secret"
	c := oidc.Change{Issuer: &o.issuer, ClientID: &client, Secret: &secret}
	if change != nil {
		change(&c)
	}
	_, err = o.sso.Set(t.Context(), "test", "acme", c)
	h.check(err)
	h.handler = signon.New(signon.Options{
		People: h.accounts.People, SSO: o.sso, Pages: h.pages, Issuer: "Sealgate", Now: h.clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	h.server.Config.Handler = http.NewCrossOriginProtection().Handler(h.handler)
	return o
}

// writePair writes a certificate and its key for another server, and returns who
// trusts it.
func writePair(t *testing.T, c tls.Certificate, dir string) *x509.CertPool {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(c.Leaf)
	if c.Leaf == nil {
		t.Fatal("no leaf")
	}
	return roots
}

// now sets the clock by the provider's.
func (o *org) now() { o.clock.Add(time.Since(o.clock.Now())) }

var hiddenID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// follow asks for any address, of ours or the provider's.
func (b *browser) follow(method, to string, form url.Values) answer {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, to, strings.NewReader(form.Encode()))
	b.check(err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return b.do(req)
}

// prove signs in at the provider, to which address leads, and returns where that sends
// the browser then: a path of ours.
func (o *org) prove(b *browser, address, username string) string {
	b.t.Helper()
	to, err := url.Parse(address)
	b.check(err)
	for range 6 {
		at := to.String()
		if strings.HasPrefix(at, b.server.URL) {
			return strings.TrimPrefix(at, b.server.URL)
		}
		a := b.follow(http.MethodGet, at, nil)
		if m := hiddenID.FindStringSubmatch(a.text); m != nil {
			a = b.follow(http.MethodPost, o.issuer+"/login/username", url.Values{"id": {m[1]}, "username": {username}, "password": {"provided"}})
		}
		if a.StatusCode/100 != 3 {
			b.t.Fatalf("%s answers %d: %s", at, a.StatusCode, a.text)
		}
		to, err = to.Parse(a.Header.Get("Location"))
		b.check(err)
	}
	b.t.Fatal("the provider sends nobody back")
	return ""
}

// begin presses the button, and returns the address at the provider.
func (o *org) begin(b *browser) string {
	b.t.Helper()
	a := b.get("/sign-in/oidc/acme?next=%2Fa%2Facme%2F")
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), o.issuer) {
		b.t.Fatalf("%d to %q: %s", a.StatusCode, a.Header.Get("Location"), a.text)
	}
	return a.Header.Get("Location")
}

func (o *org) enter(b *browser, username string) answer {
	b.t.Helper()
	return b.get(o.prove(b, o.begin(b), username))
}

// wantOut wants the one answer to what lets nobody in, and nobody in.
func (o *org) wantOut(t *testing.T, b *browser, a answer) {
	t.Helper()
	a.wantPage(t, http.StatusUnprocessableEntity, "did not work out")
	b.get("/x").wantPage(t, http.StatusOK, "page for nobody")
}

func TestSingleSignOn(t *testing.T) {
	o := newOrg(t, nil)
	b := o.browser()
	b.get("/sign-in").wantPage(t, http.StatusOK, `href="/sign-in/oidc?next=%2F"`)
	b.get("/sign-in/oidc").wantPage(t, http.StatusOK, `name="account"`)
	b.get("/sign-in/oidc?account=Acme").wantPage(t, http.StatusOK, `href="/sign-in/oidc/acme?next=%2F"`)

	address, err := url.Parse(o.begin(b))
	o.check(err)
	q := address.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("nonce") == "" || q.Get("response_type") != "code" || len(q.Get("state")) < 43 {
		t.Errorf("asked with %v", q)
	}
	if q.Get("redirect_uri") != o.server.URL+callback {
		t.Errorf("sent back to %s", q.Get("redirect_uri"))
	}
	back := o.prove(b, address.String(), "anna")
	a := b.get(back).wantTo(t, "/a/acme/")
	for _, c := range a.Cookies() {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %v", c)
		}
	}
	b.get("/x").wantPage(t, http.StatusOK, "for anna@acme.example reader acme")

	// The code and the state were good once, also in the browser they were made for.
	o.wantOut(t, o.browser(), o.browser().get(back))

	// The subject is bound now: who is given the address later is not Anna.
	twin := o.browser()
	o.wantOut(t, twin, o.enter(twin, "twin"))
	again := o.browser()
	o.enter(again, "anna").wantTo(t, "/a/acme/")

	// Who came in so proves anew so, too.
	o.clock.Add(6 * time.Minute)
	again.get("/me/codes").wantTo(t, "/sign-in/again?next=%2Fme%2Fcodes")
	again.get("/sign-in/again?next=%2Fme%2Fcodes").wantPage(t, http.StatusOK, "/sign-in/oidc/acme?next=%2Fme%2Fcodes&amp;again=1")

	// Without the provider they are signed in no more.
	o.check(o.sso.Remove(t.Context(), "test", "acme"))
	b.get("/x").wantPage(t, http.StatusOK, "page for nobody")
	b.get("/sign-in/oidc/acme").wantPage(t, http.StatusUnprocessableEntity, "cannot be signed in to like this")
}

func TestSingleSignOnLetsInWhomTheAccountHas(t *testing.T) {
	o := newOrg(t, nil)
	for who, why := range map[string]string{"bo": "the address is not verified", "cia": "a login of another account", "dan": "no login"} {
		b := o.browser()
		t.Log(why)
		o.wantOut(t, b, o.enter(b, who))
	}
	_, _, err := o.accounts.SetLogin(t.Context(), "test", "acme", "anna@acme.example", account.LoginChange{Portal: new(bool)})
	o.check(err)
	b := o.browser()
	o.wantOut(t, b, o.enter(b, "anna"))
}

func TestSingleSignOnAnswersThatDoNotHold(t *testing.T) {
	o := newOrg(t, nil)
	edit := func(path, key, value string) string {
		u, err := url.Parse(path)
		o.check(err)
		q := u.Query()
		q.Set(key, value)
		u.RawQuery = q.Encode()
		return u.String()
	}
	for name, back := range map[string]func(b *browser) string{
		"another state":    func(b *browser) string { return edit(o.prove(b, o.begin(b), "anna"), "state", "x") },
		"another code":     func(b *browser) string { return edit(o.prove(b, o.begin(b), "anna"), "code", "x") },
		"no code":          func(b *browser) string { return edit(o.prove(b, o.begin(b), "anna"), "code", "") },
		"another provider": func(b *browser) string { return edit(o.prove(b, o.begin(b), "anna"), "iss", "https://evil.example") },
		"another nonce":    func(b *browser) string { return o.prove(b, edit(o.begin(b), "nonce", "x"), "anna") },
		"another verifier": func(b *browser) string {
			return o.prove(b, edit(o.begin(b), "code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), "anna")
		},
		"another account's address": func(b *browser) string {
			return strings.Replace(o.prove(b, o.begin(b), "anna"), "/acme/", "/zeta/", 1)
		},
		// Login CSRF: the code of an attacker, in the browser of a victim.
		"another browser": func(b *browser) string {
			attacker := o.browser()
			return o.prove(attacker, o.begin(attacker), "anna")
		},
		"another browser that has begun, too": func(b *browser) string {
			o.begin(b)
			attacker := o.browser()
			return o.prove(attacker, o.begin(attacker), "anna")
		},
		"a sign-in that was begun before": func(b *browser) string {
			first := o.prove(b, o.begin(b), "anna")
			o.begin(b)
			return first
		},
		"too late": func(b *browser) string {
			first := o.prove(b, o.begin(b), "anna")
			o.clock.Add(oidc.AnswerFor)
			return first
		},
	} {
		t.Run(name, func(t *testing.T) {
			o.now()
			b := o.browser()
			o.wantOut(t, b, b.get(back(b)))
		})
	}
	t.Run("a token that has ended", func(t *testing.T) {
		o.clock.Add(time.Since(o.clock.Now()) + 2*time.Hour) // it lasts one
		b := o.browser()
		o.wantOut(t, b, o.enter(b, "anna"))
		o.now()
	})
	b := o.browser()
	o.enter(b, "anna").wantTo(t, "/a/acme/")
}

func TestSingleSignOnAsksForTheSecondFactorHere(t *testing.T) {
	trust := true
	o := newOrg(t, func(c *oidc.Change) { c.TrustMFA = &trust }) // this provider asks for a password only, and says so
	b := o.browser().signIn("anna@acme.example")
	a := b.get("/me/codes").wantPage(t, http.StatusOK)
	code := app(t, a)
	b.post("/me/codes", "code", code(o.clock.Now())).wantPage(t, http.StatusOK)

	fresh := o.browser()
	o.enter(fresh, "anna").wantTo(t, "/sign-in/code?next=%2Fa%2Facme%2F")
	fresh.get("/x").wantPage(t, http.StatusOK, "page for nobody")
}

func TestSingleSignOnWithoutItsProvider(t *testing.T) {
	o := newOrg(t, nil)
	b := o.browser()
	back := o.prove(b, o.begin(b), "anna")
	o.stop()
	b.get(back).wantPage(t, http.StatusUnprocessableEntity, "does not answer right now")
	o.clock.Add(2 * time.Hour)
	b.get("/sign-in/oidc/acme").wantPage(t, http.StatusUnprocessableEntity, "does not answer right now")
	b.get("/x").wantPage(t, http.StatusOK, "page for nobody")
	b.signIn("anna@acme.example") // the password is as good as before
}

func TestSingleSignOnTellsNobodyWhichAccountsThereAre(t *testing.T) {
	o := newOrg(t, nil)
	b := o.browser()
	none := strings.ReplaceAll(b.get("/sign-in/oidc/zeta").wantPage(t, http.StatusUnprocessableEntity).text, "zeta", "")
	for _, name := range []string{"nobody", "system", "%2e%2e", "a%00b"} {
		if got := b.get("/sign-in/oidc/"+name).wantPage(t, http.StatusUnprocessableEntity).text; strings.ReplaceAll(got, name, "") != none {
			t.Errorf("%s answers differently: %s", name, got)
		}
	}
	// Where it leads stays here.
	a := b.get("/sign-in/oidc/acme?next=https%3A%2F%2Fevil.example%2F")
	b.get(o.prove(b, a.Header.Get("Location"), "anna")).wantTo(t, "/")
}

func TestSingleSignOnSettings(t *testing.T) {
	o := newOrg(t, nil)
	set := func(c oidc.Change) error {
		_, err := o.sso.Set(context.Background(), "test", "acme", c)
		return err
	}
	for _, bad := range []string{"", "http://login.example.com", "https://", "https://u:p@login.example.com", "https://login.example.com?x=1", "login.example.com"} {
		if err := set(oidc.Change{Issuer: &bad, Secret: &bad}); !fault.Is(err, fault.Invalid) {
			t.Errorf("issuer %q: %v", bad, err)
		}
	}
	inner, secret := "https://10.0.0.1", "s"
	if err := set(oidc.Change{Issuer: &inner}); !fault.Is(err, fault.Invalid) {
		t.Errorf("the client secret goes to another issuer: %v", err)
	}
	if err := set(oidc.Change{Issuer: &inner, Secret: &secret}); !fault.Is(err, fault.Denied) {
		t.Errorf("an address of the inner network: %v", err)
	}
	if _, err := o.sso.Set(t.Context(), "test", "system", oidc.Change{Issuer: &o.issuer, ClientID: &secret}); !fault.Is(err, fault.NotFound) {
		t.Errorf("single sign-on for operators: %v", err)
	}
	got, err := o.sso.Settings(t.Context(), "acme")
	if err != nil || got.Issuer != o.issuer || !got.Secret || got.TrustMFA {
		t.Errorf("%+v, %v", got, err)
	}
	if at := o.sso.Redirect("acme"); at != o.server.URL+callback {
		t.Errorf("redirect %s", at)
	}
}
