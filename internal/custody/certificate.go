package custody

import (
	"context"
	"strconv"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody/inventory"
	"sealgate/internal/custody/keyring"
	"sealgate/internal/custody/records"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/killpoint"
	"sealgate/internal/store/catalog"
)

// maxSealing bounds how many certificates, and how many access keys, an account
// has in use at a time: each costs every new file a wrap.
const maxSealing = 16

// RenewCertificate makes a certificate that new files are sealed under. The
// older ones go on opening what was sealed under them. The renewed certificate
// of an account that is closed opens it again, with a new record key.
func (c *Custodian) RenewCertificate(ctx context.Context, actor string, account uuid.UUID) (*inventory.Certificate, error) {
	const op = "custody: renew certificate"
	ring, err := keyring.Of(ctx, c.cat, account)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	cert, err := keys.NewCertificate(ring.Account.Name, c.now())
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	info, err := c.install(ctx, actor, account, cert, "certificate.renewed", false)
	return info, fault.Wrap(fault.Internal, op, err)
}

// ImportCertificate is RenewCertificate with a certificate that the customer
// brought. With also, those that new files are sealed under stay so beside it.
func (c *Custodian) ImportCertificate(ctx context.Context, actor string, account uuid.UUID, cert *keys.Certificate, also bool) (*inventory.Certificate, error) {
	info, err := c.install(ctx, actor, account, cert, "certificate.imported", also)
	return info, fault.Wrap(fault.Internal, "custody: import certificate", err)
}

// install adds a certificate: first the key store, then, in one transaction,
// the certificate, the record key wrapped for it, and which are current.
func (c *Custodian) install(ctx context.Context, actor string, account uuid.UUID, cert *keys.Certificate, action string, also bool) (*inventory.Certificate, error) {
	const op = "custody: install certificate"
	defer c.change(account)()
	ring, err := keyring.Of(ctx, c.cat, account)
	if err != nil {
		return nil, err
	}
	rec, err := c.recordsFor(ctx, ring, cert)
	if err != nil {
		return nil, err
	}
	wrapped, err := rec.WrapFor(account, cert.Cert)
	if err != nil {
		return nil, err
	}
	if err := c.storeCertificate(account, cert); err != nil {
		return nil, err
	}
	killpoint.At("certificate-add.stored")
	if err := c.fault("certificate-add.stored"); err != nil {
		return nil, err
	}
	row := certificateRow(account, cert, c.now())
	err = c.cat.Update(ctx, func(tx *catalog.Tx) error {
		now, err := keyring.Read(tx, account)
		if err != nil {
			return err
		}
		if now.Account.State != ring.Account.State {
			return fault.New(fault.TryLater, op, "the account was opened or closed in this moment; try again")
		}
		return installed(tx, now, row, wrapped, actor, action, also)
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.records[account] = rec
	c.mu.Unlock()
	killpoint.At("certificate-add.recorded")
	if err := c.fault("certificate-add.recorded"); err != nil {
		return nil, err
	}
	return &inventory.Certificate{Certificate: *row, Cert: cert.Cert, Here: true, Token: cert.Token}, nil
}

// installed writes what install has made.
func installed(tx *catalog.Tx, ring keyring.Ring, row *catalog.Certificate, wrapped *catalog.RecordKey, actor, action string, also bool) error {
	for _, old := range ring.Certificates {
		if old.Current && !also {
			old.Current = false
			if err := tx.SaveCertificate(old); err != nil {
				return err
			}
		}
	}
	if err := tx.InsertCertificate(row); err != nil {
		return err
	}
	if err := tx.PutRecordKey(wrapped); err != nil {
		return err
	}
	detail := map[string]string{"also": strconv.FormatBool(also)}
	if ring.Account.State != catalog.AccountOpen {
		ring.Account.State = catalog.AccountOpen
		if err := tx.SaveAccount(ring.Account); err != nil {
			return err
		}
		detail["account"] = "reopened"
	}
	return tx.Audit(audit.Entry{Account: row.Account, Actor: actor, Action: action, Object: row.Fingerprint, Detail: detail})
}

// recordsFor returns the record key that is to be wrapped for a new
// certificate: the account's own, or a fresh one when it went with the last
// certificate.
func (c *Custodian) recordsFor(ctx context.Context, ring keyring.Ring, cert *keys.Certificate) (*Records, error) {
	const op = "custody: install certificate"
	living, current := 0, 0
	for _, row := range ring.Certificates {
		switch {
		case row.Fingerprint == cert.Fingerprint.String() && row.RemovedAt.IsZero():
			return nil, fault.New(fault.Exists, op, "the account has a certificate with this key already")
		case row.Fingerprint == cert.Fingerprint.String():
			return nil, fault.New(fault.Invalid, op, "this key was removed from the account, and what was sealed under it with it: bring another")
		case row.RemovedAt.IsZero():
			living++
		}
		if row.Current && row.RemovedAt.IsZero() {
			current++
		}
	}
	switch {
	case current >= maxSealing:
		return nil, fault.New(fault.TooLarge, op, "at most %d certificates can be in use at a time", maxSealing)
	case ring.Account.State == catalog.AccountOpen:
		return c.Records(ctx, ring.Account.ID)
	case living > 0:
		return nil, fault.New(fault.Locked, op, "the account was closed by an operator; a certificate does not open it again")
	}
	return records.New(), nil
}

// storeCertificate makes the key durable. One that a crash has left there is
// taken as it is.
func (c *Custodian) storeCertificate(account uuid.UUID, cert *keys.Certificate) error {
	err := c.ks.AddCertificate(account, cert)
	if fault.Is(err, fault.NotFound) { // the key store is older than the account
		return c.ks.CreateAccount(account, cert, nil)
	}
	if !fault.Is(err, fault.Exists) {
		return err
	}
	have, lookErr := c.accountKeys(account)
	if lookErr == nil && have.Certificate(cert.Fingerprint) != nil {
		return nil
	}
	return err
}
