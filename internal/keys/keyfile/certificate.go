package keyfile

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"io"
	"strings"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// ParseCertificate reads the first certificate in PEM text; others after it (a
// chain) do not matter. Its key must be one that can seal.
func ParseCertificate(text []byte) (*x509.Certificate, error) {
	cert, _, err := nextCertificate(text)
	return cert, err
}

func nextCertificate(text []byte) (cert *x509.Certificate, rest []byte, err error) {
	const op = "keyfile: parse certificate"
	der, rest, err := next(op, text, typeCertificate, "certificate")
	if err != nil {
		return nil, nil, err
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		return nil, nil, invalid(op, "the certificate cannot be read", err)
	}
	return cert, rest, fault.Wrap(fault.Invalid, op, seal.CheckCertificate(cert))
}

// MarshalCertificate returns the certificate, which is no secret, as PEM text.
func MarshalCertificate(cert *x509.Certificate) []byte { return encode(typeCertificate, cert.Raw) }

// CheckCertificate reads a certificate that a customer brings, and its chain if
// it comes with one, and refuses what cannot be right: a key that cannot seal,
// a usage that excludes it, a time outside of its validity, certificates behind
// it that did not sign one another. Who signed it does not matter: what counts
// is its key.
func CheckCertificate(text []byte, now time.Time) (*x509.Certificate, error) {
	cert, rest, err := nextCertificate(text)
	if err != nil {
		return nil, err
	}
	if err := checkUse(cert); err != nil {
		return nil, err
	}
	if err := checkExtendedUse(cert); err != nil {
		return nil, err
	}
	if err := checkValidity(cert, now); err != nil {
		return nil, err
	}
	return cert, checkChain(cert, rest)
}

const opCheck = "keyfile: check certificate"

// checkUse applies RFC 5280, 4.2.1.3: a certificate that names usages forbids
// the others.
func checkUse(cert *x509.Certificate) error {
	need, name := x509.KeyUsageKeyAgreement, "key agreement"
	if _, ok := cert.PublicKey.(*rsa.PublicKey); ok {
		need, name = x509.KeyUsageKeyEncipherment|x509.KeyUsageDataEncipherment, "key encipherment"
	}
	switch {
	case cert.KeyUsage == 0 || cert.KeyUsage&need != 0:
		return nil
	case cert.IsCA:
		return fault.New(fault.Invalid, opCheck,
			"this is the certificate of an authority, and does not allow %s, which sealing files needs; put the account's own certificate first", name)
	}
	return fault.New(fault.Invalid, opCheck,
		"the certificate does not allow %s, which sealing files needs; ask its authority for one with that key usage", name)
}

// Purposes that have nothing to do with reading anything (RFC 5280, 4.2.1.12).
var signingOnly = map[x509.ExtKeyUsage]string{
	x509.ExtKeyUsageCodeSigning:                    "code signing",
	x509.ExtKeyUsageTimeStamping:                   "time stamping",
	x509.ExtKeyUsageOCSPSigning:                    "OCSP signing",
	x509.ExtKeyUsageMicrosoftCommercialCodeSigning: "code signing",
	x509.ExtKeyUsageMicrosoftKernelCodeSigning:     "code signing",
}

// checkExtendedUse refuses a certificate whose purposes are all of signing.
// Purposes that nobody here knows are the customer's own business.
func checkExtendedUse(cert *x509.Certificate) error {
	if len(cert.ExtKeyUsage) == 0 || len(cert.UnknownExtKeyUsage) > 0 {
		return nil
	}
	var named []string
	for _, u := range cert.ExtKeyUsage {
		name, ok := signingOnly[u]
		if !ok {
			return nil
		}
		named = append(named, name)
	}
	return fault.New(fault.Invalid, opCheck,
		"the certificate is for %s only (its extended key usage), and cannot seal files", strings.Join(named, " and "))
}

// checkValidity applies RFC 5280, 4.1.2.5.
func checkValidity(cert *x509.Certificate, now time.Time) error {
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	switch {
	case now.Before(cert.NotBefore):
		return fault.New(fault.Invalid, opCheck, "the certificate is not valid before %s; bring it then, or check this machine's clock", day(cert.NotBefore))
	case now.After(cert.NotAfter):
		return fault.New(fault.Invalid, opCheck, "the certificate was valid until %s; bring a renewed one", day(cert.NotAfter))
	}
	return nil
}

const maxChain = 10

// checkChain requires that each certificate in the text signed the one before.
func checkChain(cert *x509.Certificate, text []byte) error {
	for n := 2; ; n++ {
		der, rest, err := next(opCheck, text, typeCertificate, "certificate")
		if err != nil {
			return nil // no further certificate; a key behind them is no harm
		}
		if n > maxChain {
			return fault.New(fault.Invalid, opCheck, "there are more than %d certificates in the file", maxChain)
		}
		issuer, err := x509.ParseCertificate(der)
		if err != nil {
			return invalid(opCheck, fmt.Sprintf("certificate %d in the file cannot be read", n), err)
		}
		if err := cert.CheckSignatureFrom(issuer); err != nil {
			return invalid(opCheck, fmt.Sprintf("certificate %d in the file did not sign the one before it: "+
				"put the account's own certificate first and each issuer after the one it signed, or leave the issuers away", n), err)
		}
		cert, text = issuer, rest
	}
}

// ParseCertificateKey reads the private key of a certificate from PKCS#8 PEM
// text. The result is a crypto.Decrypter (RSA) or an ecdh.KeyExchanger (EC).
func ParseCertificateKey(text []byte) (crypto.PrivateKey, error) {
	der, err := DecodeCertificateKey(text)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	return CertificateKey(der)
}

// DecodeCertificateKey returns the PKCS#8 in PEM text. The caller overwrites it.
func DecodeCertificateKey(text []byte) ([]byte, error) {
	return decode("keyfile: parse certificate key", text, typePrivateKey, "PKCS#8 private key")
}

// MarshalCertificateKey returns PKCS#8 as PEM text. The caller overwrites it
// after use.
func MarshalCertificateKey(der []byte) []byte { return encode(typePrivateKey, der) }

// CertificateKey reads a private key that can open what was sealed for a
// certificate from PKCS#8. It comes hidden behind the one thing it is used for,
// a crypto.Decrypter or an ecdh.KeyExchanger: it may as well lie in a token.
func CertificateKey(der []byte) (crypto.PrivateKey, error) {
	const op = "keyfile: parse certificate key"
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, invalid(op, "the private key cannot be read", err)
	}
	hidden, err := hide(key)
	if err != nil {
		return nil, err
	}
	if _, err := seal.PrivateKeyFingerprint(hidden); err != nil {
		return nil, fault.Wrap(fault.Invalid, op, err)
	}
	return hidden, nil
}

func hide(key crypto.PrivateKey) (crypto.PrivateKey, error) {
	const op = "keyfile: certificate key"
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return decrypter{key}, nil
	case *ecdsa.PrivateKey:
		k, err := key.ECDH()
		if err != nil {
			return nil, fault.New(fault.Invalid, op, "the EC key is not on P-256 or P-384")
		}
		return exchanger{k}, nil
	case *ecdh.PrivateKey:
		return exchanger{key}, nil
	}
	return nil, fault.New(fault.Invalid, op, "the key is neither RSA nor EC")
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
