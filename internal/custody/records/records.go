// Package records seals the columns of one account that would tell something to
// somebody who reads the catalog: names, addresses, sums, texts.
//
// Each account has a record key, wrapped for every certificate of the account
// that was not removed. Whoever has one of their private keys opens the columns;
// when the last certificate is gone, nobody does. A sealed value begins with the
// id of its record key, 4 bytes that are derived from it: what was sealed under a
// key that has been destroyed (Locked) is told from what is damaged (Damaged).
//
// Not here: where the wrapped keys lie (catalog), and who is given one (custody).
package records

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// Key is a record key. It is safe for concurrent use.
type Key struct {
	mu   sync.RWMutex // guards what follows
	id   [idSize]byte
	aead cipher.AEAD
	key  *[32]byte         // by pointer: fmt finds an address only
	macs map[string][]byte // keys by label
}

const idSize = 4

// Format says what it is, under every verb, and nothing of the key.
func (*Key) Format(f fmt.State, _ rune) { io.WriteString(f, "record key") }

// New draws a record key.
func New() *Key {
	key := new([32]byte)
	_, _ = rand.Read(key[:]) // never fails
	return of(key)
}

// of takes over key.
func of(key *[32]byte) *Key {
	k := new(Key)
	k.use(key)
	return k
}

// use takes up a key. The caller holds mu, or is the only one who knows k.
func (k *Key) use(key *[32]byte) {
	sealing := derive(key[:], "sealgate/v1 records")
	defer clear(sealing)
	block, err := aes.NewCipher(sealing)
	if err != nil {
		panic(err) // cannot happen: 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // cannot happen: an AES block
	}
	k.id = [idSize]byte(derive(key[:], "sealgate/v1 record key id"))
	k.aead, k.key, k.macs = aead, key, make(map[string][]byte)
}

// Destroy forgets the key: what it has sealed is Locked from now on, and what
// somebody who still holds k seals with it opens for nobody.
func (k *Key) Destroy() {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, _ = rand.Read(k.key[:]) // never fails
	k.use(k.key)
}

// WrapFor wraps the record key for a certificate of its account.
func (k *Key) WrapFor(account uuid.UUID, cert *x509.Certificate) (*catalog.RecordKey, error) {
	k.mu.RLock()
	share := seal.Share(*k.key)
	k.mu.RUnlock()
	defer share.Wipe()
	w, err := seal.WrapForCertificate(share, cert, binding(account))
	if err != nil {
		return nil, err
	}
	return &catalog.RecordKey{Account: account, Fingerprint: w.Key.String(), Wrapped: append([]byte{byte(w.Alg)}, w.Data...)}, nil
}

// Unwrap opens a record key that is wrapped for a certificate whose private key
// is here.
func Unwrap(row *catalog.RecordKey, cert *keys.Certificate) (*Key, error) {
	const op = "records: unwrap"
	if len(row.Wrapped) == 0 {
		return nil, fault.New(fault.Damaged, op, "the record key is damaged")
	}
	w := seal.Wrap{Kind: seal.KindCertificate, Alg: seal.WrapAlg(row.Wrapped[0]), Key: cert.Fingerprint, Data: row.Wrapped[1:]}
	share, err := seal.UnwrapByCertificate(w, cert.Key, binding(row.Account))
	if err != nil {
		return nil, err
	}
	defer share.Wipe()
	key := [32]byte(share)
	return of(&key), nil
}

// binding is what a record key is bound to. It is wrapped like a share of a
// file: the file is the zero id, which no file has.
func binding(account uuid.UUID) seal.Binding { return seal.Binding{Account: account} }

func derive(key []byte, info string) []byte {
	k, err := hkdf.Key(sha256.New, key, nil, info, 32)
	if err != nil {
		panic(err) // cannot happen: the length is right
	}
	return k
}

// Seal seals the value of one column of one row. It opens nowhere else.
func (k *Key) Seal(table, column string, row uuid.UUID, plain []byte) []byte {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.aead.Seal(k.id[:len(k.id):len(k.id)], nil, plain, place(table, column, row))
}

// Open opens what Seal sealed: Locked when it was sealed under another record
// key, which was destroyed; Damaged when it was changed or moved.
func (k *Key) Open(table, column string, row uuid.UUID, sealed []byte) ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	op := "records: open " + table + "." + column
	if len(sealed) < idSize {
		return nil, fault.Wrap(fault.Damaged, op, errors.New("it is too short"))
	}
	if [idSize]byte(sealed) != k.id {
		return nil, fault.New(fault.Locked, op, "it was sealed under a record key that was destroyed")
	}
	plain, err := k.aead.Open(nil, nil, sealed[idSize:], place(table, column, row))
	if err != nil {
		return nil, fault.Wrap(fault.Damaged, op, err)
	}
	return plain, nil
}

func place(table, column string, row uuid.UUID) []byte {
	return joined([]byte("sealgate/v1 record"), []byte(table), []byte(column), row[:])
}

// joined puts parts together so that no two lists of parts read the same.
func joined(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

// MAC tells equal values apart from others without telling the values. Each
// label has a key of its own.
func (k *Key) MAC(label string, parts ...[]byte) [32]byte {
	m := hmac.New(sha256.New, k.macKey(label))
	m.Write(joined(parts...))
	return [32]byte(m.Sum(nil))
}

func (k *Key) macKey(label string) []byte {
	k.mu.RLock()
	mac := k.macs[label]
	k.mu.RUnlock()
	if mac != nil {
		return mac
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.macs[label] == nil {
		k.macs[label] = derive(k.key[:], "sealgate/v1 "+label)
	}
	return k.macs[label]
}
