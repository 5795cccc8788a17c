// Package wrapped is the format of the key store's files: JSON documents of
// entries, each a key whose private half is encrypted under the master key.
//
// A Ring wraps and opens the entries of one generation of the store, which is
// one master key with one salt. Every secret is sealed by AES-256-GCM with a
// random nonce, under a key made by HKDF from the master key, the salt and the
// name of the file; the associated data name file, kind, id and public half of
// the entry, and when it was destroyed if it was. So an entry opens in no other
// place, beside no other public key and in no other generation.
//
// A Bundle is a whole store in one file. Nothing here touches a disk, and
// nothing knows what the kinds of entries mean: that is the business of keys.
package wrapped

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"sealgate/internal/fault"
)

// Version is the format's. MaxEntries bounds a document.
const (
	Version    = 1
	MaxEntries = 5000
)

// Header is one generation of the store.
type Header struct {
	Sealgate   string `json:"sealgate"` // "key store"
	Version    int    `json:"version"`
	Generation int    `json:"generation"`
	Salt       []byte `json:"salt"`
	Check      []byte `json:"check"` // an empty secret, wrapped: opens under the right master key only
}

// Document is the content of a key file.
type Document struct {
	Sealgate string  `json:"sealgate"` // "keys"
	Version  int     `json:"version"`
	Name     string  `json:"name"` // of the file
	Entries  []Entry `json:"entries"`
}

// Entry is one key. Sealed is the wrapped private half; wrapping nothing, it
// still vouches for the rest (a key that is held elsewhere, or was destroyed).
type Entry struct {
	Kind      string `json:"kind"`
	ID        string `json:"id,omitempty"`
	Public    []byte `json:"public,omitempty"`
	Destroyed string `json:"destroyed,omitempty"` // when, RFC 3339
	Sealed    []byte `json:"sealed"`
}

// New returns the empty document of a file.
func New(name string) *Document {
	return &Document{Sealgate: "keys", Version: Version, Name: name}
}

// Marshal returns the header as the content of its file.
func (h Header) Marshal() []byte { return Marshal(h) }

// Marshal returns the document as the content of its file.
func (d *Document) Marshal() []byte { return Marshal(d) }

// Marshal returns v as JSON that people can read.
func Marshal(v any) []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // cannot happen: plain structs of strings, numbers and bytes
	}
	return append(b, '\n')
}

// ParseHeader reads the file of that name.
func ParseHeader(name string, data []byte) (Header, error) {
	var h Header
	if err := Strict(data, &h); err != nil {
		return Header{}, Damaged(name, err)
	}
	return h, h.check(name)
}

func (h Header) check(name string) error {
	switch {
	case h.Sealgate != "key store":
		return Damaged(name, errors.New("not a key store"))
	case h.Version != Version:
		return fault.New(fault.Invalid, "keys: read "+name, "the key store has version %d; this program knows version %d", h.Version, Version)
	case h.Generation < 1 || len(h.Salt) != saltSize || len(h.Check) == 0:
		return Damaged(name, errors.New("a field is missing"))
	}
	return nil
}

// SameAs reports whether both are one generation.
func (h Header) SameAs(o Header) bool {
	return h.Generation == o.Generation && bytes.Equal(h.Salt, o.Salt)
}

// Parse reads the key file of that name, and opens nothing in it.
func Parse(name string, data []byte) (*Document, error) {
	var d Document
	if err := Strict(data, &d); err != nil {
		return nil, Damaged(name, err)
	}
	return &d, d.check(name)
}

func (d *Document) check(name string) error {
	switch {
	case d.Sealgate != "keys":
		return Damaged(name, errors.New("not a key file"))
	case d.Version != Version:
		return fault.New(fault.Invalid, "keys: read "+name, "the key file %s has version %d; this program knows version %d", name, d.Version, Version)
	case d.Name != name:
		return Damaged(name, fmt.Errorf("it is the file %q", d.Name))
	case len(d.Entries) > MaxEntries:
		return Damaged(name, errors.New("too many entries"))
	}
	return nil
}

// Strict decodes one JSON value without unknown fields and nothing after it.
func Strict(data []byte, v any) error {
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

// Damaged is what a key file is in which something is not as it was written.
func Damaged(name string, err error) error {
	return &fault.Error{
		Kind: fault.Damaged, Op: "keys: read " + name,
		Message: fmt.Sprintf("the key file %s is damaged", name), Err: err,
	}
}
