package account

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sealgate/internal/account/signin"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

func (o *office) token(n NewToken) (*Token, string) {
	o.t.Helper()
	k, secret, err := o.AddToken(o.t.Context(), "test", "acme", n)
	if err != nil {
		o.t.Fatal(err)
	}
	return k, secret
}

func (o *office) bears(secret string) error {
	_, err := o.Bearer(o.t.Context(), secret, home)
	return err
}

func TestATokenLetsInUntilItsTimeIsOver(t *testing.T) {
	o := openOffice(t)
	k, secret := o.token(NewToken{Name: "erp"})
	if !regexp.MustCompile(`^sgt_[0-9A-Z]{26}$`).MatchString(secret) {
		t.Errorf("secret %q", secret)
	}
	who, err := o.Bearer(t.Context(), secret, home)
	want := signin.Bearer{Token: k.ID, Account: o.account.ID, Role: Uploader}
	if err != nil || *who != want {
		t.Fatalf("%+v, %v", who, err)
	}
	if k.Until.Sub(o.clock.Now()) != 90*day {
		t.Errorf("good until %s", k.Until)
	}
	_, other := o.token(NewToken{Name: "books", Role: Reader, For: 366 * day})
	o.clock.Add(90*day - time.Second)
	if err := o.bears(secret); err != nil {
		t.Errorf("a second before: %v", err)
	}
	o.clock.Add(time.Second)
	wantKind(t, o.bears(secret), fault.Denied)
	if who, err := o.Bearer(t.Context(), other, home); err != nil || who.Role != Reader {
		t.Errorf("%+v, %v", who, err)
	}
	// It is listed for a month, and then forgotten.
	for _, step := range []struct {
		later time.Duration
		want  int
	}{{29 * day, 2}, {2 * day, 1}} {
		o.clock.Add(step.later)
		if err := o.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if list, err := o.Tokens(t.Context(), o.account.Name); err != nil || len(list) != step.want {
			t.Errorf("%s later: %d tokens, %v", step.later, len(list), err)
		}
	}
}

// A token's secret and name are nowhere in what a thief of the disk has.
func TestASecretIsNotKept(t *testing.T) {
	o := openOffice(t)
	_, secret := o.token(NewToken{Name: "books of Hansson"})
	if err := o.cat.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{secret, strings.TrimPrefix(secret, "sgt_"), "Hansson"} {
		if n := o.grep(text); n != "" {
			t.Errorf("%q stands in %s", text, n)
		}
	}
}

func TestWhatIsNoToken(t *testing.T) {
	o := openOffice(t)
	_, secret := o.token(NewToken{Name: "erp"})
	last := byte('A')
	if secret[len(secret)-1] == 'A' {
		last = 'B'
	}
	for _, bad := range []string{
		"", "sgt_", secret[:len(secret)-1], secret + "A", strings.ToLower(secret), secret[4:],
		secret[:len(secret)-1] + string(last), " " + secret, "SGT_" + secret[4:], signin.NewToken(), strings.Repeat("x", 1<<20),
	} {
		wantKind(t, o.bears(bad), fault.Denied)
	}
	if err := o.bears(secret); err != nil {
		t.Error(err)
	}
}

func TestATokenEndsAtOnce(t *testing.T) {
	o := openOffice(t)
	k, secret := o.token(NewToken{Name: "erp"})
	_, second := o.token(NewToken{Name: "erp 2"})
	ctx := t.Context()
	wantKind(t, o.RemoveToken(ctx, "test", "acme", "erp 3"), fault.NotFound)
	if err := o.RemoveToken(ctx, "test", "acme", k.ID.String()); err != nil {
		t.Fatal(err)
	}
	wantKind(t, o.bears(secret), fault.Denied)
	wantKind(t, o.RemoveToken(ctx, "test", "acme", "erp"), fault.NotFound)
	if err := o.RemoveToken(ctx, "test", "acme", "erp 2"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, o.bears(second), fault.Denied)

	// Another account's is not there.
	if _, err := o.AddAccount(ctx, "test", "beta", Defaults(), KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	third, _ := o.token(NewToken{Name: "erp"})
	wantKind(t, o.RemoveToken(ctx, "test", "beta", third.ID.String()), fault.NotFound)
	wantKind(t, o.RemoveToken(ctx, "test", "beta", "erp"), fault.NotFound)
}

// However an account is closed, its tokens are gone, and do not come back when it
// is opened again.
func TestAClosedAccountHasNoTokens(t *testing.T) {
	o := openOffice(t)
	_, secret := o.token(NewToken{Name: "erp"})
	o.closeAccount("acme") // a row that says closed is enough
	wantKind(t, o.bears(secret), fault.Denied)

	o = openOffice(t)
	_, secret = o.token(NewToken{Name: "erp"})
	if err := o.RemoveAccount(t.Context(), "test", "acme"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, o.bears(secret), fault.Denied)
	if all, err := o.Tokens(t.Context(), "acme"); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}

	o = openOffice(t)
	_, secret = o.token(NewToken{Name: "erp"})
	o.removeLastCertificate("acme")
	wantKind(t, o.bears(secret), fault.Denied)
	if _, err := o.keys.RenewCertificate(t.Context(), "test", o.account.ID); err != nil {
		t.Fatal(err)
	}
	wantKind(t, o.bears(secret), fault.Denied)
	_, secret = o.token(NewToken{Name: "erp"})
	if err := o.bears(secret); err != nil {
		t.Error(err)
	}
}

