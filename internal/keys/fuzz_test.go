package keys

import (
	"bytes"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/keys/wrapped"
)

// Parsers take what somebody may have put on the disk: they answer or refuse.

func FuzzAccount(f *testing.F) {
	access, err := NewAccessKey()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(KindAccessKey, access.ID.String(), access.Public.Bytes(), "", []byte{})
	f.Add(kindPassphraseKey, access.ID.String(), access.Public.Bytes(), "", make([]byte, 120))
	f.Add(KindCertificate, access.Fingerprint.String(), access.Fingerprint[:], "2026-11-21T12:00:00Z", []byte{})
	f.Add(kindTokenCertificate, "", []byte{0x30}, "", []byte("pkcs11:token=t"))
	f.Add(kindAccountSecret+"totp", uuid.NewString(), []byte{}, "", []byte("any"))
	f.Fuzz(func(t *testing.T, kind, id string, public []byte, destroyed string, secret []byte) {
		a := new(Account)
		err := a.take(wrapped.Entry{Kind: kind, ID: id, Public: public, Destroyed: destroyed}, secret)
		if n := len(a.certificates) + len(a.accessKeys) + len(a.destroyed) + len(a.secrets); (err == nil) != (n == 1) {
			t.Fatalf("%d keys, %v", n, err)
		}
	})
}

func FuzzFileName(f *testing.F) {
	f.Add("ingest-2026-11-21-0011223344556677.key")
	f.Add(accountFile(uuid.UUID{1}))
	f.Fuzz(func(t *testing.T, name string) {
		if isStoreName(name) && bytes.ContainsAny([]byte(name), "/\\\x00") {
			t.Fatalf("%q", name)
		}
	})
}
