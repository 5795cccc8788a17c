package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hpke"

	"sealgate/internal/fault"
)

// A grant is the file key, wrapped for an ingest key. It is named by that key's
// fingerprint, which the caller keeps beside it, and begins with a byte that says
// how it was made.
const (
	grantForPublic = 1 // HPKE: who makes it has the public key only
	grantBySecret  = 2 // AES-256-GCM under a key that derives from the private one
)

// Labels of the context of both, and of the key of the second.
const (
	labelGrant    = "sealgate/v1 grant"
	labelGrantKey = "sealgate/v1 grant key"
)

// WrapGrant wraps a file key for whoever has the private half of an ingest key.
func WrapGrant(k *FileKey, pub hpke.PublicKey, b Binding) ([]byte, error) {
	if err := checkHybrid(pub.KEM()); err != nil {
		return nil, err
	}
	data, err := hpkeSeal(pub, b.info(labelGrant), k.bytes())
	return append([]byte{grantForPublic}, data...), err
}

// WrapOwnGrant is WrapGrant for who has the private half himself: with the same
// secret it needs no public-key arithmetic, which would cost more than all the
// rest that is sealed of a small file.
func WrapOwnGrant(k *FileKey, key hpke.PrivateKey, b Binding) ([]byte, error) {
	aead, err := grantCipher(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal([]byte{grantBySecret}, nil, k.bytes(), b.info(labelGrant)), nil
}

// OpenGrant opens a grant of either kind with the ingest key it was made for.
func OpenGrant(grant []byte, key hpke.PrivateKey, b Binding) (*FileKey, error) {
	const sentence = "the grant is damaged, or for another ingest key"
	if err := checkHybrid(key.KEM()); err != nil {
		return nil, err
	}
	if len(grant) == 0 {
		return nil, damaged(sentence)
	}
	switch kind, data := grant[0], grant[1:]; kind {
	case grantForPublic:
		s, err := hpkeOpen(key, b.info(labelGrant), data, sentence)
		if err != nil {
			return nil, err
		}
		defer s.Wipe()
		return FileKeyFromBytes(s[:])
	case grantBySecret:
		aead, err := grantCipher(key)
		if err != nil {
			return nil, err
		}
		secret, err := aead.Open(nil, nil, data, b.info(labelGrant))
		if err != nil {
			return nil, damaged(sentence)
		}
		defer clear(secret)
		return FileKeyFromBytes(secret)
	}
	return nil, damaged(sentence)
}

// grantCipher draws its own nonces. Its key derives from the ingest key's seed:
// who has the one has the other, and both go when that is destroyed.
func grantCipher(key hpke.PrivateKey) (cipher.AEAD, error) {
	if err := checkHybrid(key.KEM()); err != nil {
		return nil, err
	}
	seed, err := key.Bytes() // the key's own bytes, not a copy
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "seal: grant", err)
	}
	k := derive(seed, nil, labelGrantKey)
	defer clear(k)
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "seal: grant", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return aead, fault.Wrap(fault.Internal, "seal: grant", err)
}
