package signon_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/account/oidc"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/trail"
)

func (h *house) audited(action string) (n int) {
	h.t.Helper()
	catalogtest.View(h.t, h.cat, func(tx *catalog.Tx) error {
		all, err := tx.AuditEntries(trail.Filter{Limit: 10_000})
		for _, e := range all {
			if e.Action == action {
				n++
			}
		}
		return err
	})
	return n
}

// Who sits at a session that lies open, and has the password, does not make himself a
// fresh proof by changing it: that would replace the second factor, too.
func TestAPasswordChangeNeedsAFreshProof(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna"})
	b := h.browser().signIn("anna")
	a := app(t, b.get("/me/codes").wantPage(t, 200))
	b.post("/me/codes", "code", a(h.clock.Now())).wantPage(t, 200, "Recovery codes")
	h.clock.Add(6 * time.Minute)
	b.get("/me/password").wantTo(t, "/sign-in/again?next=%2Fme%2Fpassword")
	b.post("/me/password", "old", good, "password", other, "repeat", other).wantTo(t, "/sign-in/again?next=%2Fme")
	b.get("/me/codes").wantTo(t, "/sign-in/again?next=%2Fme%2Fcodes")
	// With a proof it goes on, and the proof is as old as it was.
	b.post("/sign-in/again", "password", good, "code", a(h.clock.Now()), "next", "/me/password").wantTo(t, "/me/password")
	h.clock.Add(4 * time.Minute)
	b.post("/me/password", "old", good, "password", other, "repeat", other).wantTo(t, "/me?done=password-changed")
	h.clock.Add(2 * time.Minute)
	b.get("/me/codes").wantTo(t, "/sign-in/again?next=%2Fme%2Fcodes")
}

// A browser that is used stays a known one.
func TestADeviceIsRemembered(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna"})
	b := h.browser().signIn("anna")
	device := func(a answer) string {
		for _, c := range a.Cookies() {
			if c.Name == "__Host-device" {
				return c.Value
			}
		}
		return ""
	}
	first := b.post("/sign-in", "username", "anna", "password", good)
	if device(first) == "" || device(first) != device(b.post("/sign-in", "username", "anna", "password", good)) {
		t.Error("the cookie is not renewed, or another one")
	}
}

// Whose session is left behind by a sign-in in the same browser is signed out.
func TestASignInEndsWhatTheBrowserHad(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna"})
	b := h.browser().signIn("anna")
	left := h.browser()
	left.client.Jar.SetCookies(mustURL(t, h.server.URL), b.client.Jar.Cookies(mustURL(t, h.server.URL)))
	left.get("/x").wantPage(t, 200, "for anna")
	b.signIn("anna")
	left.get("/x").wantPage(t, 200, "page for nobody")
	b.get("/x").wantPage(t, 200, "for anna")
}

// What is wrong is said in the reader's language.
func TestPagesSpeakOneLanguage(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna"})
	b := h.browser().signIn("anna")
	b.post("/me/language", "language", "sv")
	bad := strings.Repeat("lösen", 3) + "\xff\xfe"
	b.post("/me/password", "old", good, "password", bad, "repeat", bad).wantPage(t, 422, "ingen läsbar text")
}

// An answer that no provider stands behind is nobody's: it is not put on record, and
// not listened to for long.
func TestSingleSignOnIsNoPenForStrangers(t *testing.T) {
	o := newOrg(t, nil)
	b := o.browser()
	state := mustURL(t, o.begin(b)).Query().Get("state")
	planted := b.client.Jar.Cookies(mustURL(t, o.server.URL))
	last := ""
	for i := range 140 {
		b.client.Jar.SetCookies(mustURL(t, o.server.URL), planted)
		iss := "https://evil.example"
		if i%10 == 0 {
			iss = o.issuer // which is asked what the code is
		}
		last = b.get(callback+"?"+url.Values{"state": {state}, "code": {"x"}, "iss": {iss}}.Encode()).wantPage(t, http.StatusUnprocessableEntity).text
	}
	if !strings.Contains(last, "Try again in a moment") {
		t.Errorf("140 answers, and the last one is told: %s", last)
	}
	b.get("/sign-in/oidc/acme").wantPage(t, http.StatusUnprocessableEntity, "Try again in a moment")
	if n := o.audited("sign-on.refused"); n != 0 {
		t.Errorf("a stranger has written %d entries", n)
	}
	o.clock.Add(time.Minute)
	dan := o.browser()
	o.wantOut(t, dan, o.enter(dan, "dan"))
	if n := o.audited("sign-on.refused"); n != 1 {
		t.Errorf("%d entries about somebody whom the provider vouches for", n)
	}
}

