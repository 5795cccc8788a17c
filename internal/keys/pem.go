package keys

import (
	"bytes"
	"crypto"
	"crypto/hpke"
	"crypto/x509"
	"encoding/pem"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// The types of PEM blocks (RFC 7468; the last two are ours).
const (
	pemCertificate     = "CERTIFICATE"
	pemPrivateKey      = "PRIVATE KEY"
	pemAccessKey       = "SEALGATE ACCESS KEY"
	pemAccessPublicKey = "SEALGATE ACCESS PUBLIC KEY"

	maxPEM = 1 << 20
)

// ParseCertificate reads the first certificate in PEM text; others after it (a
// chain) do not matter. Its key must be one that can seal.
func ParseCertificate(text []byte) (*x509.Certificate, error) {
	const op = "keys: parse certificate"
	der, err := find(op, text, pemCertificate, "certificate")
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, invalid(op, "the certificate cannot be read", err)
	}
	return cert, fault.Wrap(fault.Invalid, op, seal.CheckCertificate(cert))
}

// ParseCertificateKey reads the private key of a certificate from PKCS#8 PEM
// text. The result is a crypto.Decrypter or an ecdh.KeyExchanger.
func ParseCertificateKey(text []byte) (crypto.PrivateKey, error) {
	const op = "keys: parse certificate key"
	key, err := parsePKCS8PEM(text)
	if err != nil {
		return nil, err
	}
	hidden, err := opaque(key)
	if err != nil {
		return nil, err
	}
	if _, err := seal.PrivateKeyFingerprint(hidden); err != nil {
		return nil, fault.Wrap(fault.Invalid, op, err)
	}
	return hidden, nil
}

func parsePKCS8PEM(text []byte) (crypto.PrivateKey, error) {
	const op = "keys: parse certificate key"
	der, err := find(op, text, pemPrivateKey, "PKCS#8 private key")
	if err != nil {
		return nil, err
	}
	defer clear(der)
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, invalid(op, "the private key cannot be read", err)
	}
	return key, nil
}

// MarshalAccessKey returns the private half as PEM text. The caller overwrites
// it after use.
func MarshalAccessKey(k hpke.PrivateKey) ([]byte, error) {
	const op = "keys: marshal access key"
	if k.KEM().ID() != hpke.MLKEM768X25519().ID() {
		return nil, fault.New(fault.Invalid, op, "an access key is an MLKEM768-X25519 key")
	}
	b, err := privateBytes(k)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	defer clear(b)
	return pem.EncodeToMemory(&pem.Block{Type: pemAccessKey, Bytes: b}), nil
}

// MarshalAccessPublicKey returns the public half as PEM text.
func MarshalAccessPublicKey(k hpke.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemAccessPublicKey, Bytes: k.Bytes()})
}

// ParseAccessKey reads the private half of an access key from PEM text.
func ParseAccessKey(text []byte) (hpke.PrivateKey, error) {
	const op = "keys: parse access key"
	b, err := find(op, text, pemAccessKey, "access key")
	if err != nil {
		return nil, err
	}
	defer clear(b)
	k, err := hpke.MLKEM768X25519().NewPrivateKey(b)
	if err != nil {
		return nil, invalid(op, "the access key cannot be read", err)
	}
	return k, nil
}

// ParseAccessPublicKey reads the public half of an access key from PEM text.
func ParseAccessPublicKey(text []byte) (hpke.PublicKey, error) {
	const op = "keys: parse access public key"
	b, err := find(op, text, pemAccessPublicKey, "public access key")
	if err != nil {
		return nil, err
	}
	k, err := hpke.MLKEM768X25519().NewPublicKey(b)
	if err != nil {
		return nil, invalid(op, "the public access key cannot be read", err)
	}
	return k, nil
}

// hints tell who brought another kind of file what it is and what to do.
var hints = map[string]string{
	"ENCRYPTED PRIVATE KEY": "the private key is encrypted; decrypt it first: openssl pkcs8 -in KEY.pem -out PLAIN.pem",
	"RSA PRIVATE KEY":       "the private key is not in PKCS#8; convert it: openssl pkcs8 -topk8 -nocrypt -in KEY.pem -out PKCS8.pem",
	"EC PRIVATE KEY":        "the private key is not in PKCS#8; convert it: openssl pkcs8 -topk8 -nocrypt -in KEY.pem -out PKCS8.pem",
	pemPrivateKey:           "this is a private key",
	pemCertificate:          "this is a certificate",
	pemAccessKey:            "this is the private half of an access key",
	pemAccessPublicKey:      "this is the public half of an access key",
}

// find returns the content of the first block of one type in PEM text.
func find(op string, text []byte, want, name string) ([]byte, error) {
	if len(text) > maxPEM {
		return nil, fault.New(fault.TooLarge, op, "a file of %d bytes is no %s", len(text), name)
	}
	hint := ""
	for {
		block, rest := pem.Decode(text)
		switch {
		case block == nil && hint != "":
			return nil, fault.New(fault.Invalid, op, "a %s is expected: %s", name, hint)
		case block == nil && bytes.HasPrefix(text, []byte{0x30}):
			return nil, fault.New(fault.Invalid, op, "a %s in PEM is expected, and this looks like DER or PKCS#12", name)
		case block == nil:
			return nil, fault.New(fault.Invalid, op, "there is no %s in it (PEM block %q)", name, want)
		case block.Type == want && len(block.Headers) > 0:
			return nil, fault.New(fault.Invalid, op, "the %s has PEM headers, which this program does not know (is it encrypted?)", name)
		case block.Type == want:
			return block.Bytes, nil
		}
		if hint == "" {
			hint = hints[block.Type]
		}
		clear(block.Bytes)
		text = rest
	}
}

func invalid(op, sentence string, err error) error {
	return &fault.Error{Kind: fault.Invalid, Op: op, Message: sentence, Err: err}
}
