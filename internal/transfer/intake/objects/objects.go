// Package objects holds sealed bodies and the rows that refer to them together.
// An object is where a body lies: in memory while the file is small and
// arriving, then in the catalog or the vault. It is opened, ended, moved and swept
// here.
//
// A row is committed before the object that it refers to is created, and an
// object is removed after the last row that did: so what no row refers to is
// rubbish, and Sweep removes it. Two exceptions are known to this process and
// forgotten by a crash: a Draft, and a body that MoveSome is moving.
package objects

import (
	"context"
	"encoding/hex"
	"sync/atomic"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/vault"
)

// Objects are the objects of a catalog and a vault.
type Objects struct {
	catalog *catalog.Catalog
	vault   vault.Vault
	keys    *custody.Custodian
	drafts  drafts
	inline  atomic.Int64 // an estimate; see Inline
}

// New returns the objects of these stores, and of who can open them.
func New(cat *catalog.Catalog, v vault.Vault, keys *custody.Custodian) *Objects {
	return &Objects{catalog: cat, vault: v, keys: keys}
}

// NewRef names a vault object: 128 random bits, then the file's id, so that an
// object on disk leads to its row.
func NewRef(file uuid.UUID) string {
	random := uuid.New()
	return hex.EncodeToString(random[:]) + hex.EncodeToString(file[:])
}

// Sweep removes the vault objects that no row refers to: what a crash
// left between a row's commit and its object's removal. A row is always
// committed before its object is created, so an object without one is rubbish,
// unless it is a draft of this process.
func (o *Objects) Sweep(ctx context.Context) error {
	return o.vault.Each(ctx, func(ref string) error {
		id, ok := FileOf(ref)
		if !ok {
			return nil // not one of ours; doctor tells
		}
		if o.drafts.has(ref) {
			return nil
		}
		used := false
		err := o.catalog.View(ctx, func(tx *catalog.Tx) error {
			f, err := tx.File(id)
			if fault.Is(err, fault.NotFound) {
				return nil
			}
			used = err == nil && f.Body.Kind == catalog.VaultBody && f.Body.Ref == ref
			return err
		})
		if err != nil || used {
			return err
		}
		return o.vault.Remove(ctx, ref)
	})
}

// FileOf returns the file id in a reference made by newRef.
func FileOf(ref string) (uuid.UUID, bool) {
	b, err := hex.DecodeString(ref)
	if err != nil || len(b) != 32 {
		return uuid.Nil, false
	}
	return uuid.UUID(b[16:]), true
}
