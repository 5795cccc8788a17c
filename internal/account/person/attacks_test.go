package person_test

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/account/person"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/logins"
)

var thief = person.From{Source: netip.MustParseAddr("203.0.113.66")}

// half is a sign-in of somebody who has the password and no code.
func (o *office) half(from person.From, username string) *person.Entry {
	o.t.Helper()
	e := must(o.SignIn(o.t.Context(), from, username, []byte(good)))(o.t)
	o.accounts.Flush(o.t.Context()) // a right password costs nothing
	if e.Stage != person.Code {
		o.t.Fatalf("%+v", e.Session)
	}
	return e
}

// Whoever has the password gets few tries at the code, and the person herself, in the
// browser where she always comes from, is not in the way of that.
func TestCodesCannotBeGuessed(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	o.add(account.NewLogin{Username: "anna"})
	first := o.signIn("anna")
	_, a, _ := o.codes(first.Secret)
	hers := person.From{Source: home.Source, Device: first.Device}
	show := func() error {
		o.clock.Add(time.Minute)
		_, err := o.ShowCode(ctx, hers, o.half(hers, "anna").Secret, a.code(t, o.clock.Now()))
		return err
	}
	if err := show(); err != nil {
		t.Fatal(err)
	}
	guess := o.half(thief, "anna").Secret
	for range 20 {
		_, err := o.ShowCode(ctx, thief, guess, "000000")
		wantKind(t, err, fault.Denied)
	}
	_, err := o.ShowCode(ctx, thief, guess, a.code(t, o.clock.Now().Add(30*time.Second)))
	wantKind(t, err, fault.Denied) // right and too late looks like wrong
	if err := show(); err != nil {
		t.Error(err)
	}
	// What was not looked at is not put on record, however often it is tried.
	if n := o.audited("login.refused"); n != 6 {
		t.Errorf("%d wrong codes are on record, 6 were looked at", n)
	}
	if n := o.audited("login.half-way"); n == 0 {
		t.Error("that somebody has the password is not on record")
	}
}

// By SFTP nobody asks for a code: an address that the password made known there is no
// reason to let anybody guess more codes. Neither is a browser that was let in before
// there were codes.
func TestThePasswordAloneBuysNoGuessesAtCodes(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	o.add(account.NewLogin{Username: "anna"})
	bought := must(o.SignIn(ctx, thief, "anna", []byte(good)))(t).Device
	first := o.signIn("anna")
	_, a, _ := o.codes(first.Secret)
	at := account.Attempt{Username: "anna", Source: thief.Source, Door: account.SFTP}
	if _, err := o.accounts.Password(ctx, at, []byte(good)); err != nil {
		t.Fatal(err)
	}
	o.accounts.Flush(ctx)
	for range 100 { // all day: the hundred of strangers and no more
		o.clock.Add(10 * time.Minute)
		half := must(o.EnterBy(ctx, thief, first.Login, "password", false))(t).Secret
		for range 2 {
			_, err := o.ShowCode(ctx, thief, half, "000000")
			wantKind(t, err, fault.Denied)
		}
	}
	for _, from := range []person.From{thief, {Source: thief.Source, Device: bought}} {
		_, err := o.ShowCode(ctx, from, o.half(from, "anna").Secret, a.code(t, o.clock.Now()))
		wantKind(t, err, fault.Denied)
	}
	if n := o.audited("login.refused"); n != 100 {
		t.Errorf("%d codes were tried", n)
	}
}

// What one session is offered, no other one is: who was here before with the password
// does not know the secret that the person sets up later.
func TestOneTimeCodesAreOfferedToOneSession(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	yes := true
	must(o.accounts.SetAccount(ctx, "test", "acme", account.Change{RequireFactor: &yes}))(t)
	o.add(account.NewLogin{Username: "anna"})
	offer := func(secret string) app {
		t.Helper()
		return app(must(o.OfferCodes(ctx, home, secret, "Sealgate"))(t).Secret)
	}
	mallory := must(o.SignIn(ctx, thief, "anna", []byte(good)))(t)
	seen := offer(mallory.Secret)
	e := o.signIn("anna")
	hers := offer(e.Secret)
	if seen == hers || len(hers) != 32 {
		t.Fatalf("offered %q and %q", seen, hers)
	}
	if offer(e.Secret) != hers {
		t.Error("the page shows another secret than the picture")
	}
	_, _, err := o.ConfirmCodes(ctx, home, e.Secret, seen.code(t, o.clock.Now()))
	wantKind(t, err, fault.Denied)
	e, _, _ = o.codes(e.Secret)
	replaced := offer(e.Secret)
	if replaced == hers {
		t.Error("who changes the app is given the old secret")
	}
	no := false
	must(o.accounts.SetAccount(ctx, "test", "acme", account.Change{RequireFactor: &no}))(t)
	if err := o.RemoveCodes(ctx, home, e.Secret); err != nil {
		t.Fatal(err)
	}
	if again := offer(e.Secret); again == hers || again == replaced || again == seen {
		t.Error("who has removed a secret is offered it again")
	}
}

