package custody

import (
	"context"
	"crypto/hpke"

	"github.com/google/uuid"

	"sealgate/internal/custody/stock"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// Fresh is the id and the keys of a file that begins.
type Fresh struct {
	ID     uuid.UUID
	Key    *seal.FileKey
	Header []byte // the head of the sealed object

	binding   seal.Binding
	custodian *Custodian
	lock      *Lock           // the header's wraps; nil when it has none
	ingest    *keys.IngestKey // the grant is for
	grant     []byte
}

// NewFile draws the keys of a new file. When its content is to be kept, the
// header wraps them for the account's lock; otherwise nothing but the grant
// opens the file. An account that cannot be sealed for is Locked, with a
// sentence that says what is missing: see Ready.
func (c *Custodian) NewFile(ctx context.Context, account *catalog.Account, keep bool) (*Fresh, error) {
	var now *Lock
	if keep || account.Keys == catalog.KeysCustomer {
		var err error
		if now, err = c.lockOf(ctx, account.ID); err != nil {
			return nil, fault.Wrap(fault.Internal, "custody: new file", err)
		}
	}
	name := stock.Name{Account: account.ID, Keep: keep}
	for {
		f, ok := c.stock.Take(name)
		if !ok {
			return c.draw(ctx, name)
		}
		if !keep || f.lock.same(now) {
			return f, nil
		}
		f.Key.Wipe() // made ahead for a year that is over
	}
}

func (c *Custodian) draw(ctx context.Context, of stock.Name) (*Fresh, error) {
	const op = "custody: new file"
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	f := &Fresh{ID: id, binding: seal.Binding{File: id, Account: of.Account}, custodian: c}
	if f.ingest, err = c.ingest.Current(); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	a, b := seal.NewShares()
	defer a.Wipe()
	defer b.Wipe()
	h := seal.Header{Binding: f.binding}
	if of.Keep {
		if f.lock, err = c.lockOf(ctx, of.Account); err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
		if h.Wraps, err = f.lock.wraps(a, b, f.binding); err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
	}
	f.Key = seal.DeriveFileKey(a, b, id)
	f.Header = h.Marshal(f.Key)
	if f.grant, err = seal.WrapOwnGrant(f.Key, f.ingest.Private, f.binding); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return f, nil
}

func (f *Fresh) wipe() { f.Key.Wipe() }

// Grant returns the grant of the file for its row. It is called inside the
// transaction that inserts the row: the day's change looks for grants to wrap
// anew in a transaction too, so it sees the row, or Grant sees the new key. The
// keys of the next file are made from then on, while this one is committed.
func (f *Fresh) Grant() (catalog.Grant, error) {
	f.custodian.stock.Refill()
	current, err := f.custodian.ingest.Current()
	if err != nil {
		return catalog.Grant{}, err
	}
	if current.Fingerprint != f.ingest.Fingerprint {
		if f.grant, err = seal.WrapOwnGrant(f.Key, current.Private, f.binding); err != nil {
			return catalog.Grant{}, fault.Wrap(fault.Internal, "custody: grant", err)
		}
		f.ingest = current
	}
	return catalog.Grant{Key: f.ingest.Fingerprint.String(), Data: f.grant}, nil
}

// LockID returns what the file is sealed under, for its row: 0 when its header
// has no wraps. Like Grant it is called inside the transaction that inserts the
// row, so that a removal of one of the keys counts the row, or LockID sees the
// removal: it answers TryLater then, and the file begins anew.
func (f *Fresh) LockID(tx *catalog.Tx) (int64, error) {
	if f.lock == nil {
		return 0, nil
	}
	return f.lock.ID(tx)
}

// FileKey returns the key of a file on record: by its grant when that opens,
// else by certificate and access key. Locked when neither can be had here.
func (c *Custodian) FileKey(ctx context.Context, f *catalog.File, h seal.Header) (*seal.FileKey, error) {
	const op = "custody: file key"
	if err := h.Check(seal.Binding{File: f.ID, Account: f.Account}); err != nil {
		return nil, fault.Wrap(fault.Damaged, op, err)
	}
	k, grantErr := c.ingest.Open(ctx, f)
	if grantErr == nil {
		return k, nil
	}
	k, err := c.byLock(f.Account, h)
	if err == nil {
		return k, nil
	}
	if fault.Is(err, fault.Locked) && !fault.Is(grantErr, fault.Locked) {
		err = grantErr // it is here and damaged: that is what has to be said
	}
	return nil, fault.Wrap(fault.Internal, op, err)
}

// byLock opens a kept file by certificate and access key.
func (c *Custodian) byLock(account uuid.UUID, h seal.Header) (*seal.FileKey, error) {
	cert, access, err := c.pair(account, h)
	if err != nil {
		return nil, err
	}
	return h.FileKey(cert.Key, access)
}

// ShareA returns the half of a kept file's key that its certificate gives: whoever
// has an access key of the file opens it with that. Locked: no certificate that
// the header names is here.
func (c *Custodian) ShareA(f *catalog.File, h seal.Header) (seal.Share, error) {
	const op = "custody: share A"
	binding := seal.Binding{File: f.ID, Account: f.Account}
	if err := h.Check(binding); err != nil {
		return seal.Share{}, fault.Wrap(fault.Damaged, op, err)
	}
	have, err := c.accountKeys(f.Account)
	if err != nil {
		return seal.Share{}, fault.Wrap(fault.Internal, op, err)
	}
	for _, w := range h.Wraps {
		if w.Kind != seal.KindCertificate {
			continue
		}
		if k := have.Certificate(w.Key); k != nil && k.Key != nil {
			share, err := seal.UnwrapByCertificate(w, k.Key, binding)
			return share, fault.Wrap(fault.Internal, op, err)
		}
	}
	return seal.Share{}, fault.New(fault.Locked, op, "the certificate key that opens this file is not in the key store")
}

// pair returns the first certificate and the first access key that are here, or
// are unlocked, and that the header names.
func (c *Custodian) pair(account uuid.UUID, h seal.Header) (*keys.Certificate, hpke.PrivateKey, error) {
	have, err := c.accountKeys(account)
	if err != nil {
		return nil, nil, err
	}
	lent := c.loans.Of(account)
	cert, access := (*keys.Certificate)(nil), hpke.PrivateKey(nil)
	for _, w := range h.Wraps {
		switch w.Kind {
		case seal.KindCertificate:
			if k := have.Certificate(w.Key); cert == nil && k != nil && k.Key != nil {
				cert = k
			}
		case seal.KindAccessKey:
			if access != nil {
				break
			}
			if k := have.AccessKey(w.Key); k != nil && k.Private != nil {
				access = k.Private
			} else {
				access = lent[w.Key].Private
			}
		}
	}
	locked := func(what string) error {
		return fault.New(fault.Locked, "custody: open", "the %s that opens this file is not in the key store", what)
	}
	switch {
	case cert == nil:
		return nil, nil, locked("certificate key")
	case access == nil:
		return nil, nil, locked("access key")
	}
	return cert, access, nil
}
