package catalogtest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

func testTokens(t *testing.T, c *catalog.Catalog) {
	a, b := Account(t, c, "acme"), Account(t, c, "beta")
	add := func(account uuid.UUID, at time.Time) *logins.Token {
		t.Helper()
		k := &logins.Token{
			ID: ID(), Account: account, Hash: MAC(), Name: []byte("sealed"), Role: "reader", CreatedAt: at, Until: at.Add(time.Hour),
		}
		Update(t, c, func(tx *catalog.Tx) error { return tx.InsertToken(k) })
		return k
	}
	later, first, other := add(a.ID, noon.Add(time.Second)), add(a.ID, noon), add(b.ID, noon)
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*logins.Token, error) { return tx.Token(first.ID) }), first)
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*logins.Token, error) { return tx.TokenByHash(other.Hash) }), other)
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*logins.Token, error) { return tx.Tokens(a.ID) }), []*logins.Token{first, later})

	// One secret is one token's, and a token some account's.
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		return tx.InsertToken(&logins.Token{ID: ID(), Account: b.ID, Hash: first.Hash, Name: []byte{1}})
	}), fault.Exists)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		return tx.InsertToken(&logins.Token{ID: ID(), Account: ID(), Hash: MAC(), Name: []byte{1}})
	}), fault.NotFound)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { _, err := tx.TokenByHash(MAC()); return err }), fault.NotFound)

	first.LastUsed = noon.Add(time.Minute)
	Update(t, c, func(tx *catalog.Tx) error { return tx.TouchToken(first.ID, first.LastUsed) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*logins.Token, error) { return tx.TokenByHash(first.Hash) }), first)

	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteToken(first.ID) })
	for _, gone := range []func(*catalog.Tx) error{
		func(tx *catalog.Tx) error { return tx.DeleteToken(first.ID) },
		func(tx *catalog.Tx) error { return tx.TouchToken(first.ID, noon) },
		func(tx *catalog.Tx) error { _, err := tx.Token(first.ID); return err },
	} {
		wantKind(t, fails(t, c, gone), fault.NotFound)
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteTokens(a.ID) })
	if left := get(t, c, func(tx *catalog.Tx) ([]*logins.Token, error) { return tx.Tokens(a.ID) }); len(left) != 0 {
		t.Errorf("%d tokens of an account that has none", len(left))
	}
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*logins.Token, error) { return tx.Tokens(b.ID) }), []*logins.Token{other})
}
