package custody

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody/keyring"
	"sealgate/internal/custody/removal"
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
			some, err := c.warnings(tx, acc.ID)
			if err != nil {
				return err
			}
			all = append(all, some...)
		}
		return nil
	})
	return all, fault.Wrap(fault.Internal, "custody: warnings", err)
}

// AccountWarnings lists what should be seen to, of one account.
func (c *Custodian) AccountWarnings(ctx context.Context, account uuid.UUID) (all []keyring.Warning, err error) {
	err = c.cat.View(ctx, func(tx *catalog.Tx) error {
		all, err = c.warnings(tx, account)
		return err
	})
	return all, fault.Wrap(fault.Internal, "custody: warnings", err)
}

func (c *Custodian) warnings(tx *catalog.Tx, account uuid.UUID) ([]keyring.Warning, error) {
	ring, err := keyring.Read(tx, account)
	if err != nil {
		return nil, err
	}
	found, err := removal.ReadFound(tx, account)
	if err != nil {
		return nil, err
	}
	all := append(c.missingFrom(ring), older(ring, found, c.now())...)
	return append(all, ring.Warnings(c.now())...), nil
}

// older warns of keys that the record, restored from a backup, did not know to be
// destroyed.
func older(r keyring.Ring, found removal.Found, now time.Time) (all []keyring.Warning) {
	add := func(fingerprint, object, what string, removed time.Time) {
		until, waits := found.Until(fingerprint, now)
		if !waits {
			return
		}
		all = append(all, keyring.Warning{
			Account: r.Account.ID, Name: r.Account.Name, Code: keyring.WarnOlderData, Object: object, At: until,
			Message: fmt.Sprintf("the restored data is older than the removal of %s on %s: what it holds under this key does not open. It is erased after %s; until then restore a newer backup of the data if there is one",
				what, removed.UTC().Format(time.DateOnly), until.UTC().Format(time.DateOnly)),
		})
	}
	for _, row := range r.Certificates {
		add(row.Fingerprint, row.Fingerprint, "certificate "+row.Fingerprint[:min(16, len(row.Fingerprint))], row.RemovedAt)
	}
	for _, row := range r.AccessKeys {
		add(row.Fingerprint, row.ID.String(), "access key "+row.ID.String(), row.RemovedAt)
	}
	return all
}
