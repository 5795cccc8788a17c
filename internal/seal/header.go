package seal

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/hmac"
	"crypto/hpke"
	"encoding/binary"
	"errors"
	"io"

	"sealgate/internal/fault"
)

// The header's fixed part: magic (8), version (1), suite (1), number of wraps
// (2), length of all wraps (4), file id (16), account id (16), big-endian.
const (
	magic     = "SEALGATE"
	version   = 1
	suite     = 1 // AES-256-GCM with random nonces, 64 KiB slots, HKDF- and HMAC-SHA256
	fixedSize = 8 + 1 + 1 + 2 + 4 + 16 + 16
	wrapHead  = 1 + 1 + 2 + 32
	macSize   = 32

	// MaxWraps and MaxHeader bound what a stranger's header can make us read.
	MaxWraps  = 64
	MaxHeader = 1 << 20
)

// Header says which file of which account this is and who can open it. It holds
// no name, no size and no date. A file whose content is to be deleted has no
// wraps: only its grant opens it.
type Header struct {
	Binding
	Wraps []Wrap
}

// Marshal returns the header's bytes: fixed part, wraps, and a MAC over both
// that commits to the file key. Wraps past the bounds are a bug and panic.
func (h Header) Marshal(k *FileKey) []byte {
	if err := checkWraps(h.Wraps); err != nil {
		panic("seal: header: " + err.Error())
	}
	n := 0
	for _, w := range h.Wraps {
		n += wrapHead + len(w.Data)
	}
	b := make([]byte, 0, fixedSize+n+macSize)
	b = append(append(b, magic...), version, suite)
	b = binary.BigEndian.AppendUint16(b, uint16(len(h.Wraps)))
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	b = append(append(b, h.File[:]...), h.Account[:]...)
	for _, w := range h.Wraps {
		b = append(b, byte(w.Kind), byte(w.Alg))
		b = binary.BigEndian.AppendUint16(b, uint16(len(w.Data)))
		b = append(append(b, w.Key[:]...), w.Data...)
	}
	return append(b, k.headerMAC(b)...)
}

// ReadHeader reads a header and nothing behind it. It bounds everything but
// cannot verify the MAC, which needs the file key: see VerifyHeader. raw is the
// header as it was read.
func ReadHeader(r io.Reader) (h Header, raw []byte, err error) {
	fixed := make([]byte, fixedSize)
	if err := readFull(r, fixed); err != nil {
		return Header{}, nil, err
	}
	count, n, err := h.parseFixed(fixed)
	if err != nil {
		return Header{}, nil, err
	}
	raw = append(make([]byte, 0, fixedSize+n+macSize), fixed...)[:fixedSize+n+macSize]
	if err := readFull(r, raw[fixedSize:]); err != nil {
		return Header{}, nil, err
	}
	if h.Wraps, err = parseWraps(raw[fixedSize:fixedSize+n], count); err != nil {
		return Header{}, nil, err
	}
	return h, raw, nil
}

func (h *Header) parseFixed(b []byte) (count, wraps int, err error) {
	switch {
	case string(b[:8]) != magic:
		return 0, 0, damaged("this is not a sealed file")
	case b[8] != version:
		return 0, 0, damaged("the file has format version %d; this program reads version %d", b[8], version)
	case b[9] != suite:
		return 0, 0, damaged("the file has cipher suite %d; this program reads suite %d", b[9], suite)
	}
	n, size := binary.BigEndian.Uint16(b[10:]), binary.BigEndian.Uint32(b[12:])
	if n > MaxWraps || size > MaxHeader-fixedSize-macSize {
		return 0, 0, damaged("the header is larger than any header")
	}
	h.File, h.Account = [16]byte(b[16:]), [16]byte(b[32:])
	return int(n), int(size), nil
}

func parseWraps(b []byte, count int) ([]Wrap, error) {
	var wraps []Wrap
	for range count {
		if len(b) < wrapHead {
			return nil, damaged("the header's wraps do not fill their room")
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if len(b) < wrapHead+n {
			return nil, damaged("the header's wraps do not fill their room")
		}
		wraps = append(wraps, Wrap{
			Kind: WrapKind(b[0]), Alg: WrapAlg(b[1]),
			Key: Fingerprint(b[4:wrapHead]), Data: bytes.Clone(b[wrapHead : wrapHead+n]),
		})
		b = b[wrapHead+n:]
	}
	if len(b) != 0 {
		return nil, damaged("the header's wraps do not fill their room")
	}
	if err := checkWraps(wraps); err != nil {
		return nil, err
	}
	return wraps, nil
}

// checkWraps holds what every header keeps to, written or read.
func checkWraps(wraps []Wrap) error {
	if len(wraps) > MaxWraps {
		return damaged("the header has %d wraps; %d are allowed", len(wraps), MaxWraps)
	}
	for i, w := range wraps {
		if !w.wellFormed() {
			return damaged("wrap %d has an unknown kind, algorithm or length", i)
		}
		for _, earlier := range wraps[:i] {
			if earlier.Kind == w.Kind && earlier.Key == w.Key {
				return damaged("wrap %d repeats a key", i)
			}
		}
	}
	return nil
}

// VerifyHeader checks the MAC of a header as ReadHeader returned it.
func VerifyHeader(raw []byte, k *FileKey) error {
	if len(raw) < fixedSize+macSize {
		return damaged("the header is cut")
	}
	signed, mac := raw[:len(raw)-macSize], raw[len(raw)-macSize:]
	if !hmac.Equal(mac, k.headerMAC(signed)) {
		return damaged("the header was changed, or belongs to another key")
	}
	return nil
}

// Check compares the header with the file and account the caller expects. Who
// has a record of the file calls this before any key is used.
func (h Header) Check(want Binding) error {
	if h.Binding != want {
		return damaged("the sealed file belongs to another file or account")
	}
	return nil
}

// Find returns the wrap for a key, or a Locked fault when none names it.
func (h Header) Find(kind WrapKind, key Fingerprint) (Wrap, error) {
	for _, w := range h.Wraps {
		if w.Kind == kind && w.Key == key {
			return w, nil
		}
	}
	return Wrap{}, fault.New(fault.Locked, "seal: open", "the file is not sealed for this %s", kind)
}

// FileKey opens both wraps that name the given keys. Locked: no wrap names one
// of them; Damaged: one does and does not open. The header's MAC is not checked.
func (h Header) FileKey(certificate crypto.PrivateKey, access hpke.PrivateKey) (*FileKey, error) {
	if certificate == nil || access == nil {
		return nil, fault.New(fault.Locked, "seal: open", "both a certificate key and an access key are needed")
	}
	certFP, err := PrivateKeyFingerprint(certificate)
	if err != nil {
		return nil, err
	}
	wa, errA := h.Find(KindCertificate, certFP)
	wb, errB := h.Find(KindAccessKey, AccessKeyFingerprint(access.PublicKey()))
	if err := cmp.Or(errA, errB); err != nil {
		return nil, err
	}
	a, err := UnwrapByCertificate(wa, certificate, h.Binding)
	if err != nil {
		return nil, err
	}
	defer a.Wipe()
	b, err := UnwrapByAccessKey(wb, access, h.Binding)
	if err != nil {
		return nil, err
	}
	defer b.Wipe()
	return DeriveFileKey(a, b, h.File), nil
}

// readFull reads all of b; an early end means that the file is cut.
func readFull(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("the file is cut")
	}
	return fault.Wrap(fault.Internal, "seal: read", err)
}
