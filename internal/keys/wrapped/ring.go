package wrapped

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"sealgate/internal/fault"
)

// KeySize is the length of a master key.
const KeySize = 32

const (
	saltSize  = 32
	storeFile = "store.json" // the file that the check value of a header belongs to
)

// A KeySource makes the master key for a salt; the caller overwrites it.
type KeySource func(salt []byte) ([]byte, error)

// Ring wraps and opens the secrets of one generation.
type Ring struct {
	Header Header

	prk []byte // HKDF-Extract(salt, master key)
}

// NewRing begins a generation under a master key, with a salt of its own.
func NewRing(generation int, master KeySource) (*Ring, error) {
	h := Header{Sealgate: "key store", Version: Version, Generation: generation, Salt: make([]byte, saltSize)}
	rand.Read(h.Salt) // never fails
	r, err := OpenRing(h, master)
	if err != nil {
		return nil, err
	}
	check := Entry{Kind: "check"}
	r.Seal(storeFile, &check, nil)
	r.Header.Check = check.Sealed
	return r, nil
}

// OpenRing returns the ring of a generation. Whether the master key is the right
// one, Fits tells.
func OpenRing(h Header, master KeySource) (*Ring, error) {
	key, err := master(h.Salt)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	if len(key) != KeySize {
		return nil, fault.New(fault.Invalid, "keys: master key", "the master key has %d bytes, not %d", len(key), KeySize)
	}
	prk, err := hkdf.Extract(sha256.New, key, h.Salt)
	if err != nil {
		return nil, err
	}
	return &Ring{Header: h, prk: prk}, nil
}

// Fits reports whether the ring's master key is the one of its header.
func (r *Ring) Fits() bool {
	_, err := r.Open(storeFile, Entry{Kind: "check", Sealed: r.Header.Check})
	return err == nil
}

// Wipe overwrites the ring's secret.
func (r *Ring) Wipe() {
	if r != nil {
		clear(r.prk)
	}
}

// Seal wraps secret into e, which is complete but for Sealed.
func (r *Ring) Seal(name string, e *Entry, secret []byte) {
	e.Sealed = r.aead(name).Seal(nil, nil, secret, associated(name, *e))
}

// Open returns the secret of e; the caller overwrites it.
func (r *Ring) Open(name string, e Entry) ([]byte, error) {
	secret, err := r.aead(name).Open(nil, nil, e.Sealed, associated(name, e))
	if err != nil {
		return nil, Damaged(name, fmt.Errorf("entry %s %s: %w", e.Kind, e.ID, err))
	}
	return secret, nil
}

// aead returns the cipher of one file. It draws a random nonce for each seal.
func (r *Ring) aead(name string) cipher.AEAD {
	key, err := hkdf.Expand(sha256.New, r.prk, "sealgate/v1 key store "+name, 32)
	if err != nil {
		panic(err) // cannot happen: the length is right
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // cannot happen: 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // cannot happen: an AES block
	}
	return aead
}

// associated names an entry: where it stands, what it is, what it belongs to.
// The account is part of the name of its file.
func associated(name string, e Entry) []byte {
	parts := [][]byte{[]byte("sealgate/v1 key entry"), []byte(name), []byte(e.Kind), []byte(e.ID), e.Public}
	if e.Destroyed != "" {
		parts = append(parts, []byte(e.Destroyed))
	}
	var b []byte
	for _, part := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return b
}
