// Package certs has the places that the certificate of the HTTPS door comes from:
// PEM files that somebody else keeps fresh (Files), an authority that is asked for one
// (ACME), or a key of the gateway's own with a certificate that it signs itself (Own).
//
// All are asked at each handshake. Files and Own notice there by themselves that it is
// time for another certificate; ACME has a Run for that. What cannot be used never takes
// the place of what can: a bad new file leaves the old one in use, and is logged.
package certs

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Fingerprint is how serve prints a certificate: SHA-256 of its DER.
func Fingerprint(c *tls.Certificate) string {
	sum := sha256.Sum256(c.Certificate[0])
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Pins tells how agents know the key of the certificate that they are shown now: by the
// SHA-256 of its SubjectPublicKeyInfo. When there is none they go by the authorities
// that they trust.
func Pins(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) [][]byte {
	c, err := certificate(nil)
	if err != nil || c.Leaf == nil {
		return nil
	}
	sum := sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo)
	return [][]byte{sum[:]}
}

// usable says why nobody should be shown the certificate.
func usable(leaf *x509.Certificate, now time.Time) error {
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 {
			return fmt.Errorf("its RSA key has %d bits; 2048 are the least", key.N.BitLen())
		}
	case *ecdsa.PublicKey:
		if key.Curve.Params().BitSize < 256 {
			return errors.New("its curve is smaller than P-256")
		}
	}
	switch {
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("it is valid from %s only", leaf.NotBefore.UTC().Format(time.RFC3339))
	case now.After(leaf.NotAfter):
		return fmt.Errorf("it ended on %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// warnBefore is how long before its end a certificate is worth a warning.
const warnBefore = 21 * 24 * time.Hour

// Doubts says what is wrong with a certificate, or will be soon, for clients that
// come to host ("" = nobody knows what they call it).
func Doubts(leaf *x509.Certificate, host string, now time.Time) []string {
	var list []string
	if err := usable(leaf, now); err != nil {
		list = append(list, err.Error())
	} else if left := leaf.NotAfter.Sub(now); left < warnBefore {
		list = append(list, fmt.Sprintf("it ends on %s", leaf.NotAfter.UTC().Format(time.RFC3339)))
	}
	if host != "" {
		if err := leaf.VerifyHostname(host); err != nil {
			list = append(list, "it is not for "+host)
		}
	}
	return list
}

// due reports whether it is time again for what was done at last; also when the
// clock has been set back since.
func due(now, last time.Time, every time.Duration) bool {
	return now.Sub(last) >= every || now.Before(last)
}
