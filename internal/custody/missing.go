package custody

import (
	"context"
	"log/slog"

	"sealgate/internal/custody/inventory"
	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// Converge makes catalog and key store agree about which keys were removed: see
// removal. Keys that the key store should have, and has not, are logged. What is
// sealed for them does not open, and nothing new is sealed for them; the other
// accounts go on. It is Locked only when it is the gateway's own account that cannot
// be read: nobody could sign in.
func (c *Custodian) Converge(ctx context.Context) error {
	const op = "custody: converge"
	if err := c.Remover.Converge(ctx); err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	var own *catalog.Account
	var rings []keyring.Ring
	err := c.cat.View(ctx, func(tx *catalog.Tx) error {
		accounts, err := tx.Accounts()
		if err != nil {
			return err
		}
		for _, acc := range accounts {
			if acc.Name == catalog.SystemAccount {
				own = acc
			}
			ring, err := keyring.Read(tx, acc.ID)
			if err != nil {
				return err
			}
			rings = append(rings, ring)
		}
		return nil
	})
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	for _, ring := range rings {
		for _, w := range c.missingFrom(ring) {
			slog.ErrorContext(ctx, "a key is not in the key store", "account", w.Name, "key", w.Object, "why", w.Message)
		}
	}
	if own == nil {
		return nil
	}
	if _, err := c.Records(ctx, own.ID); fault.Is(err, fault.Locked) {
		return &fault.Error{
			Kind: fault.Locked, Op: op, Err: err,
			Message: "the certificate key of the gateway's own account is not in the key store, so that no operator could sign in; restore a newer copy of the keys (gateway keys restore)",
		}
	}
	return nil
}

// missingFrom warns of the keys of a ring that should be in the key store and are
// not.
func (c *Custodian) missingFrom(ring keyring.Ring) []keyring.Warning {
	missing, err := c.missing(ring)
	if err != nil {
		return nil // whoever needs the keys says so
	}
	return missing.Warnings(ring)
}

func (c *Custodian) missing(ring keyring.Ring) (keyring.Missing, error) {
	have, err := inventory.Held(c.ks, ring.Account.ID)
	if err != nil {
		return nil, err
	}
	return ring.Missing(have)
}
