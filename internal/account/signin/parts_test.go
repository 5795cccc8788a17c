package signin

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/crypto/argon2"

	"sealgate/internal/custody/custodytest"
)

func FuzzUsername(f *testing.F) {
	for _, name := range []string{"a\x00b", "x\u202e", " x", "löner", "ﬀ", "İ", "ǅ", "Σς"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		name, err := CheckUsername(raw)
		if err != nil {
			return
		}
		if again, err := CheckUsername(name); err != nil || again != name {
			t.Fatalf("%q becomes %q becomes %q, %v", raw, name, again, err)
		}
		if strings.ContainsAny(name, "\x00\r\n\u202e\u2028") || len(name) > maxUsername {
			t.Fatalf("%q was taken", raw)
		}
		if Fold(Fold(name)) != Fold(name) {
			t.Fatalf("folding %q is not stable", name)
		}
	})
}

func TestStoredHashes(t *testing.T) {
	o := &Service{pepper: []byte("pepper"), derive: argon2.IDKey, hashing: newRoom(1)}
	h, err := o.Hash(t.Context(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(h, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %q", h)
	}
	if !o.matches(h, []byte("x")) || o.matches(h, []byte("y")) || o.matches("", []byte("")) {
		t.Error("the hash does not tell right from wrong")
	}
	other := *o
	other.pepper = []byte("another key store")
	if other.matches(h, []byte("x")) {
		t.Error("the pepper does not count")
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$c3Vtc3Vtc3Vtc3Vtc3Vtc3Vtc3Vtc3Vtc3Vtc3Vtc3U")
	f.Add("$argon2id$v=19$m=4294967295,t=2,p=1$$")
	f.Fuzz(func(t *testing.T, text string) {
		if p, ok := parseHash(text); ok && (p.memory > maxHashMemory || p.time > maxHashTime || p.threads == 0 || len(p.sum) < 16) {
			t.Fatalf("%q was taken: %+v", text, p)
		}
	})
}

func TestSourcesAreNetworks(t *testing.T) {
	o := &Service{throttle: []byte("key")}
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

func TestACachedPasswordIsForgottenInTime(t *testing.T) {
	clock := custodytest.NewClock(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC))
	c, login := newCache(clock.Now), uuid.New()
	c.put(login, "h", []byte("p"))
	if !c.holds(login, "h", []byte("p")) || c.holds(login, "h", []byte("q")) || c.holds(uuid.New(), "h", []byte("p")) {
		t.Error("it does not tell right from wrong")
	}
	clock.Add(cacheFor + time.Second)
	if c.holds(login, "h", []byte("p")) {
		t.Error("an entry outlives its time")
	}
	c.put(login, "h", []byte("p"))
	if c.holds(login, "another hash", []byte("p")) || c.holds(login, "h", []byte("p")) {
		t.Error("an entry outlives its hash")
	}
}
