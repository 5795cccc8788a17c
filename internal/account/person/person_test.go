package person_test

import (
	"context"
	"encoding/base32"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"sealgate/internal/account"
	"sealgate/internal/account/person"
	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/custody/custodytest"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/trail"
)

const (
	good  = "kvarnsten bläckfisk onsdag"
	other = "trasigt paraply i motvind"
	short = "fjäril 7 tak"
)

var home = person.From{Source: netip.MustParseAddr("198.51.100.7"), Agent: "Firefox"}

// office is people on real stores.
type office struct {
	*person.Service
	t        *testing.T
	accounts *account.Service
	cat      *catalog.Catalog
	store    *keys.Store
	clock    *custodytest.Clock
	acme     *account.Account
	dir      string
	onNow    func() // when the services look at the clock; nil = nothing
}

func (o *office) now() time.Time {
	if o.onNow != nil {
		o.onNow()
	}
	return o.clock.Now()
}

func openOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir(), clock: custodytest.NewClock(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)), store: keystest.New(t)}
	o.cat = catalogtest.OpenAt(t, filepath.Join(o.dir, "catalog.db"), catalog.Options{Now: o.clock.Now})
	cus := custody.New(o.store, o.cat, "node-1", o.clock.Now)
	o.accounts = account.New(o.cat, cus, o.store, account.Options{Now: o.now, Cores: 2, Pause: func(context.Context, time.Duration) {}})
	o.Service = o.accounts.People
	if err := o.accounts.EnsureSystem(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	if o.acme, err = o.accounts.AddAccount(t.Context(), "test", "acme", account.Defaults(), account.KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) add(n account.NewLogin) *account.Login {
	o.t.Helper()
	if n.Password == nil && !n.Invite {
		n.Password = []byte(good)
	}
	l, _, err := o.accounts.AddLogin(o.t.Context(), "test", "acme", n)
	return must(l, err)(o.t)
}

func (o *office) set(username string, c account.LoginChange) {
	o.t.Helper()
	if _, _, err := o.accounts.SetLogin(o.t.Context(), "test", "acme", username, c); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) signIn(username string) *person.Entry {
	o.t.Helper()
	return must(o.SignIn(o.t.Context(), home, username, []byte(good)))(o.t)
}

// wantStage wants a secret to be that of a session at a stage; "" wants nobody.
func (o *office) wantStage(secret string, stage person.Stage) {
	o.t.Helper()
	v, err := o.Resume(o.t.Context(), secret, home)
	switch {
	case stage == "":
		wantKind(o.t, err, fault.Denied)
	case err != nil || v.Stage != stage:
		o.t.Errorf("%+v %v, want stage %s", v, err, stage)
	}
}

// app is somebody's authenticator.
type app string

func (a app) code(t *testing.T, at time.Time) string {
	t.Helper()
	return must(totp.GenerateCode(string(a), at))(t)
}

// codes sets one-time codes up for a session and returns it as it is then.
func (o *office) codes(secret string) (*person.Entry, app, []string) {
	o.t.Helper()
	offer := must(o.OfferCodes(o.t.Context(), home, secret, "Sealgate"))(o.t)
	e, recovery, err := o.ConfirmCodes(o.t.Context(), home, secret, app(offer.Secret).code(o.t, o.clock.Now()))
	return must(e, err)(o.t), app(offer.Secret), recovery
}

func (o *office) entries() (all []*audit.Entry) {
	o.t.Helper()
	catalogtest.View(o.t, o.cat, func(tx *catalog.Tx) (err error) {
		all, err = tx.AuditEntries(trail.Filter{Limit: 10_000})
		return err
	})
	return all
}

func (o *office) audited(action string) (n int) {
	o.t.Helper()
	o.accounts.Flush(o.t.Context())
	for _, e := range o.entries() {
		if e.Action == action {
			n++
		}
	}
	return n
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("error %v, want kind %v", err, kind)
	}
}

