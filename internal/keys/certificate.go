package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/keys/token"
	"sealgate/internal/keys/wrapped"
	"sealgate/internal/seal"
)

// Certificate is an account's certificate with its key.
type Certificate struct {
	Cert        *x509.Certificate
	Fingerprint seal.Fingerprint // of the certificate's public key
	// Key is a crypto.Decrypter (RSA) or an ecdh.KeyExchanger (EC) and nothing
	// more. It gives no key bytes away.
	Key   crypto.PrivateKey
	Token string // the pkcs11: URI of a key that lies in a token; empty for one that lies here

	pkcs8 func() []byte // a copy of a key that is not in the store yet, which has to be written
}

// String names the certificate.
func (c *Certificate) String() string { return "certificate " + c.Fingerprint.String() }

// Format is String under every verb: none prints what is inside.
func (c *Certificate) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// PEM returns the certificate, which is no secret.
func (c *Certificate) PEM() []byte { return keyfile.MarshalCertificate(c.Cert) }

const certificateYears = 10

// NewCertificate makes an EC P-256 key and a certificate for it, signed by
// itself. It says who the account is to nobody but the gateway: what counts is
// its key.
func NewCertificate(account string, now time.Time) (*Certificate, error) {
	const op = "keys: new certificate"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	serial := make([]byte, 16)
	rand.Read(serial)  // never fails
	serial[0] &= 0x7f  // RFC 5280, 4.1.2.2: positive
	serial[15] |= 0x01 // and not zero
	tmpl := &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes(serial),
		Subject:               pkix.Name{CommonName: account},
		NotBefore:             now.Add(-time.Hour).UTC(), // for clocks that lag behind ours
		NotAfter:              now.AddDate(certificateYears, 0, 0).UTC(),
		KeyUsage:              x509.KeyUsageKeyAgreement,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	c, err := newCertificate(cert, secret)
	return c, fault.Wrap(fault.Internal, op, err)
}

// ImportCertificate takes a customer's certificate, with the chain it may come
// with, and its key from PEM text; in the place of the key there may be the
// pkcs11: URI of one that lies in a token. It is accepted when keyfile's checks
// hold, the two belong together, and a share wrapped for the one opens with the
// other.
func ImportCertificate(certPEM, key []byte, now time.Time) (*Certificate, error) {
	const op = "keys: import certificate"
	cert, err := keyfile.CheckCertificate(certPEM, now)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, op, err)
	}
	var c *Certificate
	if uri := strings.TrimSpace(string(key)); strings.HasPrefix(uri, token.Scheme) {
		if c, err = tokenCertificate(cert, uri); err == nil {
			err = c.check()
		}
	} else {
		var secret []byte
		if secret, err = keyfile.DecodeCertificateKey(key); err == nil {
			c, err = newCertificate(cert, secret)
		}
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, op, err)
	}
	return c, nil
}

// newCertificate joins a certificate with its key, once a share wrapped for
// the one has opened with the other. It keeps pkcs8.
func newCertificate(cert *x509.Certificate, pkcs8 []byte) (*Certificate, error) {
	c, err := heldCertificate(cert, pkcs8)
	if err != nil {
		return nil, err
	}
	c.pkcs8 = func() []byte { return bytes.Clone(pkcs8) }
	return c, c.check()
}

// heldCertificate is a certificate whose key is here.
func heldCertificate(cert *x509.Certificate, pkcs8 []byte) (*Certificate, error) {
	fp, err := seal.CertificateFingerprint(cert)
	if err != nil {
		return nil, err
	}
	key, err := keyfile.CertificateKey(pkcs8)
	if err != nil {
		return nil, err
	}
	return &Certificate{Cert: cert, Fingerprint: fp, Key: key}, nil
}

// tokenCertificate is a certificate whose key lies in a token, which is opened
// when the key is used for the first time.
func tokenCertificate(cert *x509.Certificate, uri string) (*Certificate, error) {
	fp, err := seal.CertificateFingerprint(cert)
	if err != nil {
		return nil, err
	}
	key, err := token.Key(uri, cert.PublicKey)
	if err != nil {
		return nil, err
	}
	return &Certificate{Cert: cert, Fingerprint: fp, Key: key, Token: uri}, nil
}

// check proves that key and certificate belong together, by what they are for.
func (c *Certificate) check() error {
	const op = "keys: check certificate"
	if own, err := seal.PrivateKeyFingerprint(c.Key); err != nil || own != c.Fingerprint {
		return fault.New(fault.Invalid, op, "the key does not belong to the certificate: bring the key that the certificate was made for")
	}
	share, other := seal.NewShares()
	defer share.Wipe()
	defer other.Wipe()
	w, err := seal.WrapForCertificate(share, c.Cert, seal.Binding{})
	if err != nil {
		return err
	}
	got, err := seal.UnwrapByCertificate(w, c.Key, seal.Binding{})
	defer got.Wipe()
	if err != nil && !fault.Is(err, fault.Damaged) {
		return err // the token's own words
	}
	if err != nil || got != share {
		return fault.New(fault.Invalid, op, "the key does not open what is sealed for the certificate")
	}
	return nil
}

func (s *Store) appendCertificate(doc *wrapped.Document, c *Certificate) error {
	e := wrapped.Entry{Kind: KindCertificate, ID: c.Fingerprint.String(), Public: c.Cert.Raw}
	if i := findDestroyed(doc, c.Fingerprint); i >= 0 {
		return errDestroyed(doc.Entries[i])
	}
	switch {
	case c.Token != "":
		e.Kind = kindTokenCertificate
		return s.add(doc, e, []byte(c.Token))
	case c.pkcs8 == nil:
		return errors.New("the key of this certificate is not ours to write")
	}
	return s.add(doc, e, c.pkcs8())
}

func openCertificate(e wrapped.Entry, secret []byte) (*Certificate, error) {
	cert, err := x509.ParseCertificate(e.Public)
	if err != nil {
		return nil, err
	}
	var c *Certificate
	if e.Kind == kindTokenCertificate {
		c, err = tokenCertificate(cert, string(secret))
	} else {
		c, err = heldCertificate(cert, secret)
	}
	if err == nil && c.Fingerprint.String() != e.ID {
		err = errors.New("a certificate stands under another one's fingerprint")
	}
	return c, err
}

// ExportCertificateKey returns the certificate's private key as PKCS#8 PEM;
// Locked for one in a token. The caller has asked whether that is allowed, and
// overwrites it after use.
func (s *Store) ExportCertificateKey(id uuid.UUID, fp seal.Fingerprint) ([]byte, error) {
	const op = "keys: export certificate key"
	s.mu.RLock()
	defer s.mu.RUnlock()
	doc, err := s.readAccount(id)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	i := find(doc, KindCertificate, fp.String())
	switch {
	case i < 0:
		return nil, fault.New(fault.NotFound, op, "the key store has no such certificate: %s", fp)
	case doc.Entries[i].Kind == kindTokenCertificate:
		return nil, fault.New(fault.Locked, op, "the key of this certificate lies in a token, which does not give it away")
	}
	secret, err := s.ring.Open(doc.Name, doc.Entries[i])
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	defer clear(secret)
	return keyfile.MarshalCertificateKey(secret), nil
}
