package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"

	"sealgate/internal/fault"
)

const library = "module-path=/usr/lib/p11.so"

func TestURIsNameOneKeyOfOneToken(t *testing.T) {
	for text, want := range map[string]uri{
		"pkcs11:token=vault;object=acme?" + library: {token: "vault", object: "acme", module: "/usr/lib/p11.so"},
		"pkcs11:id=%01%00%FF;serial=0a%3Bb;type=private?pin-source=file:/etc/pin&" + library: {
			serial: "0a;b", id: "\x01\x00\xff", module: "/usr/lib/p11.so", pinFile: "/etc/pin",
		},
		"pkcs11:token=a%20b;object=o?" + library + "&pin-source=file:///run/pin": {token: "a b", object: "o", module: "/usr/lib/p11.so", pinFile: "/run/pin"},
		"pkcs11:token=t;object=o?" + library + "&pin-source=/run/pin":            {token: "t", object: "o", module: "/usr/lib/p11.so", pinFile: "/run/pin"},
	} {
		if got, err := parseURI(text); err != nil || got != want {
			t.Errorf("%s: %#v, %v", text, got, err)
		}
	}
}

func TestURIsThatCannotBeFollowedAreRefusedWithTheReason(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "begins with pkcs11:",
		"file:/x":                    "begins with pkcs11:",
		"pkcs11:":                    "names no token",
		"pkcs11:object=o?" + library: "names no token",
		"pkcs11:token=t?" + library:  "names no key",
		"pkcs11:token=t;object=o":    "module-path",
		"pkcs11:token=t;object=o?module-path=p11.so":                  "absolute",
		"pkcs11:token=t;object=o?" + library + "&pin-value=1234":      "pin-source=file:PATH",
		"pkcs11:token=t;object=o;pin-value=1234?" + library:           "pin-source=file:PATH",
		"pkcs11:token=t;object=o?" + library + "&pin-source=%7Ccat":   "absolute path",
		"pkcs11:token=t;object=o?" + library + "&pin-source=file:pin": "absolute path",
		"pkcs11:token=t;object=o;type=cert?" + library:                "private key is needed",
		"pkcs11:token=t;object=o;slot-id=1?" + library:                `"slot-id"`,
		"pkcs11:token=t;object=o?module-name=p11&" + library:          `"module-name"`,
		"pkcs11:token=t;token=u;object=o?" + library:                  "two, for token",
		"pkcs11:token;object=o?" + library:                            "for token",
		"pkcs11:token=;object=o?" + library:                           "value of token",
		"pkcs11:token=%zz;object=o?" + library:                        "value of token",
		"pkcs11:token=t;object=a%00b?" + library:                      "value of object",
		"pkcs11:token=t;object=" + strings.Repeat("o", 5000):          "begins with",
	} {
		_, err := parseURI(text)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Message(err), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if strings.Contains(text, "1234") && strings.Contains(fault.Message(err), "1234") {
			t.Errorf("the sentence says the PIN: %s", fault.Message(err))
		}
	}
}

func TestKeysThatCannotOpenFilesAreRefused(t *testing.T) {
	const text = "pkcs11:token=t;object=o?" + library
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Key(text, public); !fault.Is(err, fault.Invalid) {
		t.Errorf("Ed25519: %v", err)
	}
	wide, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Key(text, wide.Public()); !fault.Is(err, fault.Invalid) {
		t.Errorf("P-521: %v", err)
	}
}

func FuzzURI(f *testing.F) {
	f.Add("pkcs11:token=vault;object=acme?" + library + "&pin-source=file:/etc/pin")
	f.Add("pkcs11:id=%01%00?" + library)
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parseURI(text)
		if err != nil {
			return
		}
		if u.token+u.serial == "" || u.object+u.id == "" || !strings.HasPrefix(u.module, "/") {
			t.Fatalf("%q: %#v", text, u)
		}
	})
}
