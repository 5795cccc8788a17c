package accountapi

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"sealgate/internal/account"
	"sealgate/internal/account/person"
	"sealgate/internal/custody"
	"sealgate/internal/custody/custodytest"
	"sealgate/internal/fault"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/notify/letter"
	"sealgate/internal/notify/mail"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

const good = "kvarnsten bläckfisk onsdag"

// post takes letters, or fails.
type post struct {
	letters []mail.Message
	broken  error
}

func (p *post) Send(_ context.Context, m mail.Message) error {
	p.letters = append(p.letters, m)
	return p.broken
}

func openOffice(t *testing.T, p *post) (*office, *custodytest.Clock) {
	t.Helper()
	clock, store, log := custodytest.NewClock(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)), keystest.New(t), slog.New(slog.DiscardHandler)
	cat := catalogtest.OpenAt(t, filepath.Join(t.TempDir(), "catalog.db"), catalog.Options{Now: clock.Now})
	cus := custody.New(store, cat, "node-1", clock.Now)
	accounts := account.New(cat, cus, store, account.Options{Now: clock.Now, Cores: 2, Pause: func(context.Context, time.Duration) {}})
	if err := accounts.EnsureSystem(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := accounts.AddAccount(t.Context(), "test", "acme", account.Defaults(), account.KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	return &office{Services{Accounts: accounts, Catalog: cat, Custody: cus, Letters: letter.New(p, "https://gateway.example", "en", log), Now: clock.Now}}, clock
}

func (o *office) add(t *testing.T, username string) {
	t.Helper()
	_, _, err := o.Accounts.AddLogin(t.Context(), "test", "acme", account.NewLogin{Username: username, Password: []byte(good)})
	if err != nil {
		t.Fatal(err)
	}
}

// Whoever resets a login is never left without its link: it is in the post, or it is
// shown.
func TestAResetAlwaysGivesALink(t *testing.T) {
	for name, c := range map[string]struct {
		username, language string
		broken             error
		mailed             bool
	}{
		"an address":           {"anna@acme.example", "", nil, true},
		"in her language":      {"anna@acme.example", "sv", nil, true},
		"no address for mail":  {"å@acme.example", "", nil, false},
		"no address at all":    {"robot", "", nil, false},
		"the post is not well": {"anna@acme.example", "", errors.New("the disk is full"), false},
	} {
		t.Run(name, func(t *testing.T) {
			p := &post{broken: c.broken}
			o, _ := openOffice(t, p)
			o.add(t, c.username)
			ctx, from := access.With(t.Context(), access.ControlSocket), person.From{Source: netip.MustParseAddr("198.51.100.7")}
			e, err := o.Accounts.People.SignIn(ctx, from, c.username, []byte(good))
			if err != nil {
				t.Fatal(err)
			}
			if err := o.Accounts.People.SetLanguage(ctx, from, e.Secret, c.language); err != nil {
				t.Fatal(err)
			}
			out, err := o.resetLogin(ctx, &ResetLogin{ByLogin: ByLogin{ByName: operation.ByName{Name: "acme"}, Username: c.username}})
			if err != nil {
				t.Fatal(err)
			}
			if out.Body.Mailed != c.mailed || (out.Body.Path == "") != c.mailed {
				t.Fatalf("%+v", out.Body)
			}
			if !c.mailed {
				_, secret, _ := strings.Cut(out.Body.Path, "#")
				if _, err := o.Accounts.People.Follow(ctx, from, secret); err != nil {
					t.Error(err)
				}
			} else if swedish := strings.Contains(p.letters[0].Text, "lösenord"); swedish != (c.language == "sv") {
				t.Errorf("a letter in another language: %s", p.letters[0].Text)
			}
		})
	}
}

// Whoever looks at a login sees what it has to sign in with.
func TestALoginShowsItsFactors(t *testing.T) {
	o, clock := openOffice(t, &post{})
	o.add(t, "anna")
	ctx, from, people := t.Context(), person.From{Source: netip.MustParseAddr("198.51.100.7")}, o.Accounts.People
	e, err := people.SignIn(ctx, from, "anna", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	offer, err := people.OfferCodes(ctx, from, e.Secret, "Sealgate")
	if err != nil {
		t.Fatal(err)
	}
	code, err := totp.GenerateCode(offer.Secret, clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	show := func() bool {
		t.Helper()
		one, err := o.getLogin(ctx, &ByLogin{ByName: operation.ByName{Name: "acme"}, Username: "anna"})
		if err != nil {
			t.Fatal(err)
		}
		all, err := o.listLogins(ctx, &operation.ByName{Name: "acme"})
		if err != nil || len(all.Body) != 1 || all.Body[0].Codes != one.Body.Codes || one.Body.Passkeys != 0 {
			t.Errorf("%+v %+v %v", one, all, err)
		}
		return one.Body.Codes
	}
	if show() {
		t.Error("codes that nobody has set up")
	}
	if _, _, err := people.ConfirmCodes(ctx, from, e.Secret, code); err != nil {
		t.Fatal(err)
	}
	if !show() {
		t.Error("codes that are not shown")
	}
}

// Two operators who remove each other: one of them stays.
func TestTheLastOperatorStays(t *testing.T) {
	o, _ := openOffice(t, &post{})
	for range 5 {
		both := []string{"eva@example.com", "per@example.com"}
		for _, email := range both {
			if _, err := o.Accounts.AddOperator(t.Context(), "test", email); err != nil && !fault.Is(err, fault.Exists) {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for _, email := range both {
			wg.Go(func() {
				if err := o.Accounts.RemoveOperator(t.Context(), "test", email); err != nil && !fault.Is(err, fault.Invalid) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if all, err := o.Accounts.Operators(t.Context()); err != nil || len(all) != 1 {
			t.Fatalf("%d operators are left, %v", len(all), err)
		}
	}
}
