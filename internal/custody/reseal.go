package custody

import (
	"context"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// Reseal returns the header of a kept file under another lock, and the file's
// key, which the caller wipes: what seal.ReplaceHeader asks for. Both shares are
// needed for it, so it is Locked unless a certificate and an access key of the
// file are here. The new header has been opened: it takes the place of one that
// could be.
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
	if err := c.proven(l, fresh, a, b); err != nil {
		return seal.Header{}, nil, fault.Wrap(fault.Internal, op, err)
	}
	return fresh, seal.DeriveFileKey(a, b, f.ID), nil
}

// proven opens a new header with the keys that are here or are lent. A share that
// nothing here opens is a fault, unless it is for access keys that the customer
// alone holds: he has shown that he can.
func (c *Custodian) proven(l *Lock, h seal.Header, a, b seal.Share) error {
	have, err := c.accountKeys(l.account)
	if err != nil {
		return err
	}
	lent := c.loans.Of(l.account)
	certs, access := 0, 0
	for _, w := range h.Wraps {
		var got, want seal.Share
		if w.Kind == seal.KindCertificate {
			k := have.Certificate(w.Key)
			if k == nil || k.Key == nil {
				continue
			}
			want = a
			got, err = seal.UnwrapByCertificate(w, k.Key, h.Binding)
			certs++
		} else {
			private := lent[w.Key].Private
			if k := have.AccessKey(w.Key); k != nil && k.Private != nil {
				private = k.Private
			}
			if private == nil {
				continue
			}
			want = b
			got, err = seal.UnwrapByAccessKey(w, private, h.Binding)
			access++
		}
		if err != nil {
			return err
		}
		same := got == want
		got.Wipe()
		want.Wipe()
		if !same {
			return fault.New(fault.Internal, "custody: reseal", "the new header opens to another key")
		}
	}
	if certs == 0 || access == 0 && l.holds {
		return fault.New(fault.Locked, "custody: reseal", "the keys that the file would be sealed for are not in the key store")
	}
	return nil
}
