package keys

import (
	"bytes"
	"crypto/hpke"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/keys/wrapped"
	"sealgate/internal/seal"
)

// AccessKey is the second half of an account's lock, an HPKE MLKEM768-X25519
// key. Its private half is held here, or here under a passphrase that the
// customer has, or by the customer alone.
type AccessKey struct {
	ID          uuid.UUID
	Fingerprint seal.Fingerprint
	Public      hpke.PublicKey
	Private     hpke.PrivateKey             // nil: not the gateway's to use
	Encrypted   *keyfile.EncryptedAccessKey // the private half under the customer's passphrase, or nil
}

// String names the key.
func (k *AccessKey) String() string { return "access key " + k.Fingerprint.String() }

// Format is String under every verb: none prints what is inside.
func (k *AccessKey) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// NewAccessKey makes an access key that the gateway holds.
func NewAccessKey() (*AccessKey, error) {
	const op = "keys: new access key"
	private, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	k, err := CustomerAccessKey(private.PublicKey())
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	k.Private = private
	return k, nil
}

// CustomerAccessKey is an access key whose private half the customer holds.
func CustomerAccessKey(public hpke.PublicKey) (*AccessKey, error) {
	const op = "keys: customer's access key"
	if public.KEM().ID() != hpke.MLKEM768X25519().ID() {
		return nil, fault.New(fault.Invalid, op, "an access key is an MLKEM768-X25519 key")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return &AccessKey{ID: id, Fingerprint: seal.AccessKeyFingerprint(public), Public: public}, nil
}

// PassphraseAccessKey is an access key whose private half lies here under the
// customer's own passphrase.
func PassphraseAccessKey(public hpke.PublicKey, e *keyfile.EncryptedAccessKey) (*AccessKey, error) {
	k, err := CustomerAccessKey(public)
	if err != nil {
		return nil, err
	}
	if e.Fingerprint != k.Fingerprint {
		return nil, fault.New(fault.Invalid, "keys: customer's access key", "the encrypted access key and the public half do not belong together")
	}
	k.Encrypted = e
	return k, nil
}

func (s *Store) appendAccessKey(doc *wrapped.Document, k *AccessKey) error {
	e := wrapped.Entry{Kind: KindAccessKey, ID: k.ID.String(), Public: k.Public.Bytes()}
	if i := findDestroyed(doc, k.Fingerprint); i >= 0 {
		return errDestroyed(doc.Entries[i])
	}
	switch {
	case k.Encrypted != nil:
		e.Kind = kindPassphraseKey
		return s.add(doc, e, k.Encrypted.Bytes())
	case k.Private != nil:
		seed, err := keyfile.Seed(k.Private)
		if err != nil {
			return err
		}
		return s.add(doc, e, seed)
	}
	return s.add(doc, e, nil)
}

func openAccessKey(e wrapped.Entry, secret []byte) (*AccessKey, error) {
	id, err := uuid.Parse(e.ID)
	if err != nil {
		return nil, err
	}
	public, err := hpke.MLKEM768X25519().NewPublicKey(e.Public)
	if err != nil {
		return nil, err
	}
	k := &AccessKey{ID: id, Fingerprint: seal.AccessKeyFingerprint(public), Public: public}
	if e.Kind == kindPassphraseKey {
		k.Encrypted, err = keyfile.EncryptedAccessKeyFromBytes(secret)
		return k, err
	}
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