// Right passwords without codes push out each other, never who is signed in.
func TestThePasswordAloneSignsNobodyOut(t *testing.T) {
	o := openOffice(t)
	o.add(account.NewLogin{Username: "anna"})
	e, _, _ := o.codes(o.signIn("anna").Secret)
	var halves []string
	for range 60 {
		halves = append(halves, must(o.EnterBy(t.Context(), thief, e.Login, "password", false))(t).Secret)
	}
	o.wantStage(e.Secret, person.Full)
	o.wantStage(halves[0], "")
	o.wantStage(halves[59], person.Code)
	// Of those who are signed in the oldest goes; what is over goes before.
	o.add(account.NewLogin{Username: "bo"})
	first := o.signIn("bo")
	for range 49 {
		o.clock.Add(time.Second)
		must(o.EnterBy(t.Context(), home, first.Login, "password", false))(t)
	}
	o.wantStage(first.Secret, person.Full)
	o.signIn("bo")
	o.wantStage(first.Secret, "")
}

// A proof is as old as it is: neither a code nor a second factor of one's own makes a
// provider's word of this morning a fresh one.
func TestAnOldProofStaysOld(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	l := o.add(account.NewLogin{Username: "anna"})
	yes := true
	must(o.accounts.SetAccount(ctx, "test", "acme", account.Change{RequireFactor: &yes}))(t)
	morning := o.clock.Now().Add(-2 * time.Hour)
	for name, at := range map[string]time.Time{"old": morning, "untold": {}} {
		t.Run(name, func(t *testing.T) {
			come := func() *person.Entry {
				return must(o.EnterFrom(ctx, home, l.ID, person.Elsewhere{Method: "oidc", At: at}, nil))(t)
			}
			if _, err := o.accounts.ResetLogin(ctx, "test", "acme", "anna", true); err != nil {
				t.Fatal(err)
			}
			e := come()
			if e.Stage != person.Factor {
				t.Fatalf("%+v", e.Session)
			}
			e, a, _ := o.codes(e.Secret)
			if e.Stage != person.Full || !e.ProvedAt.Equal(at) {
				t.Errorf("codes were set up: proved at %v, want %v", e.ProvedAt, at)
			}
			o.clock.Add(time.Minute)
			e = must(o.ShowCode(ctx, home, come().Secret, a.code(t, o.clock.Now())))(t)
			if e.Stage != person.Full || !e.ProvedAt.Equal(at) {
				t.Errorf("a code was shown: proved at %v, want %v", e.ProvedAt, at)
			}
		})
	}
	// All that is asked for, in one go, is fresh when it is done.
	must(o.accounts.ResetLogin(ctx, "test", "acme", "anna", true))(t)
	o.set("anna", account.LoginChange{Password: []byte(good)})
	_, a, _ := o.codes(o.signIn("anna").Secret)
	half := o.half(home, "anna")
	o.clock.Add(9 * time.Minute)
	if e := must(o.ShowCode(ctx, home, half.Secret, a.code(t, o.clock.Now())))(t); !e.ProvedAt.Equal(o.clock.Now()) {
		t.Errorf("proved at %v", e.ProvedAt)
	}
}

// A password change is no proof of a second factor.
func TestAPasswordChangeIsNoFreshProof(t *testing.T) {
	o := openOffice(t)
	o.add(account.NewLogin{Username: "anna"})
	e, _, _ := o.codes(o.signIn("anna").Secret)
	was := e.ProvedAt
	o.clock.Add(4 * time.Minute)
	e = must(o.ChangePassword(t.Context(), home, e.Secret, []byte(good), []byte(other)))(t)
	if !e.ProvedAt.Equal(was) {
		t.Errorf("proved at %v, was %v", e.ProvedAt, was)
	}
}

// Where an account trusts its provider's second factor, that is the one it demands.
func TestATrustedSecondFactorIsEnough(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	l := o.add(account.NewLogin{Username: "anna"})
	yes := true
	must(o.accounts.SetAccount(ctx, "test", "acme", account.Change{RequireFactor: &yes}))(t)
	for factor, want := range map[bool]person.Stage{true: person.Full, false: person.Factor} {
		e := must(o.EnterFrom(ctx, home, l.ID, person.Elsewhere{Method: "oidc", At: o.clock.Now(), Factor: factor}, nil))(t)
		if e.Stage != want {
			t.Errorf("second factor %v: %s", factor, e.Stage)
		}
	}
}

// A sign-in is on record when it is done, each by itself, and says whether the gateway
// knew where it came from.
func TestEachSignInIsOnRecord(t *testing.T) {
	o := openOffice(t)
	o.add(account.NewLogin{Username: "anna"})
	o.signIn("anna")
	o.signIn("anna")
	must(o.SignIn(t.Context(), thief, "anna", []byte(good)))(t)
	var sources []string
	for _, e := range o.entries() { // nothing is flushed: what is not there now may be lost
		if e.Action == "login.signed-in" {
			sources = append(sources, e.Detail["source"])
		}
	}
	if len(sources) != 3 || sources[0] == sources[1] {
		t.Errorf("on record: %q", sources)
	}
}

