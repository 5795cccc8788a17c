// Package inventory lists the keys of an account, finds the one that a person
// names, and hands out copies.
//
// It joins what is on record with what is in the key store and what is lent to the
// gateway, and changes neither. Lists have the newest key first and removed ones
// among them. A private half that is given away is on record before it is.
//
// Not here: which key a new file is sealed for (keyring), and how keys come and go
// (custody, removal).
package inventory

import (
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody/loan"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/store/catalog"
)

// Inventory looks at the keys of accounts. It is safe for concurrent use.
type Inventory struct {
	ks    *keys.Store
	cat   *catalog.Catalog
	loans *loan.Book

	opening sync.Mutex // held while a passphrase is tried
}

// New returns the inventory of a key store and a catalog.
func New(ks *keys.Store, cat *catalog.Catalog, loans *loan.Book) *Inventory {
	return &Inventory{ks: ks, cat: cat, loans: loans}
}

// Held returns what a key store has of an account. Nothing is an answer, not an
// error.
func Held(ks *keys.Store, account uuid.UUID) (*keys.Account, error) {
	k, err := ks.Account(account)
	if fault.Is(err, fault.NotFound) {
		return new(keys.Account), nil
	}
	return k, err
}

// stock is what a list is made from.
type stock[Row any] struct {
	rows  []Row
	files map[string]int64 // that have a body sealed under a key, by its fingerprint
	have  *keys.Account
}

// take reads the rows of an account's keys and what goes with them.
func take[Row any](ctx context.Context, v *Inventory, account uuid.UUID, rows func(*catalog.Tx, uuid.UUID) ([]Row, error)) (s stock[Row], err error) {
	err = v.cat.View(ctx, func(tx *catalog.Tx) (err error) {
		if s.rows, err = rows(tx, account); err != nil {
			return err
		}
		s.files, err = filesByKey(tx, account)
		return err
	})
	if err == nil {
		s.have, err = Held(v.ks, account)
	}
	return s, err
}

func filesByKey(tx *catalog.Tx, account uuid.UUID) (map[string]int64, error) {
	locks, err := tx.Locks(account)
	if err != nil {
		return nil, err
	}
	sums, err := tx.SealedUnder(account)
	if err != nil {
		return nil, err
	}
	files := map[int64]int64{}
	for _, s := range sums {
		files[s.Lock] = s.Files
	}
	count := map[string]int64{}
	for _, l := range locks {
		for _, fp := range slices.Concat(l.Certificates, l.AccessKeys) {
			count[fp] += files[l.ID]
		}
	}
	return count, nil
}

// minNamed is how many digits of a fingerprint or an id name a key.
const minNamed = 6

// only returns the one thing that was found.
func only[T any](op, what string, found []T) (none T, err error) {
	switch len(found) {
	case 0:
		return none, fault.New(fault.NotFound, op, "the account has no such %s", what)
	case 1:
		return found[0], nil
	}
	return none, fault.New(fault.Invalid, op, "%d of the account's keys fit; name the %s by more of its fingerprint or id", len(found), what)
}

// giveAway puts on record that a private half is handed out.
func (v *Inventory) giveAway(ctx context.Context, actor string, account uuid.UUID, action, object string) error {
	return v.cat.Update(ctx, func(tx *catalog.Tx) error {
		return tx.Audit(audit.Entry{
			Account: account, Actor: actor, Action: action, Object: object, Detail: map[string]string{"private": "true"},
		})
	})
}
