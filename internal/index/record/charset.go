package record

import (
	"encoding/binary"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Charset is a character set of the Swedish text formats.
type Charset uint8

// Character sets. Undecided is a file that had no byte above 127 so far.
const (
	Undecided Charset = iota
	Latin1            // ISO 8859-1, what the formats call for
	UTF8
	CP850    // given away by 0x99 for Ö in the product name
	ISO646SE // seven-bit Swedish, given away by \ for Ö in the product name

	// NoHabit is the answer of Options.Habit when the product name gives
	// nothing away; it is never a file's character set.
	NoHabit
)

// String returns the name of the answer schema.
func (c Charset) String() string {
	switch c {
	case Latin1:
		return "ISO-8859-1"
	case UTF8:
		return "UTF-8"
	case CP850:
		return "CP850"
	case ISO646SE:
		return "ISO646-SE"
	default:
		return "US-ASCII"
	}
}

// ProductName judges the byte that stands for Ö in a format's product name. It
// is what Options.Habit returns for the record that holds the name.
func ProductName(o byte) Charset {
	switch o {
	case '\\', '|':
		return ISO646SE
	case 0x99, 0x94:
		return CP850
	default:
		return NoHabit
	}
}

// decode returns b as a string, b being in any set but UTF-8.
func (c Charset) decode(b []byte) string {
	out := make([]byte, 0, 2*len(b))
	for _, x := range b {
		switch {
		case c == ISO646SE:
			out = append(out, seven(x)...)
		case x < 0x80:
			out = append(out, x)
		case c == CP850:
			out = utf8.AppendRune(out, charmap.CodePage850.DecodeByte(x))
		default:
			out = utf8.AppendRune(out, rune(x))
		}
	}
	return string(out)
}

// seven decodes a byte of seven-bit Swedish (SEN 85 02 00 annex B, letters).
func seven(c byte) string {
	switch c {
	case '[':
		return "Ä"
	case '\\':
		return "Ö"
	case ']':
		return "Å"
	case '{':
		return "ä"
	case '|':
		return "ö"
	case '}':
		return "å"
	}
	return string(rune(c))
}

// firstHigh returns the index of the first byte above 127, -1 for none.
func firstHigh(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if binary.LittleEndian.Uint64(b[i:])&0x8080808080808080 != 0 {
			break
		}
	}
	for ; i < len(b); i++ {
		if b[i] >= utf8.RuneSelf {
			return i
		}
	}
	return -1
}

// firstInvalid returns where b stops being UTF-8, -1 for nowhere.
func firstInvalid(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return -1
}
