package keyfile

import (
	"bytes"
	"crypto/hpke"

	"sealgate/internal/fault"
)

// MarshalAccessKey returns the private half as PEM text. The caller overwrites
// it after use.
func MarshalAccessKey(k hpke.PrivateKey) ([]byte, error) {
	seed, err := Seed(k)
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	return encode(typeAccessKey, seed), nil
}

// ParseAccessKey reads the private half of an access key from PEM text. One
// that is encrypted under a passphrase is Locked.
func ParseAccessKey(text []byte) (hpke.PrivateKey, error) {
	const op = "keyfile: parse access key"
	if IsEncrypted(text) {
		return nil, fault.New(fault.Locked, op, "the access key is encrypted under a passphrase, which is needed to use it")
	}
	seed, err := decode(op, text, typeAccessKey, "access key")
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	k, err := hpke.MLKEM768X25519().NewPrivateKey(seed)
	if err != nil {
		return nil, invalid(op, "the access key cannot be read", err)
	}
	return k, nil
}

// MarshalAccessPublicKey returns the public half as PEM text.
func MarshalAccessPublicKey(k hpke.PublicKey) []byte { return encode(typeAccessPublicKey, k.Bytes()) }

// ParseAccessPublicKey reads the public half of an access key from PEM text.
func ParseAccessPublicKey(text []byte) (hpke.PublicKey, error) {
	const op = "keyfile: parse access public key"
	b, err := decode(op, text, typeAccessPublicKey, "public access key")
	if err != nil {
		return nil, err
	}
	k, err := hpke.MLKEM768X25519().NewPublicKey(b)
	if err != nil {
		return nil, invalid(op, "the public access key cannot be read", err)
	}
	return k, nil
}

// Seed returns the 32 bytes that are the whole private half of an access key,
// as a copy for the caller to overwrite. What Bytes of crypto/hpke returns is
// the key's own: overwriting it would leave a key that works until it is stored.
func Seed(k hpke.PrivateKey) ([]byte, error) {
	const op = "keyfile: access key"
	if k.KEM().ID() != hpke.MLKEM768X25519().ID() {
		return nil, fault.New(fault.Invalid, op, "an access key is an MLKEM768-X25519 key")
	}
	b, err := k.Bytes()
	return bytes.Clone(b), fault.Wrap(fault.Internal, op, err)
}
