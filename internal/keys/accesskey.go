package keys

import (
	"bytes"
	"crypto/hpke"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// AccessKey is the second half of an account's lock, an HPKE MLKEM768-X25519
// key.
type AccessKey struct {
	ID          uuid.UUID
	Fingerprint seal.Fingerprint
	Public      hpke.PublicKey
	Private     hpke.PrivateKey // nil: held by the customer, never here
}

// String names the key.
func (k *AccessKey) String() string { return "access key " + k.Fingerprint.String() }

// Format is String under every verb: none prints what is inside.
func (k *AccessKey) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// NewAccessKey makes an access key that the gateway holds.
func NewAccessKey() (*AccessKey, error) {
	const op = "keys: new access key"
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	private, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	public := private.PublicKey()
	return &AccessKey{ID: id, Fingerprint: seal.AccessKeyFingerprint(public), Public: public, Private: private}, nil
}

// privateBytes returns a copy of a private key, for the caller to overwrite. What
// Bytes of crypto/hpke returns is the key's own: overwriting it would leave a
// key that works until it is stored.
func privateBytes(k hpke.PrivateKey) ([]byte, error) {
	b, err := k.Bytes()
	return bytes.Clone(b), err
}

func (s *Store) appendAccessKey(doc *document, k *AccessKey) error {
	var secret []byte
	if k.Private != nil {
		var err error
		if secret, err = privateBytes(k.Private); err != nil {
			return err
		}
	}
	return s.add(doc, entry{Kind: kindAccessKey, ID: k.ID.String(), Public: k.Public.Bytes()}, secret)
}

func openAccessKey(e entry, secret []byte) (*AccessKey, error) {
	id, err := uuid.Parse(e.ID)
	if err != nil {
		return nil, err
	}
	public, err := hpke.MLKEM768X25519().NewPublicKey(e.Public)
	if err != nil {
		return nil, err
	}
	k := &AccessKey{ID: id, Fingerprint: seal.AccessKeyFingerprint(public), Public: public}
	if len(secret) == 0 {
		return k, nil
	}
	if k.Private, err = hpke.MLKEM768X25519().NewPrivateKey(secret); err != nil {
		return nil, err
	}
	if !bytes.Equal(k.Private.PublicKey().Bytes(), e.Public) {
		return nil, errors.New("an access key stands beside another one's public half")
	}
	return k, nil
}
