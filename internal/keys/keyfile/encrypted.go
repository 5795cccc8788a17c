package keyfile

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hpke"
	"crypto/rand"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// EncryptedAccessKey is the private half of an access key under its owner's
// passphrase. It may lie anywhere: only the passphrase opens it.
//
//	 0   1  version: 1
//	 1   1  how the passphrase is stretched: 1 = Argon2id, version 0x13 (RFC 9106)
//	 2   1  lanes
//	 3   1  zero
//	 4   4  passes
//	 8   4  memory in KiB
//	12  16  salt
//	28  32  fingerprint of the access key
//	60  12  nonce
//	72  32  the seed, encrypted (AES-256-GCM)
//	104 16  tag
//
// The associated data is encryptedLabel and the 60 bytes before the nonce.
type EncryptedAccessKey struct {
	Fingerprint seal.Fingerprint // of the access key; a claim until the passphrase has opened it

	bytes []byte
}

const (
	encryptedSize  = encryptedHead + 12 + 32 + 16
	encryptedHead  = 60
	encryptedLabel = "sealgate/v1 encrypted access key"

	// MinPassphrase is the least number of characters. No file keeps anybody
	// from guessing at his own speed.
	MinPassphrase = 12
)

// cost is what one guess costs, and one opening.
type cost struct {
	lanes, passes, memory uint32 // memory in KiB
}

// RFC 9106, section 4, second recommended option.
var ourCost = cost{lanes: 4, passes: 3, memory: 64 << 10}

// check bounds what a file may ask for: no less than guessing has to cost, and
// no more than a machine that opens the files of strangers can spare.
func (c cost) check() error {
	switch {
	case c.lanes < 1 || c.lanes > 8 || c.passes < 1 || c.passes > 16 ||
		c.memory < 19<<10 || c.memory > 256<<10 || c.passes*c.memory > 1<<20:
		return fault.New(fault.Invalid, "keyfile: encrypted access key",
			"the encrypted access key asks for %d passes over %d KiB in %d lanes, which is out of bounds", c.passes, c.memory, c.lanes)
	}
	return nil
}

// EncryptAccessKey encrypts the private half of an access key under a
// passphrase, whose bytes are taken as UTF-8 in the form NFC, so that it is the
// same on every keyboard.
func EncryptAccessKey(k hpke.PrivateKey, passphrase []byte) (*EncryptedAccessKey, error) {
	return encryptAccessKey(k, passphrase, ourCost)
}

func encryptAccessKey(k hpke.PrivateKey, passphrase []byte, c cost) (*EncryptedAccessKey, error) {
	if n := utf8.RuneCount(passphrase); n < MinPassphrase {
		return nil, fault.New(fault.Invalid, "keyfile: encrypt access key",
			"a passphrase of %d characters is too short: %d or more are needed; a few words at random are best", n, MinPassphrase)
	}
	seed, err := Seed(k)
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	fp := seal.AccessKeyFingerprint(k.PublicKey())
	head := make([]byte, 12, encryptedSize)
	head[0], head[1], head[2] = 1, 1, byte(c.lanes)
	binary.BigEndian.PutUint32(head[4:], c.passes)
	binary.BigEndian.PutUint32(head[8:], c.memory)
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	head = append(append(head, salt...), fp[:]...)
	e := &EncryptedAccessKey{Fingerprint: fp, bytes: head}
	e.bytes = e.aead(passphrase).Seal(head, nil, seed, e.associated())
	return e, nil
}

// IsEncrypted tells an encrypted access key from others.
func IsEncrypted(text []byte) bool {
	block, _ := pem.Decode(text)
	return block != nil && block.Type == typeEncryptedAccessKey
}

// ParseEncryptedAccessKey reads one from PEM text. Nothing is opened: whether a
// passphrase fits, and whether the fingerprint is true, Open tells.
func ParseEncryptedAccessKey(text []byte) (*EncryptedAccessKey, error) {
	b, err := decode("keyfile: parse encrypted access key", text, typeEncryptedAccessKey, "encrypted access key")
	if err != nil {
		return nil, err
	}
	return EncryptedAccessKeyFromBytes(b)
}

// EncryptedAccessKeyFromBytes is ParseEncryptedAccessKey without PEM.
func EncryptedAccessKeyFromBytes(b []byte) (*EncryptedAccessKey, error) {
	const op = "keyfile: parse encrypted access key"
	if len(b) != encryptedSize || b[0] != 1 || b[1] != 1 || b[3] != 0 {
		return nil, fault.New(fault.Invalid, op, "the encrypted access key cannot be read: it is damaged, or of a later version")
	}
	e := &EncryptedAccessKey{Fingerprint: seal.Fingerprint(b[28:60]), bytes: bytes.Clone(b)}
	return e, e.cost().check()
}

// Bytes returns it without PEM.
func (e *EncryptedAccessKey) Bytes() []byte { return bytes.Clone(e.bytes) }

// Marshal returns it as PEM text.
func (e *EncryptedAccessKey) Marshal() []byte { return encode(typeEncryptedAccessKey, e.bytes) }

// Open returns the access key; Locked when the passphrase is another one. It
// takes a good tenth of a second and as much memory as the file says, up to 256
// MiB: who opens for strangers bounds how many do so at once.
func (e *EncryptedAccessKey) Open(passphrase []byte) (hpke.PrivateKey, error) {
	const op = "keyfile: open encrypted access key"
	seed, err := e.aead(passphrase).Open(nil, nil, e.bytes[encryptedHead:], e.associated())
	if err != nil {
		return nil, fault.New(fault.Locked, op, "the access key does not open with this passphrase")
	}
	defer clear(seed)
	k, err := hpke.MLKEM768X25519().NewPrivateKey(seed)
	if err != nil {
		return nil, fault.Wrap(fault.Damaged, op, err)
	}
	if seal.AccessKeyFingerprint(k.PublicKey()) != e.Fingerprint {
		return nil, fault.New(fault.Damaged, op, "the encrypted access key is another one than it says")
	}
	return k, nil
}

// String names the key.
func (e *EncryptedAccessKey) String() string { return "encrypted access key " + e.Fingerprint.String() }

// Format is String under every verb.
func (e *EncryptedAccessKey) Format(f fmt.State, _ rune) { io.WriteString(f, e.String()) }

func (e *EncryptedAccessKey) cost() cost {
	return cost{
		lanes:  uint32(e.bytes[2]),
		passes: binary.BigEndian.Uint32(e.bytes[4:]),
		memory: binary.BigEndian.Uint32(e.bytes[8:]),
	}
}

func (e *EncryptedAccessKey) associated() []byte {
	return append([]byte(encryptedLabel), e.bytes[:encryptedHead]...)
}

// aead is the cipher under the passphrase. It draws a random nonce.
func (e *EncryptedAccessKey) aead(passphrase []byte) cipher.AEAD {
	p := norm.NFC.Bytes(passphrase)
	if len(p) > 0 && &p[0] != &passphrase[0] {
		defer clear(p)
	}
	c := e.cost()
	key := argon2.IDKey(p, e.bytes[12:28], c.passes, c.memory, uint8(c.lanes), 32)
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
