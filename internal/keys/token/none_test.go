//go:build !pkcs11

package token

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"

	"sealgate/internal/fault"
)

// A build without PKCS#11 opens an account that has a key in a token, and says
// what is missing when that key is used.
func TestWithoutPKCS11AUseOfTheKeySaysSo(t *testing.T) {
	const text = "pkcs11:token=t;object=o?" + library
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := Key(text, ec.Public())
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, err = key.(ecdh.KeyExchanger).ECDH(other.PublicKey())
	wantNone(t, err)

	r, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	if key, err = Key(text, r.Public()); err != nil {
		t.Fatal(err)
	}
	_, err = key.(crypto.Decrypter).Decrypt(nil, make([]byte, 384), &rsa.OAEPOptions{Hash: crypto.SHA256})
	wantNone(t, err)
}

func wantNone(t *testing.T, err error) {
	t.Helper()
	if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Message(err), "no PKCS#11") {
		t.Error(err)
	}
}
