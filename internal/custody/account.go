package custody

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/store/catalog"
)

// NewAccount says for whom keys are made.
type NewAccount struct {
	ID          uuid.UUID
	Name        string            // the certificate's common name
	Certificate *keys.Certificate // brought by the customer; nil: the gateway makes one
	Keys        string            // catalog.KeysCustomer: no access key is made
}

// AccountKeys are the keys of an account that is not on record yet.
type AccountKeys struct {
	account     uuid.UUID
	certificate catalog.Certificate
	recordKey   catalog.RecordKey
	accessKey   *catalog.AccessKey
	records     *Records
}

// NewAccountKeys makes the lock of a new account. When it returns, the private
// halves are durable in the key store, and the catalog knows nothing of them:
// Insert puts the rest on record, in the transaction that makes the account.
func (c *Custodian) NewAccountKeys(_ context.Context, n NewAccount) (*AccountKeys, error) {
	const op = "custody: new account"
	now, cert := c.now(), n.Certificate
	if cert == nil {
		var err error
		if cert, err = keys.NewCertificate(n.Name, now); err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
	}
	k := &AccountKeys{account: n.ID, certificate: catalog.Certificate{
		Fingerprint: cert.Fingerprint.String(), Account: n.ID, DER: cert.Cert.Raw, Current: true, CreatedAt: now,
	}}
	var access *keys.AccessKey
	if n.Keys != catalog.KeysCustomer {
		var err error
		if access, err = keys.NewAccessKey(); err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
		k.accessKey = &catalog.AccessKey{
			ID: access.ID, Account: n.ID, Fingerprint: access.Fingerprint.String(), Public: access.Public.Bytes(),
			Held: catalog.KeysGateway, Confirmed: true, CreatedAt: now,
		}
	}
	if err := k.makeRecordKey(cert); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := c.ks.CreateAccount(n.ID, cert, access); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return k, fault.Wrap(fault.Internal, op, c.fault("key file written"))
}

// Records seals columns of the new account, in the transaction that makes it.
func (k *AccountKeys) Records() *Records { return k.records }

// Insert puts the public halves and the wrapped record key on record. It comes
// after the account's own row, in the same transaction.
func (k *AccountKeys) Insert(tx *catalog.Tx) error {
	const op = "custody: insert account keys"
	if err := tx.InsertCertificate(&k.certificate); err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	if err := tx.PutRecordKey(&k.recordKey); err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	if k.accessKey == nil {
		return nil
	}
	return fault.Wrap(fault.Internal, op, tx.InsertAccessKey(k.accessKey))
}

// Discard destroys keys whose account was refused. When nobody knows whether
// the account was made, they stay: they are harmless without it, and the
// account would be lost without them.
func (c *Custodian) Discard(k *AccountKeys) error {
	return fault.Wrap(fault.Internal, "custody: discard", c.ks.DestroyAccount(k.account))
}
