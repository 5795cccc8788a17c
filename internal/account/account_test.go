package account

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"sealgate/internal/account/person"
	"sealgate/internal/custody"
	"sealgate/internal/custody/custodytest"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// office is a service on real stores.
type office struct {
	*Service
	t       *testing.T
	clock   *custodytest.Clock
	cat     *catalog.Catalog
	store   *keys.Store
	dir     string
	mu      sync.Mutex
	paused  []time.Duration
	account *Account
}

func openOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir(), clock: custodytest.NewClock(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)), store: keystest.New(t)}
	o.cat = catalogtest.OpenAt(t, filepath.Join(o.dir, "catalog.db"), catalog.Options{Now: o.clock.Now})
	cus := custody.New(o.store, o.cat, "node-1", o.clock.Now)
	o.Service = New(o.cat, cus, o.store, Options{Now: o.clock.Now, Cores: 2, Pause: func(_ context.Context, d time.Duration) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.paused = append(o.paused, d)
	}})
	var err error
	if o.account, err = o.AddAccount(t.Context(), "test", "acme", Defaults(), KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) add(n NewLogin) (*Login, string) {
	o.t.Helper()
	l, password, err := o.AddLogin(o.t.Context(), "test", "acme", n)
	if err != nil {
		o.t.Fatal(err)
	}
	return l, password
}

var home = netip.MustParseAddr("198.51.100.7")

func (o *office) try(username, password string, from netip.Addr) error {
	_, err := o.Password(o.t.Context(), Attempt{Username: username, Source: from, Door: SFTP}, []byte(password))
	return err
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("error %v, want kind %v", err, kind)
	}
}

func newKey(t *testing.T) (line string, blob []byte) {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return string(ssh.MarshalAuthorizedKey(k)), k.Marshal()
}

func TestAccounts(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	if err := o.EnsureSystem(ctx); err != nil {
		t.Fatal(err)
	}
	if err := o.EnsureSystem(ctx); err != nil {
		t.Errorf("a second time: %v", err)
	}
	_, err := o.AddAccount(ctx, "test", "acme", Defaults(), KeyOptions{})
	wantKind(t, err, fault.Exists)
	for _, name := range []string{"", "system", "Acme", "-x", "a b", "a/b", strings.Repeat("x", 64), "å", "a\n"} {
		_, err := o.AddAccount(ctx, "test", name, Defaults(), KeyOptions{})
		wantKind(t, err, fault.Invalid)
	}
	keep, networks := "delete", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	a, err := o.SetAccount(ctx, "test", "acme", Change{Content: &keep, AllowFrom: &networks})
	if err != nil || a.Content != "delete" || !slices.Equal(a.AllowFrom, networks) || a.KeepFor != Defaults().KeepFor {
		t.Errorf("%+v %v", a, err)
	}
	wrong := "maybe"
	_, err = o.SetAccount(ctx, "test", "acme", Change{Content: &wrong})
	wantKind(t, err, fault.Invalid)
	all, err := o.Accounts(ctx)
	if err != nil || len(all) != 1 || all[0].Content != "delete" {
		t.Errorf("%+v %v", all, err)
	}
	_, err = o.Account(ctx, "other")
	wantKind(t, err, fault.NotFound)
	_, err = o.SetAccount(ctx, "test", "system", Change{})
	wantKind(t, err, fault.Invalid)
}

