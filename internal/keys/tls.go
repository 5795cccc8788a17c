package keys

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	"sealgate/internal/fault"
	"sealgate/internal/keys/wrapped"
)

// tlsFile has one entry: what the HTTPS door shows when nobody gave it a
// certificate. It is a file of its own, so that no renewal touches gateway.key.
const (
	tlsFile = "tls.key"
	kindTLS = "tls" // public: certificate, DER; secret: PKCS#8
)

// TLS returns certificate (DER) and key of the HTTPS door; NotFound when none
// were stored.
func (s *Store) TLS() (certificate []byte, key crypto.Signer, err error) {
	const op = "keys: TLS key"
	s.mu.RLock()
	defer s.mu.RUnlock()
	doc, err := s.read(tlsFile)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	if len(doc.Entries) != 1 || doc.Entries[0].Kind != kindTLS {
		return nil, nil, fault.Wrap(fault.Damaged, op, wrapped.Damaged(tlsFile, errors.New("it holds no TLS key")))
	}
	secret, err := s.ring.Open(tlsFile, doc.Entries[0])
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	defer clear(secret)
	parsed, err := x509.ParsePKCS8PrivateKey(secret)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Damaged, op, wrapped.Damaged(tlsFile, err))
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, nil, fault.Wrap(fault.Damaged, op, wrapped.Damaged(tlsFile, fmt.Errorf("a key of type %T cannot sign", parsed)))
	}
	return doc.Entries[0].Public, key, nil
}

// SetTLS stores certificate (DER) and key of the HTTPS door in the place of those
// before.
func (s *Store) SetTLS(certificate []byte, key crypto.Signer) error {
	const op = "keys: set TLS key"
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fault.Wrap(fault.Invalid, op, err)
	}
	defer clear(secret)
	s.mu.Lock()
	defer s.mu.Unlock()
	doc := wrapped.New(tlsFile)
	e := wrapped.Entry{Kind: kindTLS, Public: certificate}
	s.ring.Seal(tlsFile, &e, secret)
	doc.Entries = append(doc.Entries, e)
	if err := s.write(tlsFile, doc.Marshal()); err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	s.updateCopy("")
	return nil
}
