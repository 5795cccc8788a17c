package custody

import (
	"bytes"
	"context"
	"crypto/x509"
	"strconv"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/store/catalog"
)

// CertificateInfo is a certificate on record.
type CertificateInfo struct {
	catalog.Certificate
	Cert *x509.Certificate
	Here bool // its private key is in the key store
}

// AccessKeyInfo is an access key on record.
type AccessKeyInfo struct {
	catalog.AccessKey
	Here bool // its private half is in the key store
}

// Certificates lists the account's certificates, the newest first.
func (c *Custodian) Certificates(ctx context.Context, account uuid.UUID) ([]CertificateInfo, error) {
	const op = "custody: certificates"
	var rows []*catalog.Certificate
	err := c.cat.View(ctx, func(tx *catalog.Tx) (err error) {
		rows, err = tx.Certificates(account)
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	have, err := c.held(account)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	list := make([]CertificateInfo, len(rows))
	for i, row := range rows {
		cert, err := x509.ParseCertificate(row.DER)
		if err != nil {
			return nil, fault.Wrap(fault.Damaged, op, err)
		}
		fp, err := parseFingerprint(row.Fingerprint)
		if err != nil {
			return nil, fault.Wrap(fault.Damaged, op, err)
		}
		k := have.Certificate(fp)
		list[i] = CertificateInfo{Certificate: *row, Cert: cert, Here: k != nil && k.Key != nil}
	}
	return list, nil
}

// AccessKeys lists the account's access keys.
func (c *Custodian) AccessKeys(ctx context.Context, account uuid.UUID) ([]AccessKeyInfo, error) {
	const op = "custody: access keys"
	var rows []*catalog.AccessKey
	err := c.cat.View(ctx, func(tx *catalog.Tx) (err error) {
		rows, err = tx.AccessKeys(account)
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	have, err := c.held(account)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	list := make([]AccessKeyInfo, len(rows))
	for i, row := range rows {
		fp, err := parseFingerprint(row.Fingerprint)
		if err != nil {
			return nil, fault.Wrap(fault.Damaged, op, err)
		}
		k := have.AccessKey(fp)
		list[i] = AccessKeyInfo{AccessKey: *row, Here: k != nil && k.Private != nil}
	}
	return list, nil
}

// held is accountKeys for lists: no keys here is an answer, not an error.
func (c *Custodian) held(account uuid.UUID) (*keys.Account, error) {
	k, err := c.ks.Account(account)
	if fault.Is(err, fault.NotFound) {
		return new(keys.Account), nil
	}
	return k, err
}

// ExportCertificate returns a certificate as PEM, the newest current one when
// fp is empty; with its private key behind it when asked for. Giving away the
// key is on record before it happens.
func (c *Custodian) ExportCertificate(ctx context.Context, actor string, account uuid.UUID, fp string, withKey bool) ([]byte, error) {
	const op = "custody: export certificate"
	list, err := c.Certificates(ctx, account)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	info, ok := choose(list, func(i CertificateInfo) bool {
		return i.Fingerprint == fp || fp == "" && i.Current
	})
	if !ok {
		return nil, fault.New(fault.NotFound, op, "the account has no such certificate")
	}
	public := (&keys.Certificate{Cert: info.Cert}).PEM()
	if !withKey {
		return public, nil
	}
	if !info.Here {
		return nil, fault.New(fault.Denied, op, "the private key of this certificate is not at the gateway")
	}
	finger, err := parseFingerprint(info.Fingerprint)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := c.auditExport(ctx, actor, account, "certificate.exported", info.Fingerprint, withKey); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	private, err := c.ks.ExportCertificateKey(account, finger)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	defer clear(private)
	return bytes.Join([][]byte{public, private}, nil), nil
}

// ExportAccessKey returns both halves of a gateway-held access key as PEM, the
// newest one when id is uuid.Nil. It is on record before it happens.
func (c *Custodian) ExportAccessKey(ctx context.Context, actor string, account, id uuid.UUID) (private, public []byte, err error) {
	const op = "custody: export access key"
	list, err := c.AccessKeys(ctx, account)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	info, ok := choose(list, func(i AccessKeyInfo) bool {
		return i.ID == id || id == uuid.Nil && i.RemovedAt.IsZero()
	})
	if !ok {
		return nil, nil, fault.New(fault.NotFound, op, "the account has no such access key")
	}
	if info.Held != catalog.KeysGateway || !info.Here {
		return nil, nil, fault.New(fault.Denied, op, "the private half of this access key is not at the gateway")
	}
	k, err := c.accessKey(account, info.Fingerprint)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := c.auditExport(ctx, actor, account, "access-key.exported", info.ID.String(), true); err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	if private, err = keys.MarshalAccessKey(k.Private); err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	return private, keys.MarshalAccessPublicKey(k.Public), nil
}

func (c *Custodian) accessKey(account uuid.UUID, fingerprint string) (*keys.AccessKey, error) {
	fp, err := parseFingerprint(fingerprint)
	if err != nil {
		return nil, err
	}
	have, err := c.accountKeys(account)
	if err != nil {
		return nil, err
	}
	k := have.AccessKey(fp)
	if k == nil || k.Private == nil {
		return nil, fault.New(fault.Locked, "custody: access key", "the access key is not in the key store")
	}
	return k, nil
}

// choose returns the first element that fits; lists are newest first.
func choose[T any](list []T, fits func(T) bool) (T, bool) {
	for _, e := range list {
		if fits(e) {
			return e, true
		}
	}
	var none T
	return none, false
}

func (c *Custodian) auditExport(ctx context.Context, actor string, account uuid.UUID, action, object string, withKey bool) error {
	return c.cat.Update(ctx, func(tx *catalog.Tx) error {
		return tx.Audit(audit.Entry{
			Account: account, Actor: actor, Action: action, Object: object,
			Detail: map[string]string{"private": strconv.FormatBool(withKey)},
		})
	})
}