// What an admin does about a login ends the links that are under way.
func TestAnAdminsChangeEndsLinks(t *testing.T) {
	no := false
	for name, c := range map[string]account.LoginChange{
		"password": {Password: []byte(other)}, "generated": {NewPassword: true}, "portal": {Portal: &no},
	} {
		t.Run(name, func(t *testing.T) {
			o := openOffice(t)
			o.add(account.NewLogin{Username: "anna"})
			link, _, err := o.Forgot(t.Context(), "anna")
			if link == nil || err != nil {
				t.Fatal(link, err)
			}
			o.set("anna", c)
			yes := true
			o.set("anna", account.LoginChange{Portal: &yes})
			_, err = o.Follow(t.Context(), home, link.Secret)
			wantKind(t, err, fault.Denied)
		})
	}
}

// An admin's new password is not overwritten by one that the person, or who sits at his
// desk, is choosing in the same moment.
func TestAnAdminsPasswordStays(t *testing.T) {
	const admins = "sommarstuga utan skorsten"
	ctx := t.Context()
	change := func(at int, act func(*office)) (o *office, looks int, err error) {
		o = openOffice(t)
		o.add(account.NewLogin{Username: "anna"})
		e := o.signIn("anna")
		o.onNow = func() {
			if looks++; looks == at {
				o.onNow = nil
				act(o)
			}
		}
		_, err = o.ChangePassword(ctx, home, e.Secret, []byte(good), []byte(other))
		o.onNow = nil
		return o, looks, err
	}
	_, last, err := change(0, nil) // the last look at the clock is when all is ready to be written
	if err != nil {
		t.Fatal(err)
	}
	o, _, err := change(last, func(o *office) { o.set("anna", account.LoginChange{Password: []byte(admins)}) })
	wantKind(t, err, fault.Denied)
	if _, err = o.SignIn(ctx, home, "anna", []byte(admins)); err != nil {
		t.Errorf("the admin's password is gone: %v", err)
	}
}

// Anybody may say that Anna has forgotten her password, but not fill her letter box.
func TestLettersToWhoForgotGrowRare(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	o.add(account.NewLogin{Username: "anna"})
	var last *person.Link
	ask := func() bool {
		t.Helper()
		link, _, err := o.Forgot(ctx, "anna")
		if err != nil {
			t.Fatal(err)
		}
		if link != nil {
			last = link
		}
		return link != nil
	}
	letters := 0
	for range 3 * 24 * 6 { // three days
		if ask() {
			letters++
		}
		// Whoever asked: Anna has a link that is good.
		if !o.clock.Now().Before(last.Until) {
			t.Fatalf("after %d letters there is no link, and none to be had", letters)
		}
		o.clock.Add(10 * time.Minute)
	}
	if letters < 60 || letters > 80 {
		t.Errorf("%d letters in three days", letters)
	}
	// After a quiet day the wait is short again.
	o.clock.Add(26 * time.Hour)
	for range 2 {
		if !ask() {
			t.Error("what was long ago keeps Anna waiting")
		}
		o.clock.Add(10 * time.Minute)
	}
	o.clock.Add(time.Hour)
	if !ask() {
		t.Fatal("no letter")
	}
	if _, err := o.Follow(ctx, home, last.Secret); err != nil {
		t.Fatal(err)
	}
	if !ask() {
		t.Error("who follows links is kept waiting")
	}
}

// Whoever knows what a passkey is called may show it wrongly as often as he likes: the
// audit log tells that it happens, not each time.
func TestWrongPasskeysDoNotFillTheAuditLog(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	const host = "gateway.example"
	l := o.add(account.NewLogin{Username: "anna"})
	record := must(json.Marshal(webauthn.Credential{ID: []byte("credential")}))(t)
	catalogtest.Update(t, o.cat, func(tx *catalog.Tx) error {
		return tx.InsertPasskey(&logins.Passkey{ID: uuid.New(), Login: l.ID, Credential: []byte("credential"), Name: []byte{}, Record: record, CreatedAt: o.clock.Now()})
	})
	b64 := base64.RawURLEncoding.EncodeToString
	answer := must(json.Marshal(map[string]any{
		"id": b64([]byte("credential")), "rawId": b64([]byte("credential")), "type": "public-key", "response": map[string]string{
			"clientDataJSON":    b64([]byte(`{"type":"webauthn.get","challenge":"eA","origin":"https://` + host + `"}`)),
			"authenticatorData": b64(make([]byte, 37)), "signature": b64([]byte("x")), "userHandle": b64(l.ID[:]),
		},
	}))(t)
	for range 30 {
		c := must(o.AskPasskey(ctx, host))(t)
		_, err := o.ShowPasskey(ctx, thief, "", host, c.Secret, answer)
		wantKind(t, err, fault.Denied)
	}
	if n := o.audited("login.refused"); n != 5 {
		t.Errorf("%d entries", n)
	}
}
