// Package vault keeps sealed bodies: objects named by a random reference,
// written once, immutable after their Commit.
//
// What the vault knows is bytes. It holds no list, no names, no dates and no
// states: the catalog says which object belongs to which file, and an object
// that the catalog does not know is rubbish for whoever sweeps (Each, Remove).
//
// The life of an object: Create gives a Body to write at any offset; its Sync
// makes what was written durable, together with the object's name, so that
// Resume finds it after a crash; Commit ends the writing. Until Commit has
// returned nil nothing may be acknowledged. After a failed Sync or Commit the
// object is to be removed and its file sent again: a Sync is never retried.
//
// A reference is 64 lower-case hexadecimal digits and nothing else, checked at
// every door of this package, so that a reference from a damaged or hostile
// catalog never becomes a path.
//
// Dir is the vault in a directory. The Vault interface exists because a second
// one, over S3, is planned; both pass the suite in package vaulttest.
package vault

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

// Vault is a place for sealed bodies. It is safe for concurrent use; two
// Bodies of one reference at the same time are not.
type Vault interface {
	Create(ctx context.Context, ref string) (Body, error)         // Exists when it is there
	Resume(ctx context.Context, ref string) (Body, error)         // an unfinished object, written on; NotFound
	Open(ctx context.Context, ref string) (Object, error)         // NotFound
	Remove(ctx context.Context, ref string) error                 // nil when it is gone already
	Each(ctx context.Context, visit func(ref string) error) error // every object, in no order; stops at an error
	Free(ctx context.Context) (int64, error)                      // bytes of room left
}

// Body is an object being written.
type Body interface {
	durable.File
	Commit(ctx context.Context) error // Sync and the last of it: durable under its reference, and closed
}

// Object is an object being read.
type Object interface {
	io.ReaderAt
	Size() int64
	Close() error
}

const refLen = 64

// NewRef returns a reference that nobody can guess and none has had before.
func NewRef() string {
	var b [refLen / 2]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// ValidRef reports whether ref has the shape of a reference.
func ValidRef(ref string) bool {
	if len(ref) != refLen {
		return false
	}
	for _, c := range []byte(ref) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func checkRef(op, ref string) error {
	if ValidRef(ref) {
		return nil
	}
	return fault.New(fault.Invalid, op, "not a reference to a stored body")
}
