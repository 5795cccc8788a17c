package keys

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// Certificate is an account's certificate with its key.
type Certificate struct {
	Cert        *x509.Certificate
	Fingerprint seal.Fingerprint // of the certificate's public key
	// Key is a crypto.Decrypter (RSA) or an ecdh.KeyExchanger (EC) and nothing
	// more: it may as well lie in a token. It gives no key bytes away.
	Key crypto.PrivateKey

	pkcs8 func() ([]byte, error) // of a key not in the store yet, which has to be written
}

// String names the certificate.
func (c *Certificate) String() string { return "certificate " + c.Fingerprint.String() }

// Format is String under every verb: none prints what is inside.
func (c *Certificate) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// PEM returns the certificate, which is no secret.
func (c *Certificate) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: c.Cert.Raw})
}

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
	c, err := newCertificate(cert, key)
	return c, fault.Wrap(fault.Internal, op, err)
}

// ImportCertificate takes a customer's certificate and key from PEM text. It is
// accepted when the key is of a kind and size that can seal, the certificate
// allows that use and is valid now, the two belong together, and a share
// wrapped for the one opens with the other.
func ImportCertificate(certPEM, keyPEM []byte, now time.Time) (*Certificate, error) {
	const op = "keys: import certificate"
	cert, err := ParseCertificate(certPEM)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, op, err)
	}
	if err := checkUse(cert, now); err != nil {
		return nil, err
	}
	key, err := parsePKCS8PEM(keyPEM)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, op, err)
	}
	c, err := newCertificate(cert, key)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, op, err)
	}
	return c, nil
}

// checkUse applies RFC 5280: a certificate that names usages forbids the others
// (4.2.1.3), and none counts outside its validity (4.1.2.5).
func checkUse(cert *x509.Certificate, now time.Time) error {
	const op = "keys: import certificate"
	need, name := x509.KeyUsageKeyAgreement, "key agreement"
	if _, ok := cert.PublicKey.(*rsa.PublicKey); ok {
		need, name = x509.KeyUsageKeyEncipherment|x509.KeyUsageDataEncipherment, "key encipherment"
	}
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	switch {
	case cert.KeyUsage != 0 && cert.KeyUsage&need == 0:
		return fault.New(fault.Invalid, op, "the certificate does not allow %s, which sealing files needs", name)
	case now.Before(cert.NotBefore):
		return fault.New(fault.Invalid, op, "the certificate is not valid before %s", day(cert.NotBefore))
	case now.After(cert.NotAfter):
		return fault.New(fault.Invalid, op, "the certificate was valid until %s", day(cert.NotAfter))
	}
	return nil
}

// newCertificate joins a certificate with its key, once a share wrapped for
// the one has opened with the other.
func newCertificate(cert *x509.Certificate, key crypto.PrivateKey) (*Certificate, error) {
	fp, err := seal.CertificateFingerprint(cert)
	if err != nil {
		return nil, err
	}
	hidden, err := opaque(key)
	if err != nil {
		return nil, err
	}
	c := &Certificate{Cert: cert, Fingerprint: fp, Key: hidden}
	c.pkcs8 = func() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(key) }
	return c, c.check()
}

// check proves that key and certificate belong together, by what they are for.
func (c *Certificate) check() error {
	const op = "keys: check certificate"
	if own, err := seal.PrivateKeyFingerprint(c.Key); err != nil || own != c.Fingerprint {
		return fault.New(fault.Invalid, op, "the key does not belong to the certificate")
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
	if err != nil || got != share {
		return fault.New(fault.Invalid, op, "the key does not open what is sealed for the certificate")
	}
	return nil
}

func (s *Store) appendCertificate(doc *document, c *Certificate) error {
	if c.pkcs8 == nil {
		return errors.New("the key of this certificate is not ours to write")
	}
	secret, err := c.pkcs8()
	if err != nil {
		return err
	}
	return s.add(doc, entry{Kind: kindCertificate, ID: c.Fingerprint.String(), Public: c.Cert.Raw}, secret)
}

func openCertificate(e entry, secret []byte) (*Certificate, error) {
	cert, err := x509.ParseCertificate(e.Public)
	if err != nil {
		return nil, err
	}
	fp, err := seal.CertificateFingerprint(cert)
	if err != nil {
		return nil, err
	}
	if fp.String() != e.ID {
		return nil, errors.New("a certificate stands under another one's fingerprint")
	}
	key, err := x509.ParsePKCS8PrivateKey(secret)
	if err != nil {
		return nil, err
	}
	hidden, err := opaque(key)
	if err != nil {
		return nil, err
	}
	return &Certificate{Cert: cert, Fingerprint: fp, Key: hidden}, nil
}

// ExportCertificateKey returns the certificate's private key as PKCS#8 PEM. The
// caller has asked whether that is allowed, and overwrites it after use.
func (s *Store) ExportCertificateKey(id uuid.UUID, fp seal.Fingerprint) ([]byte, error) {
	const op = "keys: export certificate key"
	s.mu.RLock()
	defer s.mu.RUnlock()
	doc, err := s.readAccount(id)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	i := doc.find(kindCertificate, fp.String())
	if i < 0 {
		return nil, fault.New(fault.NotFound, op, "the key store has no such certificate: %s", fp)
	}
	secret, err := s.ring.open(doc.Name, doc.Entries[i])
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	defer clear(secret)
	return pem.EncodeToMemory(&pem.Block{Type: pemPrivateKey, Bytes: secret}), nil
}

// opaque hides a private key behind the one thing it is used for.
func opaque(key crypto.PrivateKey) (crypto.PrivateKey, error) {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return decrypter{key}, nil
	case *ecdsa.PrivateKey:
		k, err := key.ECDH()
		if err != nil {
			return nil, fault.New(fault.Invalid, "keys: certificate key", "the EC key is not on P-256 or P-384")
		}
		return exchanger{k}, nil
	case *ecdh.PrivateKey:
		return exchanger{key}, nil
	}
	return nil, fault.New(fault.Invalid, "keys: certificate key", "the key is neither RSA nor EC")
}

// decrypter is an RSA key that can decrypt, and not print.
type decrypter struct{ key *rsa.PrivateKey }

func (d decrypter) Public() crypto.PublicKey { return d.key.Public() }
func (d decrypter) Decrypt(r io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	return d.key.Decrypt(r, msg, opts)
}
func (decrypter) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// exchanger is an EC key that can agree on a secret, and not print.
type exchanger struct{ key *ecdh.PrivateKey }

func (e exchanger) PublicKey() *ecdh.PublicKey                  { return e.key.PublicKey() }
func (e exchanger) Curve() ecdh.Curve                           { return e.key.Curve() }
func (e exchanger) ECDH(remote *ecdh.PublicKey) ([]byte, error) { return e.key.ECDH(remote) }
func (exchanger) Format(f fmt.State, _ rune)                    { io.WriteString(f, redacted) }

const redacted = "[key]"
