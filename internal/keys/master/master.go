// Package master is where the master key of a key store comes from: a file, a
// systemd credential, or a passphrase.
package master

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/argon2"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys/shred"
	"sealgate/internal/keys/wrapped"
)

// A Source is one of them. A token or a KMS can stand behind it as well: what it
// returns may be anything that only it can make.
type Source interface {
	// Key returns the 32 bytes of the master key; the caller overwrites them.
	// salt is the store's own, 32 random bytes.
	Key(ctx context.Context, salt []byte) ([]byte, error)
	// String says what it is, for people: "file /x/master.key".
	String() string
}

// File takes the master key from a file of 64 hexadecimal digits that
// only its owner can read.
func File(path string) Source { return file(path) }

type file string

func (m file) String() string { return "file " + string(m) }

func (m file) Key(context.Context, []byte) ([]byte, error) {
	const op = "keys: master key file"
	f, err := os.Open(string(m))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Locked, op, "there is no master key at %s", string(m))
	}
	if err != nil {
		return nil, fault.Wrap(fault.Locked, op, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fault.Wrap(fault.Locked, op, err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Denied, op,
			"the master key %s has mode %04o, others can read it: chmod 600 %s", string(m), info.Mode().Perm(), string(m))
	}
	return read(f, string(m))
}

// Credential takes the master key from a systemd credential
// (LoadCredential or LoadCredentialEncrypted of the unit).
func Credential(name string) Source { return credential(name) }

type credential string

func (m credential) String() string { return "credential " + string(m) }

func (m credential) Key(context.Context, []byte) ([]byte, error) {
	const op = "keys: master key credential"
	dir, name := os.Getenv("CREDENTIALS_DIRECTORY"), string(m)
	if name == "" || name != filepath.Base(name) || name == ".." {
		return nil, fault.New(fault.Invalid, op, "%q is not the name of a credential", name)
	}
	if dir == "" {
		return nil, fault.New(fault.Locked, op,
			"the master key is the systemd credential %s, and systemd has given none (CREDENTIALS_DIRECTORY is not set)", name)
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, fault.New(fault.Locked, op, "systemd has given no readable credential %s", name)
	}
	defer f.Close()
	return read(f, "credential "+name)
}

// readMaster reads 64 hexadecimal digits, white space around them allowed.
func read(r io.Reader, name string) ([]byte, error) {
	buf := make([]byte, 4*wrapped.KeySize)
	defer clear(buf)
	n, err := io.ReadFull(r, buf)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fault.Wrap(fault.Locked, "keys: read master key", err)
	}
	key, ok := parse(buf[:n])
	if !ok {
		return nil, fault.New(fault.Invalid, "keys: read master key", "%s is no master key: 64 hexadecimal digits are expected", name)
	}
	return key, nil
}

func parse(text []byte) ([]byte, bool) {
	text = bytes.TrimSpace(text)
	if len(text) != 2*wrapped.KeySize {
		return nil, false
	}
	key := make([]byte, wrapped.KeySize)
	if _, err := hex.Decode(key, text); err != nil {
		clear(key)
		return nil, false
	}
	return key, true
}

// Passphrase makes the master key from a passphrase by Argon2id and the
// store's salt. read is called whenever the key is needed; what it returns is
// overwritten.
func Passphrase(read func() ([]byte, error)) Source { return passphrase{read} }

type passphrase struct{ read func() ([]byte, error) }

func (passphrase) String() string { return "passphrase" }

// The cost of a guess: RFC 9106, section 4, second recommended option. It is part
// of the store's format: another cost needs another version of store.json.
const (
	passphraseTime    = 3
	passphraseMemory  = 64 << 10 // KiB
	passphraseThreads = 4
)

func (m passphrase) Key(_ context.Context, salt []byte) ([]byte, error) {
	const op = "keys: passphrase"
	p, err := m.read()
	if err != nil {
		return nil, fault.Wrap(fault.Locked, op, err)
	}
	defer clear(p)
	if len(p) == 0 {
		return nil, fault.New(fault.Locked, op, "the passphrase of the master key is empty")
	}
	return argon2.IDKey(p, salt, passphraseTime, passphraseMemory, passphraseThreads, wrapped.KeySize), nil
}

// CreateFile makes a new master key at path; Exists when there is one.
func CreateFile(path string) error {
	const op = "keys: create master key"
	key, text := newKey()
	defer clear(key)
	defer clear(text)
	f, err := durable.OS.Create(path)
	if fault.Is(err, fault.Exists) {
		return fault.New(fault.Exists, op, "there is a master key at %s already", path)
	}
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	_, err = f.WriteAt(text, 0)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = durable.OS.SyncDir(filepath.Dir(path))
	}
	return fault.Wrap(fault.Internal, op, err)
}

func newKey() (key, text []byte) {
	key = make([]byte, wrapped.KeySize)
	rand.Read(key) // never fails
	text = hex.AppendEncode(make([]byte, 0, 2*wrapped.KeySize+1), key)
	return key, append(text, '\n')
}

// ReplaceFile prepares a new master key for the file at path: hand both
// results to keys.RotateMaster. The old file is overwritten once the new one is in
// its place.
func ReplaceFile(path string) (to Source, install func() error, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, nil, fault.Wrap(fault.Locked, "keys: replace master key", err)
	}
	key, text := newKey()
	install = func() error {
		defer clear(text)
		defer clear(key)
		return shred.Replace(durable.OS, path, text)
	}
	return &once{file(path), key}, install, nil
}

// once is a new master key that is not in its file yet.
type once struct {
	file
	key []byte
}

func (m *once) Key(context.Context, []byte) ([]byte, error) {
	return bytes.Clone(m.key), nil
}

func (m *once) Format(f fmt.State, _ rune) { io.WriteString(f, m.String()) }
