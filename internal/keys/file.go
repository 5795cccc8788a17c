package keys

import (
	"context"
	"path/filepath"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys/own"
	"sealgate/internal/keys/shred"
	"sealgate/internal/keys/wrapped"
)

const (
	storeFile = "store.json"

	maxFile = 4 << 20 // bytes of one key file
)

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// read reads and parses the store's file name, and opens nothing in it.
func (s *Store) read(name string) (*wrapped.Document, error) {
	data, err := durable.ReadFile(s.fs, s.path(name), maxFile)
	if err != nil {
		return nil, err
	}
	return wrapped.Parse(name, data)
}

// write makes data the content of the store's file name, durably and in one
// step, and overwrites what stood there before.
func (s *Store) write(name string, data []byte) error {
	if s.broken != nil {
		return s.broken
	}
	return shred.Replace(s.fs, s.path(name), data)
}

// destroy makes the store's file name unreadable and takes it away.
func (s *Store) destroy(name string) error {
	if s.broken != nil {
		return s.broken
	}
	return shred.Destroy(s.fs, s.path(name))
}

// isStoreName tells the store's own files from what others put there.
func isStoreName(name string) bool {
	return name == storeFile || name == bundleFile || name == copyFile || isKeyFile(name)
}

func isKeyFile(name string) bool {
	if name == own.File || name == own.TLSFile {
		return true
	}
	if _, ok := parseAccountFile(name); ok {
		return true
	}
	_, _, ok := parseIngestFile(name)
	return ok
}

// newRing begins a generation under m.
func newRing(ctx context.Context, m Master, generation int) (*wrapped.Ring, error) {
	return wrapped.NewRing(generation, func(salt []byte) ([]byte, error) { return m.Key(ctx, salt) })
}

// openRing opens a generation with m, which has to be its master key.
func openRing(ctx context.Context, m Master, h wrapped.Header) (*wrapped.Ring, error) {
	r, err := wrapped.OpenRing(h, func(salt []byte) ([]byte, error) { return m.Key(ctx, salt) })
	if err != nil {
		return nil, err
	}
	if !r.Fits() {
		r.Wipe()
		return nil, fault.New(fault.Locked, "keys: master key", "the master key (%s) is not the one that this key store is wrapped by", m)
	}
	return r, nil
}