func TestATokenIsShownFromWhereTheAccountAllows(t *testing.T) {
	o := openOffice(t)
	_, secret := o.token(NewToken{Name: "erp"})
	from := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	if _, err := o.SetAccount(t.Context(), "test", "acme", Change{AllowFrom: &from}); err != nil {
		t.Fatal(err)
	}
	wantKind(t, o.bears(secret), fault.Denied)
	if _, err := o.Bearer(t.Context(), secret, netip.MustParseAddr("::ffff:203.0.113.9")); err != nil {
		t.Error(err)
	}
}

// Who tries tokens spends what strangers have at his address, for passwords, too;
// a right token never waits.
func TestWrongTokensAreThrottled(t *testing.T) {
	o := openOffice(t)
	_, secret := o.token(NewToken{Name: "erp"})
	_, password := o.add(NewLogin{Username: "robot"})
	refused := 0
	for ; refused < 100; refused++ {
		if err := o.bears(signin.NewToken()); !fault.Is(err, fault.Denied) {
			wantKind(t, err, fault.TryLater)
			break
		}
	}
	if refused != 30 {
		t.Errorf("%d wrong tokens before it stops", refused)
	}
	if err := o.bears(secret); err != nil {
		t.Errorf("the right one: %v", err)
	}
	wantKind(t, o.try("robot", password, home), fault.Denied)
	if _, err := o.Bearer(t.Context(), signin.NewToken(), stranger(1)); !fault.Is(err, fault.Denied) {
		t.Errorf("elsewhere: %v", err)
	}
	o.clock.Add(20 * time.Second)
	wantKind(t, o.bears(signin.NewToken()), fault.Denied)
	wantKind(t, o.bears(signin.NewToken()), fault.TryLater)
}

// Its last use is noted, and not written more than once a minute.
func TestUseOfATokenIsNoted(t *testing.T) {
	o := openOffice(t)
	_, secret := o.token(NewToken{Name: "erp"})
	used := func() time.Time {
		t.Helper()
		if err := o.bears(secret); err != nil {
			t.Fatal(err)
		}
		all, err := o.Tokens(t.Context(), "acme")
		if err != nil || len(all) != 1 || all[0].Name != "erp" || all[0].Unreadable {
			t.Fatalf("%v, %v", all, err)
		}
		return all[0].LastUsed
	}
	first := o.clock.Now()
	for _, step := range []struct {
		after time.Duration
		want  time.Time
	}{{0, first}, {59 * time.Second, first}, {time.Second, first.Add(time.Minute)}} {
		o.clock.Add(step.after)
		if got := used(); !got.Equal(step.want) {
			t.Errorf("after %s: last used %s, want %s", step.after, got, step.want)
		}
	}
	o.clock.Add(-time.Hour) // a clock that is set back is a use like any other
	if got := used(); !got.Equal(o.clock.Now()) {
		t.Errorf("last used %s", got)
	}
}

func TestWhatATokenMayBe(t *testing.T) {
	o := openOffice(t)
	o.token(NewToken{Name: "erp"})
	for _, n := range []NewToken{
		{},
		{Name: strings.Repeat("x", 101)},
		{Name: "a/b"},
		{Name: "a\nb"},
		{Name: "\xff"},
		{Name: "01970000-0000-7000-8000-000000000000"},
		{Name: "x", Role: "operator"},
		{Name: "x", For: 367 * day},
		{Name: "x", For: time.Second},
		{Name: "x", For: -time.Hour},
	} {
		_, _, err := o.AddToken(t.Context(), "test", "acme", n)
		wantKind(t, err, fault.Invalid)
	}
	_, _, err := o.AddToken(t.Context(), "test", "acme", NewToken{Name: "erp", Role: Admin})
	wantKind(t, err, fault.Exists)
	_, _, err = o.AddToken(t.Context(), "test", "nobody", NewToken{Name: "x"})
	wantKind(t, err, fault.NotFound)
	for i := range maxTokens - 1 {
		o.token(NewToken{Name: strings.Repeat("n", i+1)})
	}
	_, _, err = o.AddToken(t.Context(), "test", "acme", NewToken{Name: "one more"})
	wantKind(t, err, fault.Invalid)
}

// The built-in account's tokens are those of who runs the gateway; nobody gets one
// by asking for a token of an account.
func TestTokensOfWhoRunsTheGateway(t *testing.T) {
	o := openOffice(t)
	if err := o.EnsureSystem(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, _, err := o.AddToken(t.Context(), "test", catalog.SystemAccount, NewToken{Name: "x", Role: Admin})
	wantKind(t, err, fault.Invalid)
	_, _, err = o.AddOperatorToken(t.Context(), "test", NewToken{Name: "x", Role: Reader})
	wantKind(t, err, fault.Invalid)
	k, secret, err := o.AddOperatorToken(t.Context(), "test", NewToken{Name: "monitor"})
	if err != nil {
		t.Fatal(err)
	}
	if who, err := o.Bearer(t.Context(), secret, home); err != nil || !who.Operator || who.Token != k.ID {
		t.Errorf("%+v, %v", who, err)
	}
	all, err := o.OperatorTokens(t.Context())
	if err != nil || !slices.ContainsFunc(all, func(k *Token) bool { return k.Name == "monitor" }) {
		t.Errorf("%v, %v", all, err)
	}
	if err := o.RemoveOperatorToken(t.Context(), "test", "monitor"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, o.bears(secret), fault.Denied)
}