// Nobody is signed in as somebody else because another site sent him to a provider that
// its owner runs.
func TestSingleSignOnIsNotBegunByAnotherSite(t *testing.T) {
	o := newOrg(t, nil)
	ask := func(b *browser, site string) answer {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.server.URL+"/sign-in/oidc/acme?next=%2Fx", nil)
		o.check(err)
		req.Header.Set("Sec-Fetch-Site", site)
		return b.do(req)
	}
	for _, site := range []string{"cross-site", "same-site", "what"} {
		a := ask(o.browser(), site).wantPage(t, http.StatusOK, `href="/sign-in/oidc/acme?next=%2Fx"`, "Go to the sign-in of acme")
		if len(a.Cookies()) != 0 {
			t.Errorf("%s: cookies %v", site, a.Cookies())
		}
	}
	for _, site := range []string{"none", "same-origin"} {
		if a := ask(o.browser(), site); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: %d", site, a.StatusCode)
		}
	}
	// However it was begun: who is signed in stays who he is.
	_, _, err := o.accounts.SetLogin(t.Context(), "test", "acme", "bo@acme.example", account.LoginChange{Password: []byte(good)})
	o.check(err)
	victim := o.browser().signIn("bo@acme.example")
	o.enter(victim, "anna").wantPage(t, http.StatusUnprocessableEntity, "Somebody else is signed in")
	victim.get("/x").wantPage(t, http.StatusOK, "for bo@acme.example")
	// The same person goes on, and leaves no session behind.
	same := o.browser().signIn("anna@acme.example")
	o.enter(same, "anna").wantTo(t, "/a/acme/")
	same.get("/x").wantPage(t, http.StatusOK, "for anna@acme.example")
	if n := o.audited("session.ended"); n != 1 {
		t.Errorf("%d sessions were ended", n)
	}
}

// A place to go on to that would make the cookie too large is none.
func TestSingleSignOnFromALongAddress(t *testing.T) {
	o := newOrg(t, nil)
	b := o.browser()
	a := b.get("/sign-in/oidc/acme?next=" + url.QueryEscape("/a/acme/?q="+strings.Repeat("x", 3000)))
	b.get(o.prove(b, a.Header.Get("Location"), "anna")).wantTo(t, "/")
}

// A client secret is shown to the provider that gave it, and to no other: not even when
// a change of the two stores is cut in the middle.
func TestAClientSecretStaysWithItsClient(t *testing.T) {
	o := newOrg(t, nil)
	another, secret := "another", "of another client"
	set := func(c oidc.Change) error {
		_, err := o.sso.Set(t.Context(), "test", "acme", c)
		return err
	}
	if err := set(oidc.Change{ClientID: &another}); !fault.Is(err, fault.Invalid) {
		t.Errorf("the secret goes to another client: %v", err)
	}
	ctx, cut := context.WithCancel(t.Context())
	looks := 0
	o.opt.Now = func() time.Time { // looked at when the provider has answered, and when the secret is written
		if looks++; looks == 2 {
			cut()
		}
		return o.clock.Now()
	}
	if _, err := oidc.New(o.opt).Set(ctx, "test", "acme", oidc.Change{ClientID: &another, Secret: &secret}); err == nil {
		t.Fatal("the change went through")
	}
	b := o.browser()
	o.enter(b, "anna").wantTo(t, "/a/acme/") // with the secret that the provider gave
	o.check(set(oidc.Change{ClientID: &another, Secret: &secret}))
	got, err := o.sso.Settings(t.Context(), "acme")
	if err != nil || !got.Secret || got.ClientID != another {
		t.Errorf("%+v, %v", got, err)
	}
}
