package custody

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// Warnings lists what should be seen to, of all accounts.
func (c *Custodian) Warnings(ctx context.Context) ([]keyring.Warning, error) {
	var all []keyring.Warning
	err := c.cat.View(ctx, func(tx *catalog.Tx) error {
		accounts, err := tx.Accounts()
		if err != nil {
			return err
		}
		for _, acc := range accounts {
			ring, err := keyring.Read(tx, acc.ID)
			if err != nil {
				return err
			}
			all = append(all, ring.Warnings(c.now())...)
		}
		return nil
	})
	return all, fault.Wrap(fault.Internal, "custody: warnings", err)
}

// AccountWarnings lists what should be seen to, of one account.
func (c *Custodian) AccountWarnings(ctx context.Context, account uuid.UUID) ([]keyring.Warning, error) {
	ring, err := keyring.Of(ctx, c.cat, account)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "custody: warnings", err)
	}
	return ring.Warnings(c.now()), nil
}
