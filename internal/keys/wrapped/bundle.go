package wrapped

import (
	"errors"

	"sealgate/internal/fault"
)

// Bundle is a whole key store in one file.
type Bundle struct {
	Sealgate string      `json:"sealgate"` // "key bundle"
	Version  int         `json:"version"`
	Store    Header      `json:"store"`
	Files    []*Document `json:"files"`
}

// NewBundle returns a bundle without files.
func NewBundle(h Header) *Bundle {
	return &Bundle{Sealgate: "key bundle", Version: Version, Store: h}
}

// Marshal returns the bundle as the content of its file.
func (b *Bundle) Marshal() []byte { return Marshal(b) }

// ParseBundle reads the bundle in the file of that name, and opens nothing in
// it. isKeyFile tells the names of key files from others.
func ParseBundle(name string, data []byte, isKeyFile func(name string) bool) (*Bundle, error) {
	var b Bundle
	if err := Strict(data, &b); err != nil {
		return nil, Damaged(name, err)
	}
	switch {
	case b.Sealgate != "key bundle":
		return nil, Damaged(name, errors.New("not a copy of a key store"))
	case b.Version != Version:
		return nil, fault.New(fault.Invalid, "keys: read "+name, "%s has version %d; this program knows version %d", name, b.Version, Version)
	}
	if err := b.Store.check(name); err != nil {
		return nil, err
	}
	for _, d := range b.Files {
		if d == nil || !isKeyFile(d.Name) {
			return nil, Damaged(name, errors.New("a file in it is no key file"))
		}
		if err := d.check(d.Name); err != nil {
			return nil, err
		}
	}
	return &b, nil
}

// File returns the document of that name, or nil.
func (b *Bundle) File(name string) *Document {
	for _, d := range b.Files {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// Verify opens every entry, which proves that the bundle is whole and the ring's.
func (b *Bundle) Verify(r *Ring) error {
	for _, d := range b.Files {
		for _, e := range d.Entries {
			secret, err := r.Open(d.Name, e)
			if err != nil {
				return err
			}
			clear(secret)
		}
	}
	return nil
}
