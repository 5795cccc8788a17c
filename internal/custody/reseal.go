package custody

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// Reseal returns the header of a kept file under another lock, and the file's
// key, which the caller wipes: what seal.ReplaceHeader asks for. Both shares are
// needed for it, so it is Locked unless a certificate and an access key of the
// file are here.
func (c *Custodian) Reseal(_ context.Context, f *catalog.File, h seal.Header, l *Lock) (seal.Header, *seal.FileKey, error) {
	const op = "custody: reseal"
	binding := seal.Binding{File: f.ID, Account: f.Account}
	if err := h.Check(binding); err != nil {
		return seal.Header{}, nil, fault.Wrap(fault.Damaged, op, err)
	}
	if l.account != f.Account {
		return seal.Header{}, nil, fault.New(fault.Invalid, op, "the lock belongs to another account")
	}
	cert, access, err := c.pair(f.Account, h)
	if err != nil {
		return seal.Header{}, nil, fault.Wrap(fault.Internal, op, err)
	}
	certWrap, err := h.Find(seal.KindCertificate, cert.Fingerprint)
	if err != nil {
		return seal.Header{}, nil, fault.Wrap(fault.Internal, op, err)
	}
	accessWrap, err := h.Find(seal.KindAccessKey, seal.AccessKeyFingerprint(access.PublicKey()))
	if err != nil {
		return seal.Header{}, nil, fault.Wrap(fault.Internal, op, err)
	}
	a, err := seal.UnwrapByCertificate(certWrap, cert.Key, binding)
	if err != nil {
		return seal.Header{}, nil, fault.Wrap(fault.Internal, op, err)
	}
	defer a.Wipe()
	b, err := seal.UnwrapByAccessKey(accessWrap, access, binding)
	if err != nil {
		return seal.Header{}, nil, fault.Wrap(fault.Internal, op, err)
	}
	defer b.Wipe()
	fresh := seal.Header{Binding: binding}
	if fresh.Wraps, err = l.wraps(a, b, binding); err != nil {
		return seal.Header{}, nil, fault.Wrap(fault.Internal, op, err)
	}
	return fresh, seal.DeriveFileKey(a, b, f.ID), nil
}

// DeadLocks returns the locks of an account that nothing opens any more: their
// certificates, or their access keys, were all destroyed. An access key that the
// customer holds is not destroyed by being removed here.
func (c *Custodian) DeadLocks(ctx context.Context, account uuid.UUID) ([]int64, error) {
	var dead []int64
	err := c.cat.View(ctx, func(tx *catalog.Tx) error {
		ring, err := readKeyring(tx, account)
		if err != nil {
			return err
		}
		rows, err := tx.Locks(account)
		opens := ring.opening(Target{})
		for _, row := range rows {
			if !opens.lock(row) {
				dead = append(dead, row.ID)
			}
		}
		return err
	})
	return dead, fault.Wrap(fault.Internal, "custody: dead locks", err)
}

// opening is the set of keys, by fingerprint, that open files somewhere.
type opening struct{ certs, access map[string]bool }

// opening returns the keys of an account that are there, or that the customer
// has, without one that is to be removed.
func (k keyring) opening(without Target) opening {
	o := opening{map[string]bool{}, map[string]bool{}}
	for _, cert := range k.certificates {
		o.certs[cert.Fingerprint] = cert.RemovedAt.IsZero() && cert.Fingerprint != without.Certificate
	}
	for _, key := range k.accessKeys {
		here := key.RemovedAt.IsZero() && key.ID != without.AccessKey
		o.access[key.Fingerprint] = o.access[key.Fingerprint] || here || key.Held == catalog.KeysCustomer
	}
	return o
}

func (o opening) lock(row *catalog.Lock) bool {
	return slices.ContainsFunc(row.Certificates, func(fp string) bool { return o.certs[fp] }) &&
		slices.ContainsFunc(row.AccessKeys, func(fp string) bool { return o.access[fp] })
}
