package account

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
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
	for name, a := range map[string]struct{ user, password string }{
		"unknown": {"nobody", "x"}, "wrong": {"here", "x"}, "no password": {"key-only", "x"}, "empty": {"key-only", ""},
		"network": {"elsewhere", far}, "door": {"web-only", web}, "closed": {"closed", closed},
	} {
		err := o.try(a.user, a.password, home)
		if err == nil || err.Error() != errRefused.Error() {
			t.Errorf("%s: %v", name, err)
		}
		kerr := o.OfferKey(t.Context(), Attempt{Username: a.user, Source: home, Door: Portal}, append(blob, 1))
		if kerr == nil || kerr.Error() != errRefused.Error() {
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

// An unknown user costs one password check, as a known one does.
func TestUnknownUsersCostTheSame(t *testing.T) {
	o := openOffice(t)
	o.add(NewLogin{Username: "here", Password: []byte("Tulpan8 cykel mot norr")})
	var work []string // what was computed: the cost of Argon2id lies in its parameters
	o.derive = func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte {
		work = append(work, fmt.Sprintf("t=%d m=%d p=%d", time, memory, threads))
		return argon2.IDKey(password, salt, time, memory, threads, size)
	}
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

// What a key offer reads, it does not change: no source, no record, no budget.
func TestKeyQueryNoSideEffect(t *testing.T) {
	o := openOffice(t)
	line, blob := newKey(t)
	o.add(NewLogin{Username: "robot", SSHKeys: []string{line}})
	a := Attempt{Username: "robot", Source: home, Door: SFTP}
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
	if f, err := o.look(t.Context(), a); err != nil || f.known || !f.login.LastSeen.IsZero() {
		t.Error("the offer left a trace")
	}
}

func (o *office) entries() []string {
	o.t.Helper()
	var all []string
	err := o.cat.View(o.t.Context(), func(tx *catalog.Tx) error {
		list, err := tx.AuditEntries(catalog.AuditFilter{Limit: -1})
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

func TestCacheIsDroppedOnChange(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	_, old := o.add(NewLogin{Username: "robot"})
	if err := o.try("robot", old, home); err != nil {
		t.Fatal(err)
	}
	if len(o.verified.entries) != 1 {
		t.Fatal("a generated password is not cached")
	}
	_, fresh, err := o.SetLogin(ctx, "test", "acme", "robot", LoginChange{NewPassword: true})
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, o.try("robot", old, home), fault.Denied)
	if err := o.try("robot", fresh, home); err != nil {
		t.Fatal(err)
	}
	// Changed by another process: the entry does not match the new hash.
	err = o.cat.Update(ctx, func(tx *catalog.Tx) error {
		l, err := tx.LoginByName(o.nameMAC("robot"))
		if err != nil {
			return err
		}
		l.Hash = o.hash([]byte("another"))
		return tx.SaveLogin(l)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, o.try("robot", fresh, home), fault.Denied)
	// What people choose is not cached, and nothing is for longer than its time.
	o.add(NewLogin{Username: "eva", Password: []byte("Tulpan8 cykel mot norr")})
	if err := o.try("eva", "Tulpan8 cykel mot norr", home); err != nil {
		t.Fatal(err)
	}
	if _, ok := o.verified.entries[o.loginID("eva")]; ok {
		t.Error("a chosen password is cached")
	}
	o.verified.put(o.loginID("eva"), "h", []byte("p"))
	o.clock.Add(cacheFor + time.Second)
	if o.verified.holds(o.loginID("eva"), "h", []byte("p")) {
		t.Error("an entry outlives its time")
	}
}

func (o *office) loginID(username string) [16]byte {
	o.t.Helper()
	l, err := o.Login(o.t.Context(), "acme", username)
	if err != nil {
		o.t.Fatal(err)
	}
	return l.ID
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

// All strangers together get few guesses at one login, and after a hundred in a
// row none, until somebody has looked at it.
func TestGuessBudget(t *testing.T) {
	o := openOffice(t)
	const right = "Tulpan8 cykel mot norr"
	o.add(NewLogin{Username: "robot", Password: []byte(right)})
	if err := o.try("robot", right, home); err != nil {
		t.Fatal(err)
	}
	o.Flush(t.Context())
	login := catalog.Login{ID: o.loginID("robot")}
	guesses := func() (n int) { // how many guesses the budget allows now, paid without the hash
		for i := range 1000 {
			ok := false
			f := &found{login: &login}
			err := o.cat.Update(t.Context(), func(tx *catalog.Tx) (err error) {
				ok, err = spend(tx, o.budgets(Attempt{Source: stranger(i)}, f), o.clock.Now())
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
	if day > stopAfter {
		t.Errorf("%d guesses in a day", day)
	}
	for range 400 {
		o.clock.Add(24 * time.Hour)
		day += guesses()
	}
	if day > stopAfter {
		t.Errorf("%d guesses in a row", day)
	}
	if err := o.sweep(t.Context()); err != nil { // which must not forget it
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
	if _, _, err := o.SetLogin(t.Context(), "test", "acme", "robot", LoginChange{}); err != nil {
		t.Fatal(err)
	}
	if err := o.try("robot", right, home); err != nil {
		t.Errorf("after the change: %v", err)
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

func TestSourcesAreNetworks(t *testing.T) {
	o := openOffice(t)
	same := func(a, b string) bool {
		return slices.Equal(o.sourceMAC(netip.MustParseAddr(a)), o.sourceMAC(netip.MustParseAddr(b)))
	}
	if !same("2001:db8:1:2::3", "2001:db8:1:ffff::9") || same("2001:db8:1::1", "2001:db8:2::1") ||
		same("192.0.2.1", "192.0.2.2") || !same("::ffff:192.0.2.1", "192.0.2.1") {
		t.Error("networks are told apart wrongly")
	}
}

func TestNetworks(t *testing.T) {
	for _, bad := range []string{"", "x", "192.0.2.0/33", "192.0.2", "::ffff:192.0.2.0/120", "fe80::1%eth0", "1.2.3.4/24/8"} {
		if _, err := ParseNetworks([]string{bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	list, err := ParseNetworks([]string{" 192.0.2.7/24", "2001:db8::/32", "198.51.100.1"})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		"192.0.2.99": true, "::ffff:192.0.2.99": true, "2001:db8::1": true, "198.51.100.1": true, "198.51.100.2": false, "2001:db9::1": false,
	} {
		if contains(list, netip.MustParseAddr(addr)) != want {
			t.Errorf("%s: %v", addr, !want)
		}
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

func TestWaitingRoom(t *testing.T) {
	r := newRoom(1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := r.enter(ctx, false); err != nil {
		t.Fatal(err)
	}
	var strangers, known, busy atomic.Int32
	var wg sync.WaitGroup
	order := make(chan string, 200)
	for range roomSize + 10 {
		wg.Go(func() {
			if err := r.enter(ctx, false); err != nil {
				wantKind(t, err, fault.TryLater)
				busy.Add(1)
				return
			}
			strangers.Add(1)
			order <- "stranger"
			r.leave()
		})
	}
	for busy.Load() < 10 {
		runtime.Gosched()
	}
	wg.Go(func() {
		if err := r.enter(ctx, true); err != nil {
			t.Errorf("a known source was sent away: %v", err)
			return
		}
		known.Add(1)
		order <- "known"
		r.leave()
	})
	for r.waiting(1) == 0 {
		runtime.Gosched()
	}
	r.leave()
	wg.Wait()
	if strangers.Load() != roomSize || known.Load() != 1 {
		t.Errorf("%d strangers, %d known", strangers.Load(), known.Load())
	}
	if first := <-order; first != "known" {
		t.Errorf("first was a %s", first)
	}
	if r.free != 1 {
		t.Errorf("%d places free", r.free)
	}
}

func (r *room) waiting(q int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queues[q])
}

func TestRoomGivesUpWithItsContext(t *testing.T) {
	r := newRoom(1)
	if err := r.enter(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantKind(t, r.enter(ctx, true), fault.TryLater)
	r.leave()
	if err := r.enter(t.Context(), false); err != nil || r.waiting(1) != 0 {
		t.Error("somebody who left is still in the queue")
	}
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
