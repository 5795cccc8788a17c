package drawer_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/drawer"
	"sealgate/internal/keys/keystest"
)

// TestSecretsAreTheirAccountsAndHaveTheirNames: one is not found by another's name, kind
// or account.
func TestSecretsAreTheirAccountsAndHaveTheirNames(t *testing.T) {
	store := keystest.New(t)
	acme, other := uuid.New(), uuid.New()
	for _, account := range []uuid.UUID{acme, other} {
		certificate, err := keys.NewCertificate("acme", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		access, err := keys.NewAccessKey()
		if err != nil {
			t.Fatal(err)
		}
		if err := store.CreateAccount(account, certificate, access); err != nil {
			t.Fatal(err)
		}
	}
	d := drawer.Drawer{Keys: store, Account: acme, Kind: "acme"}
	for name, secret := range map[string]string{"a": "first", "b": "second"} {
		if err := d.Put(name, []byte(secret)); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Get(name); err != nil || string(got) != secret {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for what, elsewhere := range map[string]drawer.Drawer{
		"account": {Keys: store, Account: other, Kind: "acme"}, "kind": {Keys: store, Account: acme, Kind: "else"},
	} {
		if got, err := elsewhere.Get("a"); !fault.Is(err, fault.NotFound) {
			t.Errorf("in another %s: %q, %v", what, got, err)
		}
	}
}
