package custody

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/custody/keyring"
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
		ring, err := keyring.Read(tx, account)
		if err != nil {
			return err
		}
		rows, err := tx.Locks(account)
		opens := ring.Opening("", uuid.Nil)
		for _, row := range rows {
			if !opens.Lock(row) {
				dead = append(dead, row.ID)
			}
		}
		return err
	})
	return dead, fault.Wrap(fault.Internal, "custody: dead locks", err)
}