func TestUsernamesAreUniqueInTheGateway(t *testing.T) {
	o := openOffice(t)
	if _, err := o.AddAccount(t.Context(), "test", "other", Defaults(), KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	o.add(NewLogin{Username: "Löner.Ström"})
	for _, same := range []string{"Löner.Ström", "LÖNER.STRÖM", "lo\u0308ner.stro\u0308m", "löner.\u017ftröm"} {
		for _, account := range []string{"acme", "other"} {
			_, _, err := o.AddLogin(t.Context(), "test", account, NewLogin{Username: same})
			wantKind(t, err, fault.Exists)
		}
	}
	o.add(NewLogin{Username: "loner.strom"}) // another name
	l, err := o.Login(t.Context(), "acme", "LÖNER.ström")
	if err != nil || l.Username != "Löner.Ström" {
		t.Errorf("%+v %v", l, err)
	}
	// Another account's login is not there.
	_, err = o.Login(t.Context(), "other", "Löner.Ström")
	wantKind(t, err, fault.NotFound)
	wantKind(t, o.RemoveLogin(t.Context(), "test", "other", "Löner.Ström"), fault.NotFound)
}

var hostile = []string{
	"", "\x00", "a\x00b", "a\nb", "a\r\nb", "a\tb", "\x1b[31m", "a\u202eb", "a\u200bb", "\ufeffa", "a\u2028b", "\xff\xfe",
	" a", "a ", "a\u00a0b", "\u00adx", strings.Repeat("x", 256), strings.Repeat("å", 128), "\ue000",
}

func TestHostileUsernamesAreRefused(t *testing.T) {
	o := openOffice(t)
	for _, name := range hostile {
		_, _, err := o.AddLogin(t.Context(), "test", "acme", NewLogin{Username: name})
		wantKind(t, err, fault.Invalid)
		wantKind(t, o.try(name, "x", home), fault.Denied)
		wantKind(t, o.OfferKey(t.Context(), Attempt{Username: name, Source: home, Door: SFTP}, []byte("x")), fault.Denied)
	}
}

func TestComposedAndDecomposedLettersAreTheSamePassword(t *testing.T) {
	o := openOffice(t)
	o.add(NewLogin{Username: "a", Password: []byte("bläckfisk på cykel i Örebro")})
	if err := o.try("a", "bla\u0308ckfisk pa\u030a cykel i O\u0308rebro", home); err != nil {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	line, _ := newKey(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weakPub, err := ssh.NewPublicKey(&weak.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		string(ssh.MarshalAuthorizedKey(weakPub)): "RSA key of 1024 bits",
		"command=\"x\" " + line:                   "options",
		line + line:                               "more than one",
		"-----BEGIN OPENSSH PRIVATE KEY-----":     "private key",
		"nonsense":                                "no SSH public key",
		"":                                        "no SSH public key",
		"ssh-dss AAAAB3NzaC1kc3MAAACBAP==":        "no SSH public key",
	} {
		if _, err := parseKey(text); err == nil || !strings.Contains(fault.Message(err), want) {
			t.Errorf("%.30q: %v", text, err)
		}
	}
	o := openOffice(t)
	l, made := o.add(NewLogin{Username: "a", SSHKeys: []string{line}})
	if made != "" || l.Password || len(l.Keys) != 1 || !strings.HasPrefix(l.Keys[0].Fingerprint, "SHA256:") || l.Keys[0].Type != "ssh-ed25519" {
		t.Errorf("%+v %q", l, made)
	}
	// Neither a password nor a key: refused.
	_, _, err = o.SetLogin(t.Context(), "test", "acme", "a", LoginChange{RemoveKeys: []string{l.Keys[0].Fingerprint}})
	wantKind(t, err, fault.Invalid)
	if l, err = o.Login(t.Context(), "acme", "a"); err != nil || len(l.Keys) != 1 {
		t.Errorf("a refused change was made: %+v %v", l, err)
	}
}

func TestOperators(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	if err := o.EnsureSystem(ctx); err != nil {
		t.Fatal(err)
	}
	if link, err := o.FirstLink(ctx); link != nil || err != nil {
		t.Errorf("%v %v", link, err)
	}
	first, err := o.AddOperator(ctx, "test", "eva@example.org")
	if err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{"", "eva", "Eva <eva2@example.org>", "a b@example.org", "EVA@example.org"} {
		if _, err := o.AddOperator(ctx, "test", email); err == nil {
			t.Errorf("%q was taken", email)
		}
	}
	wantKind(t, o.RemoveOperator(ctx, "test", "eva@example.org"), fault.Invalid) // the last
	link, err := o.FirstLink(ctx)
	if err != nil || link == nil || link.Secret == first.Secret {
		t.Fatalf("%v %v", link, err)
	}
	from := person.From{Source: home}
	_, err = o.People.Follow(ctx, from, first.Secret) // replaced
	wantKind(t, err, fault.Denied)
	e, err := o.People.Follow(ctx, from, link.Secret)
	if err != nil || e.Username != "eva@example.org" || e.Role != Admin || !e.Operator || e.Stage != person.Password {
		t.Fatalf("%+v %v", e, err)
	}
	_, err = o.People.Follow(ctx, from, link.Secret) // once
	wantKind(t, err, fault.Denied)
	// The way in was begun, not gone to its end: the first operator is asked again.
	if link, err := o.FirstLink(ctx); link == nil || err != nil {
		t.Errorf("before the first sign-in: %v %v", link, err)
	}
	if link, err = o.ResetOperator(ctx, "test", "eva@example.org", false); err != nil {
		t.Fatal(err)
	}
	o.clock.Add(24*time.Hour + time.Second)
	_, err = o.People.Follow(ctx, from, link.Secret) // over
	wantKind(t, err, fault.Denied)
	// An operator is no SFTP login, and no login commands reach one.
	_, _, err = o.AddLogin(ctx, "test", catalog.SystemAccount, NewLogin{Username: "x"})
	wantKind(t, err, fault.Invalid)
}

// A stolen catalog names no user, and its hashes are none of a bare password.
func TestNothingReadableInTheCatalog(t *testing.T) {
	o := openOffice(t)
	o.add(NewLogin{Username: "canary-username", Password: []byte("canary password på svenska"), AllowFrom: []string{"198.51.100.0/24"}})
	if err := o.try("canary-username", "canary password på svenska", home); err != nil {
		t.Fatal(err)
	}
	_ = o.try("canary-username", "canary-wrong", home)
	o.Flush(t.Context())
	for _, canary := range []string{"canary", "198.51.100", "Canary"} {
		if found := o.grep(canary); found != "" {
			t.Errorf("%q is in %s", canary, found)
		}
	}
}

func (o *office) grep(what string) string {
	o.t.Helper()
	found := ""
	err := filepath.WalkDir(o.dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if bytes.Contains(b, []byte(what)) {
			found = name
		}
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return found
}
