package records_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody/records"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
)

func certificate(t *testing.T) *keys.Certificate {
	t.Helper()
	cert, err := keys.NewCertificate("acme", time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func wantKind(t *testing.T, what string, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("%s: %v, want kind %v", what, err, kind)
	}
}

func TestAKeyOpensForEachOfItsCertificates(t *testing.T) {
	k, account, row := records.New(), uuid.New(), uuid.New()
	sealed, mac := k.Seal("file", "name", row, []byte("lön.xml")), k.MAC("names", []byte("lön.xml"))
	for range 2 {
		cert := certificate(t)
		wrapped, err := k.WrapFor(account, cert.Cert)
		if err != nil {
			t.Fatal(err)
		}
		again, err := records.Unwrap(wrapped, cert)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := again.Open("file", "name", row, sealed); err != nil || string(got) != "lön.xml" {
			t.Errorf("%q, %v", got, err)
		}
		if again.MAC("names", []byte("lön.xml")) != mac {
			t.Error("another MAC")
		}
	}
}

func TestWrappedKeysThatDoNotOpen(t *testing.T) {
	k, cert := records.New(), certificate(t)
	wrapped, err := k.WrapFor(uuid.New(), cert.Cert)
	if err != nil {
		t.Fatal(err)
	}
	_, err = records.Unwrap(wrapped, certificate(t))
	wantKind(t, "with another key", err, fault.Damaged)

	moved := *wrapped
	moved.Account = uuid.New()
	_, err = records.Unwrap(&moved, cert)
	wantKind(t, "of another account", err, fault.Damaged)

	for what, change := range map[string]func([]byte) []byte{
		"none":          func([]byte) []byte { return nil },
		"cut":           func(b []byte) []byte { return b[:len(b)-1] },
		"without data":  func(b []byte) []byte { return b[:1] },
		"a flipped bit": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
	} {
		bad := *wrapped
		bad.Wrapped = change(bytes.Clone(wrapped.Wrapped))
		_, err := records.Unwrap(&bad, cert)
		wantKind(t, what, err, fault.Damaged)
	}
}

// What was sealed before and what is sealed after is lost alike.
func TestADestroyedKeyOpensNothing(t *testing.T) {
	k, cert, row := records.New(), certificate(t), uuid.New()
	before := k.Seal("file", "name", row, []byte("x"))
	wrapped, err := k.WrapFor(uuid.New(), cert.Cert)
	if err != nil {
		t.Fatal(err)
	}
	k.Destroy()
	_, err = k.Open("file", "name", row, before)
	wantKind(t, "before", err, fault.Locked)
	old, err := records.Unwrap(wrapped, cert)
	if err != nil {
		t.Fatal(err)
	}
	_, err = old.Open("file", "name", row, k.Seal("file", "name", row, []byte("x")))
	wantKind(t, "after", err, fault.Locked)
}

func TestMACsOfDifferentThingsDiffer(t *testing.T) {
	k := records.New()
	seen := map[[32]byte]string{}
	for _, c := range []struct {
		label string
		parts [][]byte
	}{
		{"names", [][]byte{[]byte("ab"), []byte("c")}},
		{"names", [][]byte{[]byte("a"), []byte("bc")}},
		{"names", [][]byte{[]byte("abc")}},
		{"names", [][]byte{[]byte("abc"), nil}},
		{"duplicates", [][]byte{[]byte("abc")}},
	} {
		what := fmt.Sprintf("%s %q", c.label, c.parts)
		m := k.MAC(c.label, c.parts...)
		if before, ok := seen[m]; ok {
			t.Errorf("%s and %s have one MAC", what, before)
		}
		seen[m] = what
	}
}

func TestAKeyDoesNotPrint(t *testing.T) {
	k := records.New()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != "record key" {
			t.Errorf("%s: %q", verb, got)
		}
	}
}
