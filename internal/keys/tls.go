package keys

import (
	"crypto"

	"sealgate/internal/fault"
	"sealgate/internal/keys/own"
)

// TLS returns certificate (DER) and key of the HTTPS door; NotFound when none
// were stored.
func (s *Store) TLS() (certificate []byte, key crypto.Signer, err error) {
	const op = "keys: TLS key"
	s.mu.RLock()
	defer s.mu.RUnlock()
	doc, err := s.read(own.TLSFile)
	if err == nil {
		certificate, key, err = own.OpenTLS(s.ring, doc)
	}
	return certificate, key, fault.Wrap(fault.Internal, op, err)
}

// SetTLS stores certificate (DER) and key of the HTTPS door in the place of those
// before.
func (s *Store) SetTLS(certificate []byte, key crypto.Signer) error {
	const op = "keys: set TLS key"
	return s.change(op, func() error {
		doc, err := own.NewTLS(s.ring, certificate, key)
		if err != nil {
			return err
		}
		return s.write(own.TLSFile, doc.Marshal())
	})
}
