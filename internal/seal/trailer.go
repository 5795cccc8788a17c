package seal

import (
	"bytes"
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxName      = 255
	trailerPlain = 8 + 32 + 8 + 1 + maxName

	// TrailerSize is the length of every trailer on disk. It does not depend on
	// the name, so that the end of the content is found from the object's length.
	TrailerSize = trailerPlain + Overhead
)

// Trailer is what is known of a file once it is complete.
type Trailer struct {
	Size       int64
	SHA256     [32]byte
	Name       string    // as the sender gave it: see SafeName before it reaches a disk
	ReceivedAt time.Time // kept to the microsecond
}

// SealTrailer appends the sealed trailer to dst. A name over 255 bytes loses
// leading path elements, and if its last element alone is longer, that one's end.
func (b *Body) SealTrailer(dst []byte, t Trailer) []byte {
	if t.Size < 0 || Slots(t.Size) > MaxSlots {
		panic("seal: trailer of an impossible size")
	}
	name := fitName(t.Name)
	p := make([]byte, 0, trailerPlain)
	p = binary.BigEndian.AppendUint64(p, uint64(t.Size))
	p = append(p, t.SHA256[:]...)
	p = binary.BigEndian.AppendUint64(p, uint64(t.ReceivedAt.UnixMicro()))
	p = append(p, byte(len(name)))
	p = append(p, name...)
	p = p[:trailerPlain] // fresh memory: the padding is zero
	var ad [32]byte
	return b.aead.Seal(dst, nil, p, b.trailerData(ad[:0], Slots(t.Size)))
}

// OpenTrailer opens the trailer of a body with this number of slots. A trailer
// whose size needs another number of slots is damaged.
func (b *Body) OpenTrailer(sealed []byte, slots int64) (Trailer, error) {
	if len(sealed) != TrailerSize || slots < 0 || slots > MaxSlots {
		return Trailer{}, damaged("the trailer has a wrong length")
	}
	var ad [32]byte
	p, err := b.aead.Open(nil, nil, sealed, b.trailerData(ad[:0], slots))
	if err != nil {
		return Trailer{}, damaged("the trailer is damaged, or the file was cut or lengthened")
	}
	t := Trailer{
		Size:       int64(binary.BigEndian.Uint64(p)),
		SHA256:     [32]byte(p[8:]),
		ReceivedAt: time.UnixMicro(int64(binary.BigEndian.Uint64(p[40:]))).UTC(),
	}
	if t.Size < 0 || Slots(t.Size) != slots {
		return Trailer{}, damaged("the trailer's size does not agree with the number of slots")
	}
	name, padding := p[49:49+int(p[48])], p[49+int(p[48]):]
	if len(bytes.Trim(padding, "\x00")) != 0 {
		return Trailer{}, damaged("the trailer's padding is not empty")
	}
	t.Name = string(name)
	return t, nil
}

// trailerData is the associated data of the trailer: kind, file id, number of
// slots (8 bytes, big-endian).
func (b *Body) trailerData(dst []byte, slots int64) []byte {
	dst = append(append(dst, kindTrailer), b.file[:]...)
	return binary.BigEndian.AppendUint64(dst, uint64(slots))
}

func fitName(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	for len(name) > maxName {
		_, rest, ok := strings.Cut(name, "/")
		if !ok {
			return cutRunes(name, maxName)
		}
		name = rest
	}
	return name
}

// cutRunes returns at most n bytes of s, ending where a rune ends.
func cutRunes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
