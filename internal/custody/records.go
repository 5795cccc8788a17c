package custody

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/custody/records"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// Records is the record key of an account: it seals and opens its columns.
type Records = records.Key

// Records returns the account's record key, unwrapped once in the life of the
// process. Locked when no certificate that it is wrapped for has its key here.
func (c *Custodian) Records(ctx context.Context, account uuid.UUID) (*Records, error) {
	const op = "custody: record key"
	c.mu.RLock()
	r, epoch := c.records[account], c.epoch
	c.mu.RUnlock()
	if r != nil {
		return r, nil
	}
	var wrapped []*catalog.RecordKey
	err := c.cat.View(ctx, func(tx *catalog.Tx) (err error) {
		wrapped, err = tx.RecordKeys(account)
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if r, err = c.unwrapRecords(account, wrapped); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.records[account] != nil:
		return c.records[account], nil
	case c.epoch == epoch && c.changes == 0:
		c.records[account] = r
	}
	return r, nil
}

// unwrapRecords tries the wraps whose certificate key is here. One that does
// not open does not hide another that does.
func (c *Custodian) unwrapRecords(account uuid.UUID, wrapped []*catalog.RecordKey) (*Records, error) {
	have, err := c.accountKeys(account)
	if err != nil {
		return nil, err
	}
	err = fault.New(fault.Locked, "custody: record key", "the certificate key that opens this account's records is not in the key store")
	for _, row := range wrapped {
		for _, cert := range have.Certificates() {
			if cert.Fingerprint.String() != row.Fingerprint {
				continue
			}
			key, uerr := records.Unwrap(row, cert)
			if uerr == nil {
				return key, nil
			}
			err = uerr
		}
	}
	return nil, err
}
