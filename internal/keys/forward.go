package keys

import (
	"crypto"
	"crypto/hpke"
	"crypto/x509"

	"sealgate/internal/keys/keyfile"
)

// ParseCertificate is keyfile.ParseCertificate.
func ParseCertificate(text []byte) (*x509.Certificate, error) { return keyfile.ParseCertificate(text) }

// ParseCertificateKey is keyfile.ParseCertificateKey.
func ParseCertificateKey(text []byte) (crypto.PrivateKey, error) {
	return keyfile.ParseCertificateKey(text)
}

// MarshalAccessKey is keyfile.MarshalAccessKey.
func MarshalAccessKey(k hpke.PrivateKey) ([]byte, error) { return keyfile.MarshalAccessKey(k) }

// ParseAccessKey is keyfile.ParseAccessKey.
func ParseAccessKey(text []byte) (hpke.PrivateKey, error) { return keyfile.ParseAccessKey(text) }

// MarshalAccessPublicKey is keyfile.MarshalAccessPublicKey.
func MarshalAccessPublicKey(k hpke.PublicKey) []byte { return keyfile.MarshalAccessPublicKey(k) }

// ParseAccessPublicKey is keyfile.ParseAccessPublicKey.
func ParseAccessPublicKey(text []byte) (hpke.PublicKey, error) {
	return keyfile.ParseAccessPublicKey(text)
}
