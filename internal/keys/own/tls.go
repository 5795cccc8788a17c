package own

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	"sealgate/internal/fault"
	"sealgate/internal/keys/wrapped"
)

// TLSFile has one entry: what the HTTPS door shows when nobody gave it a
// certificate. It is a file of its own, so that no renewal touches gateway.key.
const TLSFile = "tls.key"

const kindTLS = "tls" // public: certificate, DER; secret: PKCS#8

// NewTLS wraps certificate (DER) and key of the HTTPS door.
func NewTLS(r *wrapped.Ring, certificate []byte, key crypto.Signer) (*wrapped.Document, error) {
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "keys: TLS key", err)
	}
	defer clear(secret)
	doc := wrapped.New(TLSFile)
	e := wrapped.Entry{Kind: kindTLS, Public: certificate}
	r.Seal(TLSFile, &e, secret)
	doc.Entries = append(doc.Entries, e)
	return doc, nil
}

// OpenTLS opens what NewTLS has wrapped.
func OpenTLS(r *wrapped.Ring, doc *wrapped.Document) (certificate []byte, key crypto.Signer, err error) {
	if len(doc.Entries) != 1 || doc.Entries[0].Kind != kindTLS {
		return nil, nil, wrapped.Damaged(TLSFile, errors.New("it holds no TLS key"))
	}
	secret, err := r.Open(TLSFile, doc.Entries[0])
	if err != nil {
		return nil, nil, err
	}
	defer clear(secret)
	parsed, err := x509.ParsePKCS8PrivateKey(secret)
	if err != nil {
		return nil, nil, wrapped.Damaged(TLSFile, err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, nil, wrapped.Damaged(TLSFile, fmt.Errorf("a key of type %T cannot sign", parsed))
	}
	return doc.Entries[0].Public, key, nil
}
