package custody

import (
	"bytes"
	"context"
	"fmt"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// Why a file that somebody else has sealed is not taken as it is. Its sender can make
// both good: by another grant, and by sealing the file again.
var (
	ErrIngestKey   = fault.New(fault.TryLater, "custody: adopt", "the ingest key that the grant was made for is no longer in use")
	ErrKeysChanged = fault.New(fault.TryLater, "custody: adopt", "the file is not sealed for the keys that its account has now; seal it again")
)

// ErrForeign is in what Adopt says of the sender's own bytes: the header or the grant
// that he made is wrong. Whatever else fails there is trouble of this gateway.
var ErrForeign = fault.New(fault.Damaged, "custody: adopt", "the header or the grant of the file is wrong")

func foreign(err error) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(fault.Damaged, "custody: adopt", fmt.Errorf("%w (%w)", err, ErrForeign))
}

// Foreign is how a file begins that was sealed elsewhere.
type Foreign struct {
	ID        uuid.UUID
	Header    []byte
	Grant     []byte // for an ingest key of this node
	IngestKey seal.Fingerprint
}

// Adopt takes up the keys of a file that was sealed elsewhere, as NewFile makes those
// of one that is sealed here. The header has to be of this file and account, whole
// under the file key that the grant holds, and sealed for exactly the account's
// present lock when its content is kept, else for nobody: ErrKeysChanged. That its
// wraps open, only who holds their keys can tell.
func (c *Custodian) Adopt(ctx context.Context, account *catalog.Account, keep bool, from Foreign) (*Fresh, error) {
	const op = "custody: adopt"
	f := &Fresh{ID: from.ID, Header: from.Header, binding: seal.Binding{File: from.ID, Account: account.ID}, custodian: c}
	h, raw, err := seal.ReadHeader(bytes.NewReader(from.Header))
	if err == nil && len(raw) != len(from.Header) {
		err = fault.New(fault.Damaged, op, "something stands behind the header")
	}
	if err == nil {
		err = h.Check(f.binding)
	}
	if err != nil {
		return nil, foreign(err)
	}
	if keep || account.Keys == catalog.KeysCustomer {
		if f.lock, err = c.lockOf(ctx, account.ID); err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
	}
	if !keep {
		f.lock = nil
	}
	if err := f.lock.isOf(h); err != nil {
		return nil, err
	}
	if f.Key, err = c.openForeign(from, f.binding); err != nil {
		return nil, err
	}
	if err := f.adopt(raw); err != nil {
		f.Key.Wipe()
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return f, nil
}

func (c *Custodian) openForeign(from Foreign, b seal.Binding) (*seal.FileKey, error) {
	const op = "custody: adopt"
	key, err := c.ks.IngestKey(from.IngestKey)
	if fault.Is(err, fault.NotFound) {
		return nil, ErrIngestKey
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	k, err := seal.OpenGrant(from.Grant, key.Private, b)
	return k, foreign(err)
}

// adopt checks that the header belongs to the key, and makes the grant that goes on
// record.
func (f *Fresh) adopt(header []byte) (err error) {
	if err := seal.VerifyHeader(header, f.Key); err != nil {
		return foreign(err)
	}
	if f.ingest, err = f.custodian.ingest.Current(); err != nil {
		return err
	}
	f.grant, err = seal.WrapOwnGrant(f.Key, f.ingest.Private, f.binding)
	return err
}

// isOf reports whether a header is sealed for exactly this lock; nil = for nobody.
func (l *Lock) isOf(h seal.Header) error {
	want := map[seal.WrapKind]map[seal.Fingerprint]bool{seal.KindCertificate: {}, seal.KindAccessKey: {}}
	many := 0
	if l != nil {
		for _, cert := range l.certificates {
			fp, err := seal.CertificateFingerprint(cert)
			if err != nil {
				return err
			}
			want[seal.KindCertificate][fp] = true
		}
		for _, public := range l.accessKeys {
			want[seal.KindAccessKey][seal.AccessKeyFingerprint(public)] = true
		}
		many = len(want[seal.KindCertificate]) + len(want[seal.KindAccessKey])
	}
	// A header names a key once of each kind.
	for _, w := range h.Wraps {
		if !want[w.Kind][w.Key] {
			return ErrKeysChanged
		}
	}
	if len(h.Wraps) != many {
		return ErrKeysChanged
	}
	return nil
}
