package signin_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/ssh"

	"sealgate/internal/account"
	"sealgate/internal/account/signin"
	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/custody/custodytest"
	"sealgate/internal/fault"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/trail"
)

// desk is a sign-in to real accounts. What people see of it is tested in
// package account; here is what they must not see.
type desk struct {
	*account.Service
	t     *testing.T
	cat   *catalog.Catalog
	clock *custodytest.Clock
}

func openDesk(t *testing.T) *desk {
	t.Helper()
	o := &desk{t: t, clock: custodytest.NewClock(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC))}
	o.cat = catalogtest.OpenAt(t, filepath.Join(t.TempDir(), "catalog.db"), catalog.Options{Now: o.clock.Now})
	ks := keystest.New(t)
	cus := custody.New(ks, o.cat, "node-1", o.clock.Now)
	o.Service = account.New(o.cat, cus, ks, account.Options{Now: o.clock.Now, Cores: 2, Pause: func(context.Context, time.Duration) {}})
	if _, err := o.AddAccount(t.Context(), "test", "acme", account.Defaults(), account.KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *desk) add(n account.NewLogin) (*account.Login, string) {
	o.t.Helper()
	l, password, err := o.AddLogin(o.t.Context(), "test", "acme", n)
	if err != nil {
		o.t.Fatal(err)
	}
	return l, password
}

var home = netip.MustParseAddr("198.51.100.7")

func stranger(n int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 0x0b000000+uint32(n))
	return netip.AddrFrom4(b)
}

func (o *desk) try(username, password string, from netip.Addr) error {
	_, err := o.Password(o.t.Context(), signin.Attempt{Username: username, Source: from, Door: signin.SFTP}, []byte(password))
	return err
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("error %v, want kind %v", err, kind)
	}
}

// An unknown user costs one password check, as a known one does.
func TestUnknownUsersCostTheSame(t *testing.T) {
	o := openDesk(t)
	o.add(account.NewLogin{Username: "here", Password: []byte("Tulpan8 cykel mot norr")})
	var work []string // what was computed: the cost of Argon2id lies in its parameters
	derive := func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte {
		work = append(work, fmt.Sprintf("t=%d m=%d p=%d", time, memory, threads))
		return argon2.IDKey(password, salt, time, memory, threads, size)
	}
	o.SetDerive(derive)
	cost := func(user string) string {
		work = nil
		for i := range 3 {
			wantKind(t, o.try(user, "wrong", stranger(i)), fault.Denied)
		}
		return strings.Join(work, ", ")
	}
	known, unknown, hostile := cost("here"), cost("nobody"), cost("no\x00body")
	if known == "" || unknown != known || hostile != known {
		t.Errorf("known %q, unknown %q, hostile %q", known, unknown, hostile)
	}
}

func TestCacheIsDroppedOnChange(t *testing.T) {
	o := openDesk(t)
	ctx := t.Context()
	robot, old := o.add(account.NewLogin{Username: "robot"})
	if err := o.try("robot", old, home); err != nil {
		t.Fatal(err)
	}
	if !o.Cached(robot.ID) {
		t.Fatal("a generated password is not cached")
	}
	_, fresh, err := o.SetLogin(ctx, "test", "acme", "robot", account.LoginChange{NewPassword: true})
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, o.try("robot", old, home), fault.Denied)
	if err := o.try("robot", fresh, home); err != nil {
		t.Fatal(err)
	}
	// Changed by another process: the entry does not match the new hash.
	another, err := o.Hash(ctx, []byte("another"))
	if err != nil {
		t.Fatal(err)
	}
	err = o.cat.Update(ctx, func(tx *catalog.Tx) error {
		l, err := tx.LoginByName(o.NameMAC("robot"))
		if err != nil {
			return err
		}
		l.Hash = another
		return tx.SaveLogin(l)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, o.try("robot", fresh, home), fault.Denied)
	// What people choose is not cached.
	eva, _ := o.add(account.NewLogin{Username: "eva", Password: []byte("Tulpan8 cykel mot norr")})
	if err := o.try("eva", "Tulpan8 cykel mot norr", home); err != nil {
		t.Fatal(err)
	}
	if o.Cached(eva.ID) {
		t.Error("a chosen password is cached")
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

func (o *desk) entries() (all []*audit.Entry) {
	o.t.Helper()
	catalogtest.View(o.t, o.cat, func(tx *catalog.Tx) (err error) {
		all, err = tx.AuditEntries(trail.Filter{Limit: -1})
		return err
	})
	return all
}

// What a key offer reads, it does not change: no source, no record, no budget.
func TestKeyQueryNoSideEffect(t *testing.T) {
	o := openDesk(t)
	line, blob := newKey(t)
	o.add(account.NewLogin{Username: "robot", SSHKeys: []string{line}})
	a := signin.Attempt{Username: "robot", Source: home, Door: signin.SFTP}
	before := o.entries()
	for range 5 {
		if err := o.OfferKey(t.Context(), a, blob); err != nil {
			t.Fatal(err)
		}
	}
	o.Flush(t.Context())
	if after := o.entries(); len(after) != len(before) {
		t.Errorf("%d new records", len(after)-len(before))
	}
	if known, err := o.Known(t.Context(), a); err != nil || known {
		t.Error("the offer left a trace")
	}
}

// All strangers together get few guesses at one login, and after a hundred in a
// row none, until somebody has looked at it.
func TestGuessBudget(t *testing.T) {
	o := openDesk(t)
	const right = "Tulpan8 cykel mot norr"
	l, _ := o.add(account.NewLogin{Username: "robot", Password: []byte(right)})
	if err := o.try("robot", right, home); err != nil {
		t.Fatal(err)
	}
	o.Flush(t.Context())
	guesses := func() (n int) { // how many guesses the budget allows now, paid without the hash
		for i := range 1000 {
			ok := false
			err := o.cat.Update(t.Context(), func(tx *catalog.Tx) (err error) {
				ok, err = o.Guess(tx, l.ID, stranger(i))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				return n
			}
			n++
		}
		return n
	}
	first := guesses()
	if first != 10 {
		t.Errorf("%d guesses at once, want 10", first)
	}
	day := first
	for range 24 * 4 {
		o.clock.Add(15 * time.Minute)
		day += guesses()
	}
	if day > 100 {
		t.Errorf("%d guesses in a day", day)
	}
	for range 400 {
		o.clock.Add(24 * time.Hour)
		day += guesses()
	}
	if day > 100 {
		t.Errorf("%d guesses in a row", day)
	}
	if err := o.Sweep(t.Context()); err != nil { // which must not forget it
		t.Fatal(err)
	}
	if n := guesses(); n > 0 {
		t.Errorf("%d guesses after the sweep", n)
	}
	// A right password from a stranger's place looks like a wrong one.
	wantKind(t, o.try("robot", right, stranger(1)), fault.Denied)
	// Home was not seen for over 90 days; it is a stranger's place now. An
	// operator opens the login again.
	wantKind(t, o.try("robot", right, home), fault.Denied)
	if _, _, err := o.SetLogin(t.Context(), "test", "acme", "robot", account.LoginChange{}); err != nil {
		t.Fatal(err)
	}
	if err := o.try("robot", right, home); err != nil {
		t.Errorf("after the change: %v", err)
	}
}