func TestASessionLastsAsLongAsItShould(t *testing.T) {
	o := openOffice(t)
	l := o.add(account.NewLogin{Username: "anna", Role: account.Approver})
	e := o.signIn("ANNA")
	if e.Stage != person.Full || e.Login != l.ID || e.Username != "anna" || e.AccountName != "acme" || e.Role != account.Approver ||
		e.Operator || e.Source != "198.51.100.7" || e.Agent != "Firefox" || e.Device == "" || !e.ProvedAt.Equal(o.clock.Now()) {
		t.Errorf("%+v", e.Session)
	}
	if o.audited("login.signed-in") != 1 {
		t.Error("the sign-in is not on record")
	}
	for range 17 { // used every 29 minutes: eight hours in all
		o.wantStage(e.Secret, person.Full)
		o.clock.Add(28 * time.Minute)
	}
	o.clock.Add(4 * time.Minute)
	o.wantStage(e.Secret, "")

	e = o.signIn("anna")
	o.clock.Add(29 * time.Minute)
	o.wantStage(e.Secret, person.Full)
	o.clock.Add(30 * time.Minute)
	o.wantStage(e.Secret, "")
	if err := o.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"", "x", strings.Repeat("A", 52)} {
		o.wantStage(secret, "")
	}
}

func TestWhatEndsASession(t *testing.T) {
	o := openOffice(t)
	no, reader := false, account.Reader
	for name, act := range map[string]func(username string){
		"password":  func(u string) { o.set(u, account.LoginChange{Password: []byte(other)}) },
		"generated": func(u string) { o.set(u, account.LoginChange{NewPassword: true}) },
		"role":      func(u string) { o.set(u, account.LoginChange{Role: &reader}) },
		"portal":    func(u string) { o.set(u, account.LoginChange{Portal: &no}) },
		"network":   func(u string) { o.set(u, account.LoginChange{AllowFrom: &[]string{"203.0.113.0/24"}}) },
		"removed": func(u string) {
			if err := o.accounts.RemoveLogin(t.Context(), "test", "acme", u); err != nil {
				t.Fatal(err)
			}
		},
		"reset": func(u string) {
			if _, err := o.accounts.ResetLogin(t.Context(), "test", "acme", u, false); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o.add(account.NewLogin{Username: name})
			o.add(account.NewLogin{Username: name + " bystander"})
			e, bystander := o.signIn(name), o.signIn(name+" bystander")
			o.wantStage(e.Secret, person.Full)
			act(name)
			o.wantStage(e.Secret, "")
			o.wantStage(bystander.Secret, person.Full)
		})
	}
	o.add(account.NewLogin{Username: "last"})
	e := o.signIn("last")
	if _, err := o.Resume(t.Context(), e.Secret, person.From{Source: netip.MustParseAddr("203.0.113.9")}); err != nil {
		t.Errorf("who goes by train has another address each minute: %v", err)
	}
	err := o.cat.Update(t.Context(), func(tx *catalog.Tx) error {
		a, err := tx.Account(o.acme.ID)
		if err != nil {
			return err
		}
		a.State = catalog.AccountClosed
		return tx.SaveAccount(a)
	})
	if err != nil {
		t.Fatal(err)
	}
	o.wantStage(e.Secret, "")
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	o := openOffice(t)
	anna, bo := o.add(account.NewLogin{Username: "anna"}), o.add(account.NewLogin{Username: "bo"})
	first := o.signIn("anna")
	o.clock.Add(time.Minute)
	second, third, theirs := o.signIn("anna"), o.signIn("anna"), o.signIn("bo")
	all := must(o.Sessions(t.Context(), anna.ID))(t)
	if len(all) != 3 || all[2].ID != first.ID || all[2].Agent != "Firefox" {
		t.Errorf("%+v", all)
	}
	wantKind(t, o.End(t.Context(), "test", bo.ID, first.ID), fault.NotFound)
	if err := o.End(t.Context(), "test", anna.ID, first.ID); err != nil {
		t.Fatal(err)
	}
	wantKind(t, o.End(t.Context(), "test", anna.ID, first.ID), fault.NotFound)
	o.wantStage(first.Secret, "")
	if err := o.EndOthers(t.Context(), "test", anna.ID, second.ID); err != nil {
		t.Fatal(err)
	}
	o.wantStage(second.Secret, person.Full)
	o.wantStage(third.Secret, "")
	o.wantStage(theirs.Secret, person.Full)
	if o.audited("session.ended") != 1 || o.audited("session.others-ended") != 1 {
		t.Error("it is not on record")
	}
}

