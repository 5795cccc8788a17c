package keys_test

import (
	"bytes"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
)

func TestAStoreOpensAgainWithEveryKeyItHeld(t *testing.T) {
	s := keystest.New(t)
	id := uuid.New()
	cert, err := keys.NewCertificate("acme", t0)
	if err != nil {
		t.Fatal(err)
	}
	access, err := keys.NewAccessKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateAccount(id, cert, access); err != nil {
		t.Fatal(err)
	}
	ingest, err := s.NewIngestKey("2026-11-21")
	if err != nil {
		t.Fatal(err)
	}

	again := keystest.Reopen(t, s)
	if !s.Identity().Equal(again.Identity()) {
		t.Error("another identity")
	}
	for name, get := range map[string]func(*keys.Store) []byte{
		"username index key": (*keys.Store).UsernameIndexKey,
		"pepper":             (*keys.Store).Pepper,
		"secret":             func(s *keys.Store) []byte { return s.Secret("cursors") },
	} {
		if !bytes.Equal(get(s), get(again)) || len(get(s)) != 32 {
			t.Errorf("another %s", name)
		}
	}
	if bytes.Equal(s.Secret("a"), s.Secret("b")) {
		t.Error("two labels give one secret")
	}
	a, err := again.Account(id)
	if err != nil {
		t.Fatal(err)
	}
	sealAndOpen(t, cert, access, a.Certificate(cert.Fingerprint), a.AccessKey(access.Fingerprint))
	k, err := again.IngestKey(ingest.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	if k.Day != ingest.Day {
		t.Errorf("day %s", k.Day)
	}
	grantOpens(t, ingest, k)
}
