package account

import (
	"context"
	"encoding/binary"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/trail"
)

func stranger(n int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 0x0b000000+uint32(n))
	return netip.AddrFrom4(b)
}

func TestPasswordSignIn(t *testing.T) {
	o := openOffice(t)
	l, password := o.add(NewLogin{Username: "robot"})
	who, err := o.Password(t.Context(), Attempt{Username: "ROBOT", Source: home, Door: SFTP}, []byte(password))
	if err != nil || who.Login != l.ID || who.Account != o.account.ID || who.Role != Uploader || who.NeedsPassword {
		t.Fatalf("%+v %v", who, err)
	}
	wantKind(t, o.try("robot", password+"x", home), fault.Denied)
	wantKind(t, o.try("robot", "", home), fault.Denied)
	wantKind(t, o.try("robotx", password, home), fault.Denied)
	if !o.StillValid(t.Context(), who) {
		t.Error("the sign-in is not valid any more")
	}
}

// Every reason to refuse looks the same, and every failure is answered late.
func TestRefusalsLookAlike(t *testing.T) {
	o := openOffice(t)
	line, blob := newKey(t)
	_, password := o.add(NewLogin{Username: "here"})
	o.add(NewLogin{Username: "key-only", SSHKeys: []string{line}})
	_, far := o.add(NewLogin{Username: "elsewhere", AllowFrom: []string{"203.0.113.0/24"}})
	_, web := o.add(NewLogin{Username: "web-only", NoSFTP: true})
	if _, err := o.AddAccount(t.Context(), "test", "gone", Defaults(), KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	_, closed, err := o.AddLogin(t.Context(), "test", "gone", NewLogin{Username: "closed"})
	if err != nil {
		t.Fatal(err)
	}
	o.closeAccount("gone")
	refused := fault.Message(o.OfferKey(t.Context(), Attempt{Username: "nobody", Source: home, Door: SFTP}, blob))
	for name, a := range map[string]struct{ user, password string }{
		"unknown": {"nobody", "x"}, "wrong": {"here", "x"}, "no password": {"key-only", "x"}, "empty": {"key-only", ""},
		"network": {"elsewhere", far}, "door": {"web-only", web}, "closed": {"closed", closed},
	} {
		err := o.try(a.user, a.password, home)
		if err == nil || fault.Message(err) != refused {
			t.Errorf("%s: %v", name, err)
		}
		kerr := o.OfferKey(t.Context(), Attempt{Username: a.user, Source: home, Door: Portal}, append(blob, 1))
		if kerr == nil || fault.Message(kerr) != refused {
			t.Errorf("%s, key: %v", name, kerr)
		}
	}
	if len(o.paused) != 7 {
		t.Errorf("%d late answers, want 7", len(o.paused))
	}
	if err := o.try("here", password, home); err != nil {
		t.Error(err)
	}
	if len(o.paused) != 7 {
		t.Error("a good answer was held back")
	}
}

func (o *office) closeAccount(name string) {
	o.t.Helper()
	err := o.cat.Update(o.t.Context(), func(tx *catalog.Tx) error {
		a, err := tx.AccountByName(name)
		if err != nil {
			return err
		}
		a.State = catalog.AccountClosed
		return tx.SaveAccount(a)
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

func TestKeySignIn(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	line, blob := newKey(t)
	_, other := newKey(t)
	l, _ := o.add(NewLogin{Username: "robot", SSHKeys: []string{line}, AllowFrom: []string{"198.51.100.0/24"}})
	a := Attempt{Username: "robot", Source: home, Door: SFTP}
	if err := o.OfferKey(ctx, a, blob); err != nil {
		t.Error(err)
	}
	who, err := o.VerifiedKey(ctx, a, blob)
	if err != nil || who.Login != l.ID {
		t.Fatalf("%+v %v", who, err)
	}
	wantKind(t, o.OfferKey(ctx, a, other), fault.Denied)
	_, err = o.VerifiedKey(ctx, a, other)
	wantKind(t, err, fault.Denied)
	a.Source = netip.MustParseAddr("192.0.2.1")
	_, err = o.VerifiedKey(ctx, a, blob)
	wantKind(t, err, fault.Denied)
	// The key goes: nothing of it is left, not even a session.
	if !o.StillValid(ctx, who) {
		t.Error("valid no more")
	}
	if _, _, err := o.SetLogin(ctx, "test", "acme", "robot", LoginChange{NewPassword: true, RemoveKeys: []string{l.Keys[0].Fingerprint}}); err != nil {
		t.Fatal(err)
	}
	if o.StillValid(ctx, who) {
		t.Error("a session outlives its key")
	}
	a.Source = home
	wantKind(t, o.OfferKey(ctx, a, blob), fault.Denied)
}

func (o *office) entries() []string {
	o.t.Helper()
	var all []string
	err := o.cat.View(o.t.Context(), func(tx *catalog.Tx) error {
		list, err := tx.AuditEntries(trail.Filter{Limit: -1})
		for _, e := range list {
			all = append(all, e.Action+" "+e.Detail["source"])
		}
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return all
}

func TestBothMeansKeyThenPassword(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	line, blob := newKey(t)
	yes := true
	if _, err := o.SetAccount(ctx, "test", "acme", Change{RequireBoth: &yes}); err != nil {
		t.Fatal(err)
	}
	password, otherPassword := "åtta tecken!", "andra tecken!"
	l, _ := o.add(NewLogin{Username: "eva", SSHKeys: []string{line}, Password: []byte(password)})
	otherLine, otherBlob := newKey(t)
	o.add(NewLogin{Username: "bo", SSHKeys: []string{otherLine}, Password: []byte(otherPassword)})
	a := Attempt{Username: "eva", Source: home, Door: SFTP}
	who, err := o.VerifiedKey(ctx, a, blob)
	if err != nil || !who.NeedsPassword {
		t.Fatalf("%+v %v", who, err)
	}
	wantKind(t, o.try("eva", password, home), fault.Denied) // a password alone, though right
	other, err := o.VerifiedKey(ctx, Attempt{Username: "bo", Source: home, Door: SFTP}, otherBlob)
	if err != nil {
		t.Fatal(err)
	}
	a.Half = other
	_, err = o.Password(ctx, a, []byte(password))
	wantKind(t, err, fault.Denied) // somebody else's half
	a.Half = who
	_, err = o.Password(ctx, Attempt{Username: "bo", Source: home, Door: SFTP, Half: who}, []byte(otherPassword))
	wantKind(t, err, fault.Denied)
	if who, err = o.Password(ctx, a, []byte(password)); err != nil || who.Login != l.ID || who.NeedsPassword || !o.StillValid(ctx, who) {
		t.Fatalf("%+v %v", who, err)
	}
	// Strangers who try passwords do not reach the budget behind the key.
	for i := range 30 {
		_ = o.try("eva", "wrong", stranger(i))
	}
	if _, err = o.Password(ctx, a, []byte(password)); err != nil {
		t.Errorf("after an attack: %v", err)
	}
}

// A cached password skips the hash, not the rules.
func TestCachedPasswordKeepsTheRules(t *testing.T) {
	o := openOffice(t)
	_, password := o.add(NewLogin{Username: "robot", AllowFrom: []string{"198.51.100.0/24"}})
	if err := o.try("robot", password, home); err != nil {
		t.Fatal(err)
	}
	wantKind(t, o.try("robot", password, stranger(1)), fault.Denied)
	o.closeAccount("acme")
	wantKind(t, o.try("robot", password, home), fault.Denied)
}

// Attackers from everywhere; the customer comes from home and by key all the
// time and is never refused.
func TestLockoutAttack(t *testing.T) {
	rounds := 600
	if os.Getenv("SEALGATE_LONG") != "" {
		rounds = 1_000_000
	}
	o := openOffice(t)
	line, blob := newKey(t)
	o.add(NewLogin{Username: "robot", Password: []byte("Tulpan8 cykel mot norr"), SSHKeys: []string{line}})
	if err := o.try("robot", "Tulpan8 cykel mot norr", home); err != nil {
		t.Fatal(err)
	}
	o.Flush(t.Context())
	const sources = 50_000
	refused, got := 0, 0
	for i := range rounds {
		if o.try("robot", "guess", stranger(i%sources)) == nil {
			got++
		}
		if i%(rounds/20) != 0 {
			continue
		}
		o.clock.Add(time.Second)
		if err := o.try("robot", "Tulpan8 cykel mot norr", home); err != nil {
			refused++
		}
		if _, err := o.VerifiedKey(t.Context(), Attempt{Username: "robot", Source: stranger(i), Door: SFTP}, blob); err != nil {
			refused++
		}
	}
	if refused > 0 || got > 0 {
		t.Errorf("the customer was refused %d times, the attacker let in %d times", refused, got)
	}
}

func TestSuccessGivesBackWhatItSpent(t *testing.T) {
	o := openOffice(t)
	const right = "Tulpan8 cykel mot norr"
	o.add(NewLogin{Username: "robot", Password: []byte(right)})
	for i := range 25 { // more often than any budget allows failures
		if err := o.try("robot", right, stranger(i)); err != nil {
			t.Fatalf("sign-in %d: %v", i, err)
		}
		o.Flush(t.Context())
	}
}

func TestAccountNetworksHoldForItsLogins(t *testing.T) {
	o := openOffice(t)
	networks := []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	if _, err := o.SetAccount(t.Context(), "test", "acme", Change{AllowFrom: &networks}); err != nil {
		t.Fatal(err)
	}
	line, blob := newKey(t)
	_, password := o.add(NewLogin{Username: "robot"})
	o.add(NewLogin{Username: "keyed", SSHKeys: []string{line}})
	if err := o.try("robot", password, home); err != nil {
		t.Error(err)
	}
	wantKind(t, o.try("robot", password, stranger(1)), fault.Denied)
	_, err := o.VerifiedKey(t.Context(), Attempt{Username: "keyed", Source: stranger(1), Door: SFTP}, blob)
	wantKind(t, err, fault.Denied)
}

func TestDecisionsAreOnRecord(t *testing.T) {
	o := openOffice(t)
	_, password := o.add(NewLogin{Username: "robot"})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- o.Run(ctx) }()
	for range 3 {
		if err := o.try("robot", password, home); err != nil {
			t.Fatal(err)
		}
	}
	wantKind(t, o.try("robot", "wrong", stranger(1)), fault.Denied)
	wantKind(t, o.try("nobody", "wrong", stranger(1)), fault.Denied)
	cancel() // what waits is written
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var signedIn, refused int
	for _, e := range o.entries() {
		switch e {
		case "login.signed-in unknown", "login.signed-in known":
			signedIn++
		case "login.refused unknown":
			refused++
		}
	}
	if signedIn != 1 || refused != 1 { // three in one minute are one record
		t.Errorf("%d signed in, %d refused: %q", signedIn, refused, o.entries())
	}
	l, err := o.Login(t.Context(), "acme", "robot")
	if err != nil || l.LastSeen.IsZero() {
		t.Errorf("%+v %v", l, err)
	}
}

// The gateway may be told to stop at the very moment in which records are written.
func TestRecordsOutliveTheStop(t *testing.T) {
	o := openOffice(t)
	_, password := o.add(NewLogin{Username: "robot"})
	if err := o.try("robot", password, home); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	o.Flush(ended)
	if got := o.entries(); !slices.Contains(got, "login.signed-in unknown") {
		t.Errorf("the sign-in is not on record: %q", got)
	}
}

func TestRemovedAccountIsUnknown(t *testing.T) {
	o := openOffice(t)
	_, password := o.add(NewLogin{Username: "robot"})
	who, err := o.Password(t.Context(), Attempt{Username: "robot", Source: home, Door: SFTP}, []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.RemoveAccount(t.Context(), "test", "acme"); err != nil {
		t.Fatal(err)
	}
	if o.StillValid(t.Context(), who) {
		t.Error("a session outlives its account")
	}
	wantKind(t, o.try("robot", password, home), fault.Denied)
	_, _, err = o.AddLogin(t.Context(), "test", "acme", NewLogin{Username: "new"})
	wantKind(t, err, fault.Locked)
	a, err := o.Account(t.Context(), "acme")
	if err != nil || a.State != catalog.AccountClosed {
		t.Errorf("%+v %v", a, err)
	}
}
