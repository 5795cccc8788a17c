package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"sealgate/internal/fault"
)

// The kinds of ciphertext under a body key. They begin the associated data, so
// that what was sealed as one kind never opens as another.
const (
	kindSlot    = 'B'
	kindPart    = 'P'
	kindTrailer = 'T'
)

// Body seals and opens the slots and the trailer of one file. It is safe for
// concurrent use, and the same slot may be sealed any number of times.
type Body struct {
	file [16]byte
	aead cipher.AEAD // draws its own nonces; see the package comment
}

// NewBody returns the body of a file under its key. The key may be wiped after.
func NewBody(k *FileKey, file [16]byte) (*Body, error) {
	key := k.bodyKey(file)
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "seal: body", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "seal: body", err)
	}
	return &Body{file: file, aead: aead}, nil
}

// SealSlot appends sealed slot k to dst. The plaintext has 1 to SlotSize bytes,
// and only the last slot of a file may be short; anything else is a bug of the
// caller and panics.
func (b *Body) SealSlot(dst []byte, k int64, plain []byte) []byte {
	return b.seal(dst, kindSlot, k, plain, SlotSize)
}

// OpenSlot appends the plaintext of slot k to dst. Nothing is appended unless
// the whole slot is verified.
func (b *Body) OpenSlot(dst []byte, k int64, sealed []byte) ([]byte, error) {
	return b.open(dst, kindSlot, k, sealed, SlotSize)
}

// SealPart seals an unfinished slot that has to be put aside on disk. Its own
// kind keeps it from ever opening as a slot. The plaintext is the caller's (the
// bytes and their extents), 1 to MaxPart bytes.
func (b *Body) SealPart(dst []byte, k int64, plain []byte) []byte {
	return b.seal(dst, kindPart, k, plain, MaxPart)
}

// OpenPart opens what SealPart sealed.
func (b *Body) OpenPart(dst []byte, k int64, sealed []byte) ([]byte, error) {
	return b.open(dst, kindPart, k, sealed, MaxPart)
}

func (b *Body) seal(dst []byte, kind byte, k int64, plain []byte, limit int) []byte {
	if k < 0 || k >= MaxSlots || len(plain) == 0 || len(plain) > limit {
		panic(fmt.Sprintf("seal: %d bytes in slot %d", len(plain), k))
	}
	var ad [32]byte
	return b.aead.Seal(dst, nil, plain, b.slotData(ad[:0], kind, k, len(plain)))
}

func (b *Body) open(dst []byte, kind byte, k int64, sealed []byte, limit int) ([]byte, error) {
	n := len(sealed) - Overhead
	if k < 0 || k >= MaxSlots || n < 1 || n > limit {
		return nil, damaged("slot %d has a length that no slot has", k)
	}
	var ad [32]byte
	plain, err := b.aead.Open(dst, nil, sealed, b.slotData(ad[:0], kind, k, n))
	if err != nil {
		return nil, damaged("slot %d is damaged", k)
	}
	return plain, nil
}

// slotData is the associated data of a slot or part: kind, file id, number
// (8 bytes) and plaintext length (4 bytes), big-endian.
func (b *Body) slotData(dst []byte, kind byte, k int64, n int) []byte {
	dst = append(append(dst, kind), b.file[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(k))
	return binary.BigEndian.AppendUint32(dst, uint32(n))
}
