package custody

import (
	"context"
	"crypto/hpke"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody/keyring"
	"sealgate/internal/custody/records"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/killpoint"
	"sealgate/internal/store/catalog"
)

// NewAccount says for whom keys are made.
type NewAccount struct {
	ID          uuid.UUID
	Name        string            // the certificate's common name
	Certificate *keys.Certificate // brought by the customer; nil: the gateway makes one
	Keys        string            // catalog.KeysCustomer: no access key is made
	KeyPeriod   string            // catalog.PeriodYear: the first access key is of this year
	Access      NewKey            // of the customer, to be confirmed; zero: none yet
}

// AccountKeys are the keys of an account that is not on record yet.
type AccountKeys struct {
	account     uuid.UUID
	certificate *catalog.Certificate
	recordKey   *catalog.RecordKey
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
	k := &AccountKeys{account: n.ID, certificate: certificateRow(n.ID, cert, now), records: records.New()}
	access, held, err := n.access()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if access != nil {
		period := n.Access.Period
		if n.KeyPeriod == catalog.PeriodYear && period == "" {
			period = keyring.Year(now)
		}
		k.accessKey = accessKeyRow(n.ID, access, held, period, now)
	}
	if k.recordKey, err = k.records.WrapFor(n.ID, cert.Cert); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := c.ks.CreateAccount(n.ID, cert, access); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	killpoint.At("account-add.keys-stored")
	return k, fault.Wrap(fault.Internal, op, c.fault("account-add.keys-stored"))
}

// access returns the account's first access key; none when the customer is to
// bring it later.
func (n NewAccount) access() (*keys.AccessKey, string, error) {
	if n.Keys == catalog.KeysCustomer && n.Access.Public == nil {
		return nil, "", nil
	}
	return n.Access.key()
}

// NewKey says which access key is added.
type NewKey struct {
	Public    hpke.PublicKey              // brought by the customer; nil: the gateway makes one
	Encrypted *keyfile.EncryptedAccessKey // its private half under the customer's passphrase, or nil
	Period    string                      // the year it is for; "" = as the account has it
}

// key returns the key and who holds it.
func (n NewKey) key() (k *keys.AccessKey, held string, err error) {
	switch {
	case n.Public == nil && n.Encrypted != nil:
		return nil, "", fault.New(fault.Invalid, "custody: access key", "the public half of the encrypted access key is missing")
	case n.Public == nil:
		k, err = keys.NewAccessKey()
		return k, catalog.KeysGateway, err
	case n.Encrypted != nil:
		k, err = keys.PassphraseAccessKey(n.Public, n.Encrypted)
		return k, catalog.HeldPassphrase, err
	}
	k, err = keys.CustomerAccessKey(n.Public)
	return k, catalog.KeysCustomer, err
}

func certificateRow(account uuid.UUID, cert *keys.Certificate, now time.Time) *catalog.Certificate {
	return &catalog.Certificate{
		Fingerprint: cert.Fingerprint.String(), Account: account, DER: cert.Cert.Raw, Current: true, CreatedAt: now,
	}
}

// accessKeyRow makes the row of an access key. What the gateway holds needs no
// proof that it opens.
func accessKeyRow(account uuid.UUID, k *keys.AccessKey, held, period string, now time.Time) *catalog.AccessKey {
	return &catalog.AccessKey{
		ID: k.ID, Account: account, Fingerprint: k.Fingerprint.String(), Public: k.Public.Bytes(),
		Held: held, Period: period, Confirmed: held == catalog.KeysGateway, CreatedAt: now,
	}
}

// Records seals columns of the new account, in the transaction that makes it.
func (k *AccountKeys) Records() *Records { return k.records }

// Insert puts the public halves and the wrapped record key on record. It comes
// after the account's own row, in the same transaction.
func (k *AccountKeys) Insert(tx *catalog.Tx) error {
	const op = "custody: insert account keys"
	if err := tx.InsertCertificate(k.certificate); err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	if err := tx.PutRecordKey(k.recordKey); err != nil {
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
