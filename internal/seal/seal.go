// Package seal is the sealed-file format: content encrypted with AES-256-GCM so
// that a certificate key and an access key together open it, and neither alone.
//
// A sealed file is
//
//	header | slot 0 | slot 1 | ... | trailer
//
// The header names the file and its account, holds the wraps of the two key
// shares, and ends in a MAC that commits to the file key. The content lies in
// slots of 64 KiB, each sealed by itself at a place that follows from its
// number, so slots can be written in any order, again, and by any number of
// cores, and read at random. The trailer is sealed once, when the file is
// complete, and is the end mark: without it, or with another length than it
// says, there is no sealed file.
//
// What holds:
//
//   - No code outside crypto/cipher ever chooses a nonce. Every seal draws a
//     fresh random one ([crypto/cipher.NewGCMWithRandomNonce]), which is why a
//     slot may be sealed again after a resumed upload.
//   - Every ciphertext is bound to its file, its kind and its place; every wrap
//     and grant to its file and its account. What is moved does not open.
//   - A [Reader] has verified header, trailer and length before it releases a
//     byte, and each slot before it releases a byte of that slot. Only
//     [Reader.Verify] compares the SHA-256 of the whole content too, which also
//     tells an older seal of a slot from the one that was committed.
//   - Shares and keys do not print, whatever the verb or the encoder.
//
// What does not: the size of the content, the number of wraps and the
// fingerprints of their keys can be read off the object.
//
// The package is pure: no disk, no network, no clock. Errors are faults:
// Damaged for bytes that fail their verification, Locked when no wrap names a
// given key, Invalid for a certificate or key that cannot be used, TooLarge
// past a bound. docs/sealed-file.md specifies every byte.
package seal

import (
	"sealgate/internal/fault"
)

// Sizes of the body. A slot on disk is nonce (12), ciphertext, tag (16).
const (
	SlotSize   = 64 << 10 // plaintext bytes of every slot but the last
	NonceSize  = 12
	TagSize    = 16
	Overhead   = NonceSize + TagSize // what sealing adds
	SealedSlot = SlotSize + Overhead

	// MaxSlots keeps a file's key far below the 2^32 seals that random nonces
	// allow: half of them are left for slots sealed again. 2^31 slots are 128 TiB.
	MaxSlots = 1 << 31

	// MaxPart bounds what SealPart takes: a whole slot and a list of its extents.
	MaxPart = 2 * SlotSize
)

// Binding is what every wrap and every grant is bound to: a share or key that is
// moved to another file or another account does not open there.
type Binding struct {
	File    [16]byte
	Account [16]byte
}

// SlotOffset returns where sealed slot k begins in an object whose header has
// this length.
func SlotOffset(headerLen int, k int64) int64 { return int64(headerLen) + k*SealedSlot }

// Slots returns how many slots hold this many bytes of content.
func Slots(plain int64) int64 { return (plain + SlotSize - 1) / SlotSize }

// ObjectSize returns the length of a complete sealed file.
func ObjectSize(headerLen int, plain int64) int64 {
	return int64(headerLen) + plain + Slots(plain)*Overhead + TrailerSize
}

// layout finds the content length of an object from its own length. Only the
// last slot may be short, and no slot is empty.
func layout(headerLen int, object int64) (plain int64, err error) {
	body := object - int64(headerLen) - TrailerSize
	if body < 0 {
		return 0, damaged("the file is cut: it has no trailer")
	}
	if tail := body % SealedSlot; tail != 0 && tail <= Overhead {
		return 0, damaged("the file is cut: its length fits no content")
	}
	slots := (body + SealedSlot - 1) / SealedSlot
	if slots > MaxSlots {
		return 0, fault.New(fault.TooLarge, "seal: open", "the file has more than %d slots", int64(MaxSlots))
	}
	return body - slots*Overhead, nil
}

func damaged(format string, args ...any) error {
	return fault.New(fault.Damaged, "seal: open", format, args...)
}
