// Package owner holds the data of a gateway to the key store that it was made with.
package owner

import (
	"context"
	"crypto/ed25519"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/statement"
	"sealgate/internal/store/catalog"
)

// identitySetting is whose data this is: the fingerprint of the identity key that the
// gateway had when it first opened its catalog.
const identitySetting = "identity"

// Check refuses the key store of another gateway: it has none of the keys that
// the catalog names, and what it would sign and seal from now on belongs to nobody. A
// restored key store has the identity of the one that it was copied from.
func Check(ctx context.Context, cat *catalog.Catalog, store *keys.Store) error {
	const op = "open"
	here := statement.Fingerprint(store.Identity().Public().(ed25519.PublicKey))
	err := cat.Update(ctx, func(tx *catalog.Tx) error {
		switch known, err := tx.Setting(identitySetting); {
		case err != nil:
			return err
		case known == "":
			return tx.SetSetting(identitySetting, here)
		case known != here:
			return fault.New(fault.Locked, op, "the key store in %s is another gateway's (%s); this data is sealed by the keys of %s: "+
				"put that gateway's key store here, or restore a copy of it", store.Dir(), here, known)
		}
		return nil
	})
	return fault.Wrap(fault.Internal, op, err)
}
