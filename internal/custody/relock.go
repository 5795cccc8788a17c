package custody

import (
	"context"
	"slices"

	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// LockFor returns what files that are under a lock are to be resealed for: the
// account's present certificates and access keys. An account that has keys for
// each year keeps a file under those of its year, so that destroying them goes on
// to destroy that year's files and no others. Locked when none of them is left, or
// when one of them is not in the key store.
func (c *Custodian) LockFor(ctx context.Context, row *catalog.Lock) (*Lock, error) {
	const op = "custody: lock for resealing"
	now, err := c.lockOf(ctx, row.Account)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	ring, err := keyring.Of(ctx, c.cat, row.Account)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if ring.Account.KeyPeriod != catalog.PeriodYear {
		if now.missing != nil {
			return nil, fault.Wrap(fault.Locked, op, now.missing)
		}
		return now, nil
	}
	periods := map[string]bool{}
	for _, key := range ring.AccessKeys {
		if slices.Contains(row.AccessKeys, key.Fingerprint) {
			periods[key.Period] = true
		}
	}
	certs, _, _ := ring.Sealing(now.year)
	var access []*catalog.AccessKey
	for _, key := range ring.AccessKeys {
		if periods[key.Period] && key.Confirmed && key.RemovedAt.IsZero() {
			access = append(access, key)
		}
	}
	if len(access) == 0 {
		return nil, fault.New(fault.Locked, op, "no access key of that period is left")
	}
	l := &Lock{custodian: c, account: row.Account, year: now.year}
	if err := l.fill(ring, certs, access); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if l.missing != nil {
		return nil, fault.Wrap(fault.Locked, op, l.missing)
	}
	return l, nil
}
