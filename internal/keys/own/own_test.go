package own_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"slices"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/keys/own"
	"sealgate/internal/keys/wrapped"
)

func ring(t *testing.T) *wrapped.Ring {
	t.Helper()
	r, err := wrapped.NewRing(1, func([]byte) ([]byte, error) { return bytes.Repeat([]byte{1}, wrapped.KeySize), nil })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheSecretsComeBackAsTheyWereMade(t *testing.T) {
	_, host, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := ring(t)
	doc, err := own.New(r, []crypto.Signer{host})
	if err != nil {
		t.Fatal(err)
	}
	one, err := own.Open(r, doc)
	if err != nil {
		t.Fatal(err)
	}
	two, err := own.Open(r, doc)
	if err != nil {
		t.Fatal(err)
	}
	if !one.Identity().Equal(two.Identity()) || !bytes.Equal(one.Pepper(), two.Pepper()) ||
		!bytes.Equal(one.UsernameIndexKey(), two.UsernameIndexKey()) || !bytes.Equal(one.Derive("a"), two.Derive("a")) {
		t.Error("opened twice, they are not the same")
	}
	if bytes.Equal(one.Pepper(), one.UsernameIndexKey()) || bytes.Equal(one.Derive("a"), one.Derive("b")) {
		t.Error("two secrets are one")
	}
	if keys := one.HostKeys(); len(keys) != 1 || !host.Equal(keys[0]) {
		t.Errorf("host keys: %d", len(keys))
	}
	if got := own.IdentityIn(doc); !got.Equal(one.Identity().Public()) {
		t.Error("the identity beside its entry is another one")
	}
	for i := range doc.Entries {
		less := *doc
		less.Entries = slices.Delete(slices.Clone(doc.Entries), i, i+1)
		if _, err := own.Open(r, &less); !fault.Is(err, fault.Damaged) {
			t.Errorf("without %s: %v", doc.Entries[i].Kind, err)
		}
	}
}
