package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log/slog"

	"sealgate/internal/fault"
)

const redacted = "[key]"

// Share is one half of what a file key is made from.
type Share [32]byte

// NewShares draws the two shares of a new file.
func NewShares() (a, b Share) {
	rand.Read(a[:]) // never fails (crypto/rand)
	rand.Read(b[:])
	return a, b
}

// Wipe overwrites the share.
func (s *Share) Wipe() { clear(s[:]) }

// Format redacts the share under every verb.
func (Share) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue redacts the share in structured logs.
func (Share) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText redacts the share in JSON and every other text encoding.
func (Share) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// FileKey is the key of one file. All other keys of the file derive from it.
//
// The bytes are held by pointer: when fmt reaches a key through somebody's
// unexported field it cannot call Format, and then it finds an address only.
type FileKey struct{ b *[32]byte }

// DeriveFileKey combines the two shares: HKDF-SHA256 over A and B, salted with
// the file id.
func DeriveFileKey(a, b Share, file [16]byte) *FileKey {
	secret := append(append(make([]byte, 0, 64), a[:]...), b[:]...)
	defer clear(secret)
	k := derive(secret, file[:], "sealgate/v1 file key")
	defer clear(k)
	return &FileKey{b: (*[32]byte)(append([]byte(nil), k...))}
}

// FileKeyFromBytes returns the key that Bytes gave. It copies b.
func FileKeyFromBytes(b []byte) (*FileKey, error) {
	if len(b) != 32 {
		return nil, fault.New(fault.Damaged, "seal: file key", "a file key has 32 bytes, not %d", len(b))
	}
	return &FileKey{b: (*[32]byte)(append([]byte(nil), b...))}, nil
}

// Bytes returns a copy of the key, for wrapping. The caller clears it.
func (k *FileKey) Bytes() []byte { return append([]byte(nil), k.bytes()...) }

// Wipe overwrites the key. A key is not used after it was wiped: that panics,
// because the alternative is content sealed under zeros.
func (k *FileKey) Wipe() {
	if k != nil && k.b != nil {
		clear(k.b[:])
		k.b = nil
	}
}

func (k *FileKey) bytes() []byte {
	if k == nil || k.b == nil {
		panic("seal: file key used after Wipe")
	}
	return k.b[:]
}

func (k *FileKey) bodyKey(file [16]byte) []byte {
	return derive(k.bytes(), file[:], "sealgate/v1 body")
}

func (k *FileKey) headerMAC(signed []byte) []byte {
	key := derive(k.bytes(), nil, "header")
	defer clear(key)
	m := hmac.New(sha256.New, key)
	m.Write(signed)
	return m.Sum(nil)
}

// Format redacts the key under every verb.
func (FileKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue redacts the key in structured logs.
func (FileKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText redacts the key in JSON and every other text encoding.
func (FileKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// derive is HKDF-SHA256 (RFC 5869) to 32 bytes.
func derive(secret, salt []byte, info string) []byte {
	k, err := hkdf.Key(sha256.New, secret, salt, info, 32)
	if err != nil {
		panic("seal: hkdf: " + err.Error()) // only for lengths or hashes that are not used here
	}
	return k
}
