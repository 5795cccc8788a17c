package keys

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

const (
	storeFile   = "store.json"
	gatewayFile = "gateway.key"

	formatVersion = 1
	saltSize      = 32
	maxFile       = 1 << 20 // bytes of one key file
	maxEntries    = 1000
)

// header is the content of store.json: one generation of the store.
type header struct {
	Sealgate   string `json:"sealgate"` // "key store"
	Version    int    `json:"version"`
	Generation int    `json:"generation"`
	Salt       []byte `json:"salt"`
	Check      []byte `json:"check"` // an empty secret, wrapped: opens under the right master key only
}

// document is the content of a key file.
type document struct {
	Sealgate string  `json:"sealgate"` // "keys"
	Version  int     `json:"version"`
	Name     string  `json:"name"` // of the file
	Entries  []entry `json:"entries"`
}

// entry is one key. Sealed is the wrapped private half; wrapping nothing, it
// still vouches for the rest (a key that is held elsewhere, or was destroyed).
type entry struct {
	Kind      string `json:"kind"`
	ID        string `json:"id,omitempty"`
	Public    []byte `json:"public,omitempty"`
	Destroyed string `json:"destroyed,omitempty"` // when, RFC 3339
	Sealed    []byte `json:"sealed"`
}

func newDocument(name string) *document {
	return &document{Sealgate: "keys", Version: formatVersion, Name: name}
}

func (h header) marshal() []byte    { return marshal(h) }
func (d *document) marshal() []byte { return marshal(d) }

func marshal(v any) []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // cannot happen: plain structs of strings, numbers and bytes
	}
	return append(b, '\n')
}

func parseHeader(data []byte) (header, error) {
	var h header
	if err := strict(data, &h); err != nil {
		return header{}, damaged(storeFile, err)
	}
	return h, h.check()
}

func (h header) check() error {
	switch {
	case h.Sealgate != "key store":
		return damaged(storeFile, errors.New("not a key store"))
	case h.Version != formatVersion:
		return fault.New(fault.Invalid, "keys: read "+storeFile, "the key store has version %d; this program knows version %d", h.Version, formatVersion)
	case h.Generation < 1 || len(h.Salt) != saltSize || len(h.Check) == 0:
		return damaged(storeFile, errors.New("a field is missing"))
	}
	return nil
}

func parseDocument(name string, data []byte) (*document, error) {
	var d document
	if err := strict(data, &d); err != nil {
		return nil, damaged(name, err)
	}
	return &d, d.check(name)
}

func (d *document) check(name string) error {
	switch {
	case d.Sealgate != "keys":
		return damaged(name, errors.New("not a key file"))
	case d.Version != formatVersion:
		return fault.New(fault.Invalid, "keys: read "+name, "the key file %s has version %d; this program knows version %d", name, d.Version, formatVersion)
	case d.Name != name:
		return damaged(name, fmt.Errorf("it is the file %q", d.Name))
	case len(d.Entries) > maxEntries:
		return damaged(name, errors.New("too many entries"))
	}
	return nil
}

// strict decodes one JSON value without unknown fields and nothing after it.
func strict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands after the end")
	}
	return nil
}

func damaged(name string, err error) error {
	return &fault.Error{
		Kind: fault.Damaged, Op: "keys: read " + name,
		Message: fmt.Sprintf("the key file %s is damaged", name), Err: err,
	}
}

// ring wraps and opens the secrets of one generation.
type ring struct {
	header header
	prk    []byte // HKDF-Extract(salt, master key)
}

// newRing begins a generation under m.
func newRing(ctx context.Context, m Master, generation int) (*ring, error) {
	h := header{Sealgate: "key store", Version: formatVersion, Generation: generation, Salt: make([]byte, saltSize)}
	rand.Read(h.Salt) // never fails
	r, err := ringOf(ctx, m, h)
	if err != nil {
		return nil, err
	}
	check := entry{Kind: "check"}
	r.seal(storeFile, &check, nil)
	r.header.Check = check.Sealed
	return r, nil
}

func ringOf(ctx context.Context, m Master, h header) (*ring, error) {
	key, err := m.Key(ctx, h.Salt)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	if len(key) != masterSize {
		return nil, fault.New(fault.Invalid, "keys: master key", "the master key has %d bytes, not %d", len(key), masterSize)
	}
	prk, err := hkdf.Extract(sha256.New, key, h.Salt)
	if err != nil {
		return nil, err
	}
	return &ring{header: h, prk: prk}, nil
}

// fits reports whether the ring's master key is the one of its header.
func (r *ring) fits() bool {
	_, err := r.open(storeFile, entry{Kind: "check", Sealed: r.header.Check})
	return err == nil
}

func (r *ring) wipe() {
	if r != nil {
		clear(r.prk)
	}
}

// seal wraps secret into e, which is complete but for Sealed.
func (r *ring) seal(name string, e *entry, secret []byte) {
	e.Sealed = r.aead(name).Seal(nil, nil, secret, associated(name, *e))
}

// open returns the secret of e; the caller overwrites it.
func (r *ring) open(name string, e entry) ([]byte, error) {
	secret, err := r.aead(name).Open(nil, nil, e.Sealed, associated(name, e))
	if err != nil {
		return nil, damaged(name, fmt.Errorf("entry %s %s: %w", e.Kind, e.ID, err))
	}
	return secret, nil
}

// aead returns the cipher of one file. It draws a random nonce for each seal.
func (r *ring) aead(name string) cipher.AEAD {
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
func associated(name string, e entry) []byte {
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

// read reads and parses the store's file name, and opens nothing in it.
func (s *Store) read(name string) (*document, error) {
	data, err := durable.ReadFile(s.fs, s.path(name), maxFile)
	if err != nil {
		return nil, err
	}
	return parseDocument(name, data)
}
