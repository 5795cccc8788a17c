// Package keystest gives tests a real key store in a temporary directory.
package keystest

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sealgate/internal/keys"
	"sealgate/internal/keys/master"
)

// New returns a store whose only SSH host key is an Ed25519 key: making an
// RSA-4096 key takes seconds. Its master key lies at Master(store).
func New(t testing.TB) *keys.Store {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "master.key")
	if err := master.CreateFile(file); err != nil {
		t.Fatal(err)
	}
	s, err := keys.Create(t.Context(), filepath.Join(dir, "keys"), master.File(file), Options(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// At returns the store in a directory that outlives the process; it is made when
// there is none.
func At(t testing.TB, dir string) *keys.Store {
	t.Helper()
	file := filepath.Join(dir, "master.key")
	open := func() (*keys.Store, error) {
		return keys.Open(t.Context(), filepath.Join(dir, "keys"), master.File(file), keys.Options{})
	}
	if _, err := os.Stat(file); err != nil {
		if err := errors.Join(os.MkdirAll(dir, 0o700), master.CreateFile(file)); err != nil {
			t.Fatal(err)
		}
		open = func() (*keys.Store, error) {
			return keys.Create(t.Context(), filepath.Join(dir, "keys"), master.File(file), Options(t))
		}
	}
	s, err := open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Options makes Create quick.
func Options(t testing.TB) keys.Options {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return keys.Options{HostKeys: []crypto.Signer{key}}
}

// Master returns the master key of a store that New made.
func Master(s *keys.Store) keys.Master {
	return master.File(filepath.Join(filepath.Dir(s.Dir()), "master.key"))
}

// Reopen opens a store that New made once more, as after a restart.
func Reopen(t testing.TB, s *keys.Store) *keys.Store {
	t.Helper()
	again, err := keys.Open(t.Context(), s.Dir(), Master(s), keys.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Close)
	return again
}