// Each step has a new secret; the one before is nobody's. So nobody can be made to
// sign in to a session that somebody else knows.
func TestEachStepHasANewSecret(t *testing.T) {
	o := openOffice(t)
	o.add(account.NewLogin{Username: "anna"})
	e := o.signIn("anna")
	withCodes, a, _ := o.codes(e.Secret)
	o.wantStage(e.Secret, "")
	o.wantStage(withCodes.Secret, person.Full)

	o.clock.Add(time.Minute)
	half := o.signIn("anna")
	if half.Stage != person.Code || half.Device != "" {
		t.Errorf("%+v", half)
	}
	full := must(o.ShowCode(t.Context(), home, half.Secret, a.code(t, o.clock.Now())))(t)
	if full.Stage != person.Full || full.Method != "password+code" || full.ID != half.ID {
		t.Errorf("%+v", full.Session)
	}
	o.wantStage(half.Secret, "")
	o.clock.Add(10 * time.Minute)
	again := must(o.Again(t.Context(), home, full.Secret, []byte(good), a.code(t, o.clock.Now())))(t)
	if !again.ProvedAt.Equal(o.clock.Now()) || !again.Until.Equal(full.Until) || !again.CreatedAt.Equal(full.CreatedAt) {
		t.Errorf("%+v", again.Session)
	}
	o.wantStage(full.Secret, "")
	o.wantStage(again.Secret, person.Full)
}

