package inventory

import (
	"bytes"
	"context"
	"crypto/x509"
	"slices"
	"strings"

	"github.com/google/uuid"

	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// Certificate is a certificate on record.
type Certificate struct {
	catalog.Certificate
	Cert  *x509.Certificate
	Here  bool   // its private key is in the key store
	Token string // the URI of the token that its private key lies in
	Files int64  // that have a body sealed under it
}

// Certificates lists the account's certificates.
func (v *Inventory) Certificates(ctx context.Context, account uuid.UUID) ([]Certificate, error) {
	const op = "custody: certificates"
	s, err := take(ctx, v, account, (*catalog.Tx).Certificates)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	list := make([]Certificate, len(s.rows))
	for i, row := range s.rows {
		cert, err := x509.ParseCertificate(row.DER)
		if err != nil {
			return nil, fault.Wrap(fault.Damaged, op, err)
		}
		fp, err := seal.ParseFingerprint(row.Fingerprint)
		if err != nil {
			return nil, fault.Wrap(fault.Damaged, op, err)
		}
		list[i] = Certificate{Certificate: *row, Cert: cert, Files: s.files[row.Fingerprint]}
		if k := s.have.Certificate(fp); k != nil {
			list[i].Here, list[i].Token = k.Key != nil, k.Token
		}
	}
	return list, nil
}

// FindCertificate returns the fingerprint that begins with text.
func (v *Inventory) FindCertificate(ctx context.Context, account uuid.UUID, text string) (string, error) {
	const op = "custody: find certificate"
	ring, err := keyring.Of(ctx, v.cat, account)
	if err != nil {
		return "", fault.Wrap(fault.Internal, op, err)
	}
	text = strings.ToLower(text)
	var found []string
	for _, row := range ring.Certificates {
		if len(text) >= minNamed && strings.HasPrefix(row.Fingerprint, text) {
			found = append(found, row.Fingerprint)
		}
	}
	return only(op, "certificate", found)
}

// ExportCertificate returns a certificate as PEM, the newest current one when
// fp is empty; with its private key behind it when asked for.
func (v *Inventory) ExportCertificate(ctx context.Context, actor string, account uuid.UUID, fp string, withKey bool) ([]byte, error) {
	const op = "custody: export certificate"
	list, err := v.Certificates(ctx, account)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	i := slices.IndexFunc(list, func(c Certificate) bool {
		return c.Fingerprint == fp || fp == "" && c.Current
	})
	if i < 0 {
		return nil, fault.New(fault.NotFound, op, "the account has no such certificate")
	}
	public := keyfile.MarshalCertificate(list[i].Cert)
	if !withKey {
		return public, nil
	}
	if !list[i].Here {
		return nil, fault.New(fault.Denied, op, "the private key of this certificate is not at the gateway")
	}
	finger, err := seal.ParseFingerprint(list[i].Fingerprint)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := v.giveAway(ctx, actor, account, "certificate.exported", list[i].Fingerprint); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	private, err := v.ks.ExportCertificateKey(account, finger)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	defer clear(private)
	return bytes.Join([][]byte{public, private}, nil), nil
}