func TestAFreshProofTakesAllThatTheLoginHas(t *testing.T) {
	o := openOffice(t)
	o.add(account.NewLogin{Username: "anna"})
	e, a, _ := o.codes(o.signIn("anna").Secret)
	o.clock.Add(time.Minute)
	now := a.code(t, o.clock.Now())
	for _, p := range []struct{ password, code string }{{good, ""}, {good, "000000"}, {other, now}, {"", now}} {
		if _, err := o.Again(t.Context(), home, e.Secret, []byte(p.password), p.code); !fault.Is(err, fault.Denied) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	if _, err := o.Again(t.Context(), home, e.Secret, []byte(good), now); err != nil {
		t.Error(err)
	}
}

// What was reached half way opens nothing.
func TestHalfASignInDoesNothingElse(t *testing.T) {
	o := openOffice(t)
	o.add(account.NewLogin{Username: "anna"})
	o.codes(o.signIn("anna").Secret)
	half := o.signIn("anna").Secret
	ctx := t.Context()
	for name, act := range map[string]func() error{
		"again":    func() error { _, err := o.Again(ctx, home, half, []byte(good), ""); return err },
		"password": func() error { _, err := o.ChangePassword(ctx, home, half, []byte(good), []byte(other)); return err },
		"choose":   func() error { _, err := o.ChoosePassword(ctx, home, half, []byte(other)); return err },
		"offer":    func() error { _, err := o.OfferCodes(ctx, home, half, "x"); return err },
		"confirm":  func() error { _, _, err := o.ConfirmCodes(ctx, home, half, "000000"); return err },
		"remove":   func() error { return o.RemoveCodes(ctx, home, half) },
		"recovery": func() error { _, err := o.NewRecoveryCodes(ctx, home, half); return err },
		"language": func() error { return o.SetLanguage(ctx, home, half, "sv") },
	} {
		if err := act(); !fault.Is(err, fault.Denied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all := must(o.Sessions(ctx, o.signIn("anna").Login))(t); len(all) != 1 {
		t.Errorf("%d sessions; half of one is none", len(all))
	}
	o.clock.Add(10 * time.Minute)
	o.wantStage(half, "")
}

func TestTOTPReplay(t *testing.T) {
	o := openOffice(t)
	o.add(account.NewLogin{Username: "anna"})
	_, a, _ := o.codes(o.signIn("anna").Secret)
	show := func(code string) error {
		_, err := o.ShowCode(t.Context(), home, o.signIn("anna").Secret, code)
		return err
	}
	// The code that set it up is used, too.
	wantKind(t, show(a.code(t, o.clock.Now())), fault.Denied)
	o.clock.Add(time.Minute)
	now := a.code(t, o.clock.Now())
	if err := show(now[:3] + " " + now[3:]); err != nil {
		t.Error(err)
	}
	wantKind(t, show(now), fault.Denied)
	wantKind(t, show(a.code(t, o.clock.Now().Add(-30*time.Second))), fault.Denied) // older than the one that was used
	if err := show(a.code(t, o.clock.Now().Add(30*time.Second))); err != nil {     // a clock that is fast
		t.Error(err)
	}
	wantKind(t, show(a.code(t, o.clock.Now().Add(60*time.Second))), fault.Denied)
	if o.audited("login.refused") != 4 {
		t.Errorf("%d wrong codes are on record", o.audited("login.refused"))
	}
	// Of many at once one is let in.
	o.clock.Add(time.Hour)
	now = a.code(t, o.clock.Now())
	halves := make([]string, 5)
	for i := range halves {
		halves[i] = o.signIn("anna").Secret
	}
	if n := race(halves, func(half string) error {
		_, err := o.ShowCode(t.Context(), home, half, now)
		return err
	}); n != 1 {
		t.Errorf("one code let in %d", n)
	}
}

// race does all at once and counts how many went well.
func race(with []string, act func(string) error) int {
	var ok atomic.Int32
	var wg sync.WaitGroup
	for _, v := range with {
		wg.Go(func() {
			if act(v) == nil {
				ok.Add(1)
			}
		})
	}
	wg.Wait()
	return int(ok.Load())
}

func TestRecoveryCodeRace(t *testing.T) {
	o := openOffice(t)
	l := o.add(account.NewLogin{Username: "anna"})
	_, _, recovery := o.codes(o.signIn("anna").Secret)
	if len(recovery) != 10 {
		t.Fatalf("%d recovery codes", len(recovery))
	}
	half := o.signIn("anna").Secret
	secrets := make([]string, 100)
	for i := range secrets {
		secrets[i] = half
	}
	if n := race(secrets, func(secret string) error {
		_, err := o.ShowCode(t.Context(), home, secret, recovery[0])
		return err
	}); n != 1 {
		t.Errorf("one code let in %d of a hundred", n)
	}
	if f := must(o.Factors(t.Context(), l.ID))(t); f.Recovery != 9 {
		t.Errorf("%d are left", f.Recovery)
	}
	o.clock.Add(time.Hour)
	_, err := o.ShowCode(t.Context(), home, o.signIn("anna").Secret, recovery[0])
	wantKind(t, err, fault.Denied)
	e, err := o.ShowCode(t.Context(), home, o.signIn("anna").Secret, strings.ToUpper(strings.ReplaceAll(recovery[1], "-", " ")))
	if err != nil || e.Method != "password+recovery-code" {
		t.Fatalf("%+v %v", e, err)
	}
	fresh := must(o.NewRecoveryCodes(t.Context(), home, e.Secret))(t)
	_, err = o.ShowCode(t.Context(), home, o.signIn("anna").Secret, recovery[2])
	wantKind(t, err, fault.Denied)
	if _, err := o.ShowCode(t.Context(), home, o.signIn("anna").Secret, fresh[2]); err != nil {
		t.Error(err)
	}
}

// An operator comes by link, has to choose a password and to set up a second factor,
// and is in then.
func TestAnOperatorsFirstSignIn(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	link := must(o.accounts.AddOperator(ctx, "test", "eva@example.org"))(t)
	links := []string{link.Secret, link.Secret, link.Secret, link.Secret}
	var entered atomic.Pointer[person.Entry]
	if n := race(links, func(secret string) error {
		e, err := o.Follow(ctx, home, secret)
		if err == nil {
			entered.Store(e)
		}
		return err
	}); n != 1 {
		t.Fatalf("one link let in %d", n)
	}
	e := entered.Load()
	if e.Stage != person.Password || must(o.LeastLength(ctx, e.Secret, home))(t) != 8 {
		t.Fatalf("%+v", e.Session)
	}
	for _, bad := range []string{"", "kort", "password", "eva@example.org1", "sealgate-sealgate"} {
		_, err := o.ChoosePassword(ctx, home, e.Secret, []byte(bad))
		wantKind(t, err, fault.Invalid)
	}
	next := must(o.ChoosePassword(ctx, home, e.Secret, []byte(short)))(t)
	if next.Stage != person.Factor {
		t.Fatalf("%+v", next.Session)
	}
	_, err := o.ChoosePassword(ctx, home, e.Secret, []byte(other)) // a second time
	wantKind(t, err, fault.Denied)
	_, err = o.ChoosePassword(ctx, home, next.Secret, []byte(other))
	wantKind(t, err, fault.Denied)
	if first := must(o.accounts.FirstLink(ctx))(t); first == nil {
		t.Error("nobody has signed in yet, and there is no link")
	}
	_, _, err = o.ConfirmCodes(ctx, home, next.Secret, "000000")
	wantKind(t, err, fault.Denied)
	full, a, recovery := o.codes(next.Secret)
	if full.Stage != person.Full || !full.Operator || len(recovery) != 10 {
		t.Fatalf("%+v", full.Session)
	}
	if first := must(o.accounts.FirstLink(ctx))(t); first != nil {
		t.Error("an operator has signed in, and there is a link")
	}
	wantKind(t, o.RemoveCodes(ctx, home, full.Secret), fault.Invalid) // demanded
	o.clock.Add(time.Minute)
	half := must(o.SignIn(ctx, home, "eva@example.org", []byte(short)))(t)
	if _, err := o.ShowCode(ctx, home, half.Secret, a.code(t, o.clock.Now())); err != nil {
		t.Error(err)
	}
}

// Between the password and the second factor an operator cannot stop.
func TestAnOperatorWithoutASecondFactorIsNotIn(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	link := must(o.accounts.AddOperator(ctx, "test", "eva@example.org"))(t)
	e := must(o.Follow(ctx, home, link.Secret))(t)
	if _, err := o.ChoosePassword(ctx, home, e.Secret, []byte(good)); err != nil {
		t.Fatal(err)
	}
	if e := must(o.SignIn(ctx, home, "eva@example.org", []byte(good)))(t); e.Stage != person.Factor {
		t.Errorf("%+v", e.Session)
	}
}

func TestAResetNeverBypassesTheSecondFactor(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	l := o.add(account.NewLogin{Username: "anna"})
	old, a, _ := o.codes(o.signIn("anna").Secret)
	link := must(o.accounts.ResetLogin(ctx, "test", "acme", "anna", false))(t)
	o.wantStage(old.Secret, "")
	_, err := o.SignIn(ctx, home, "anna", []byte(good))
	wantKind(t, err, fault.Denied)
	o.clock.Add(time.Minute)
	half := must(o.Follow(ctx, home, link.Secret))(t)
	if half.Stage != person.Code {
		t.Fatalf("%+v", half.Session)
	}
	_, err = o.ChoosePassword(ctx, home, half.Secret, []byte(other))
	wantKind(t, err, fault.Denied)
	e := must(o.ShowCode(ctx, home, half.Secret, a.code(t, o.clock.Now())))(t)
	if e.Stage != person.Password {
		t.Fatalf("%+v", e.Session)
	}
	if e = must(o.ChoosePassword(ctx, home, e.Secret, []byte(other)))(t); e.Stage != person.Full {
		t.Errorf("%+v", e.Session)
	}
	// Who has lost it all is helped by somebody else, on record.
	link = must(o.accounts.ResetLogin(ctx, "test", "acme", "anna", true))(t)
	if f := must(o.Factors(ctx, l.ID))(t); f.Any() || f.Recovery != 0 {
		t.Errorf("%+v", f)
	}
	if _, err := o.store.AccountSecret(o.acme.ID, "totp", l.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("the secret of the codes: %v", err)
	}
	if e := must(o.Follow(ctx, home, link.Secret))(t); e.Stage != person.Password {
		t.Errorf("%+v", e.Session)
	}
	if o.audited("factors.reset") != 1 || o.audited("login.reset") != 2 || o.audited("link.used") != 2 {
		t.Error("it is not on record")
	}
}

func TestWhereASecondFactorIsDemanded(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	l := o.add(account.NewLogin{Username: "anna"})
	yes, no := true, false
	must(o.accounts.SetAccount(ctx, "test", "acme", account.Change{RequireFactor: &yes}))(t)
	e := o.signIn("anna")
	if e.Stage != person.Factor {
		t.Fatalf("%+v", e.Session)
	}
	_, err := o.ChangePassword(ctx, home, e.Secret, []byte(good), []byte(other))
	wantKind(t, err, fault.Denied)
	e, _, _ = o.codes(e.Secret)
	wantKind(t, o.RemoveCodes(ctx, home, e.Secret), fault.Invalid)
	must(o.accounts.SetAccount(ctx, "test", "acme", account.Change{RequireFactor: &no}))(t)
	if err := o.RemoveCodes(ctx, home, e.Secret); err != nil {
		t.Fatal(err)
	}
	wantKind(t, o.RemoveCodes(ctx, home, e.Secret), fault.NotFound)
	if f := must(o.Factors(ctx, l.ID))(t); f.Any() || f.Recovery != 0 {
		t.Errorf("%+v", f)
	}
	if o.signIn("anna").Stage != person.Full {
		t.Error("asked for what was removed")
	}
}

// A short password is good only as long as something else is asked for besides.
func TestAShortPasswordNeverStandsAlone(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	o.add(account.NewLogin{Username: "anna", NoSFTP: true})
	e := o.signIn("anna")
	_, err := o.ChangePassword(ctx, home, e.Secret, []byte(good), []byte(short))
	wantKind(t, err, fault.Invalid)
	e, _, _ = o.codes(e.Secret)
	e = must(o.ChangePassword(ctx, home, e.Secret, []byte(good), []byte(short)))(t)
	wantKind(t, o.RemoveCodes(ctx, home, e.Secret), fault.Invalid)
	yes := true
	o.set("anna", account.LoginChange{SFTP: &yes})
	_, err = o.accounts.Password(ctx, account.Attempt{Username: "anna", Source: home.Source, Door: account.SFTP}, []byte(short))
	wantKind(t, err, fault.Denied)
	_, err = o.ChangePassword(ctx, home, e.Secret, []byte(short), []byte("fjäril 8 tak"))
	wantKind(t, err, fault.Invalid) // SFTP would ask for nothing else
}

func TestAPasswordChangeSignsOutEverywhereElse(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	o.add(account.NewLogin{Username: "anna"})
	here, there := o.signIn("anna"), o.signIn("anna")
	_, err := o.ChangePassword(ctx, home, here.Secret, []byte(other), []byte(other))
	wantKind(t, err, fault.Denied)
	fresh := must(o.ChangePassword(ctx, home, here.Secret, []byte(good), []byte(other)))(t)
	o.wantStage(fresh.Secret, person.Full)
	o.wantStage(here.Secret, "")
	o.wantStage(there.Secret, "")
	_, err = o.SignIn(ctx, home, "anna", []byte(good))
	wantKind(t, err, fault.Denied)
}

func TestInvitations(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	o.add(account.NewLogin{Username: "anna", Invite: true})
	first := must(o.accounts.Invite(ctx, "test", "acme", "anna"))(t)
	link := must(o.accounts.Invite(ctx, "test", "acme", "anna"))(t)
	_, err := o.SignIn(ctx, home, "anna", nil)
	wantKind(t, err, fault.Denied)
	for _, bad := range []string{"", "x", first.Secret} {
		_, err = o.Follow(ctx, home, bad)
		wantKind(t, err, fault.Denied)
	}
	if _, err := o.Follow(ctx, person.From{Source: home.Source}, link.Secret+" \n"); err != nil {
		t.Error(err)
	}
	link = must(o.accounts.Invite(ctx, "test", "acme", "anna"))(t)
	o.clock.Add(72*time.Hour + time.Second)
	_, err = o.Follow(ctx, home, link.Secret)
	wantKind(t, err, fault.Denied)
	// A role may be changed before it was followed, a login without the portal has none.
	reader, no := account.Reader, false
	o.set("anna", account.LoginChange{Role: &reader})
	_, _, err = o.accounts.AddLogin(ctx, "test", "acme", account.NewLogin{Username: "robot", Invite: true, NoPortal: true})
	wantKind(t, err, fault.Invalid)
	o.set("anna", account.LoginChange{Portal: &no, Password: []byte(good)})
	_, err = o.accounts.ResetLogin(ctx, "test", "acme", "anna", false)
	wantKind(t, err, fault.Invalid)
}

// A device that signed in before is a known source, whatever its address; strangers'
// failures do not keep it out.
func TestADeviceIsKnownWhereverItIs(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	o.add(account.NewLogin{Username: "anna"})
	device := o.signIn("anna").Device
	o.accounts.Flush(ctx)
	train := netip.MustParseAddr("203.0.113.77")
	for range 40 { // strangers, from the same train
		_, err := o.SignIn(ctx, person.From{Source: train}, "anna", []byte("wrong"))
		wantKind(t, err, fault.Denied)
	}
	_, err := o.SignIn(ctx, person.From{Source: train}, "anna", []byte(good))
	wantKind(t, err, fault.Denied)
	_, err = o.SignIn(ctx, person.From{Source: train, Device: device + "x"}, "anna", []byte(good))
	wantKind(t, err, fault.Denied)
	if _, err = o.SignIn(ctx, person.From{Source: train, Device: device}, "anna", []byte(good)); err != nil {
		t.Error(err)
	}
}

func TestSecretsOfPeopleLieNowhereOpen(t *testing.T) {
	o := openOffice(t)
	l := o.add(account.NewLogin{Username: "anna"})
	e, a, recovery := o.codes(o.signIn("anna").Secret)
	raw := must(base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(string(a)))(t)
	if got := must(o.store.AccountSecret(o.acme.ID, "totp", l.ID))(t); string(got) != string(raw) {
		t.Error("the secret of the codes is not in the key store")
	}
	if err := o.cat.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := string(must(os.ReadFile(filepath.Join(o.dir, "catalog.db")))(t))
	for what, secret := range map[string]string{
		"session": e.Secret, "codes": string(raw), "codes as text": string(a), "recovery": recovery[0],
		"recovery, plain": strings.ReplaceAll(recovery[0], "-", ""), "address": "198.51.100.7", "agent": "Firefox",
	} {
		if strings.Contains(text, secret) {
			t.Errorf("%s lies in the catalog", what)
		}
	}
}
