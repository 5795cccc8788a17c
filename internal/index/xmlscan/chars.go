package xmlscan

import (
	"unicode/utf8"

	"sealgate/internal/index/family"
	"sealgate/internal/payment"
)

// Classes of bytes in text: plain ones are passed over in a tight loop.
const (
	plain uint8 = iota
	lessThan
	ampersand
	bracket
	carriage
	hyphen
	question
	quote
	control
	high
)

// Tables of classes, one for each place: what stops the loop there.
var (
	textClass    = classes("<&]\r")
	cdataClass   = classes("]\r")
	commentClass = classes("-")
	piClass      = classes("?")
	valueClass   = classes("<&\"'")
)

func classes(stops string) (t [256]uint8) {
	for b := range t {
		switch {
		case b >= 0x80:
			t[b] = high
		case b < 0x20 && b != '\t' && b != '\n' && b != '\r':
			t[b] = control
		}
	}
	of := map[byte]uint8{
		'<': lessThan, '&': ampersand, ']': bracket, '\r': carriage, '-': hyphen, '?': question, '"': quote, '\'': quote,
	}
	for i := range len(stops) {
		t[stops[i]] = of[stops[i]]
	}
	return t
}

func isSpace(b byte) bool { return b == ' ' || b == '\n' || b == '\t' || b == '\r' }

// nameClass: 1 may stand in a name, 2 may also start one. The colon is neither:
// it divides a qualified name.
var nameClass = func() (t [256]uint8) {
	for b := range t {
		switch {
		case b >= 'A' && b <= 'Z', b >= 'a' && b <= 'z', b == '_':
			t[b] = 2
		case b >= '0' && b <= '9', b == '-', b == '.':
			t[b] = 1
		}
	}
	return t
}()

// isNameStart and isNameRune are the productions NameStartChar and NameChar of
// XML 1.0 above US-ASCII.
func isNameStart(r rune) bool {
	switch {
	case r >= 0xC0 && r <= 0x2FF:
		return r != 0xD7 && r != 0xF7
	case r >= 0x370 && r <= 0x1FFF:
		return r != 0x37E
	case r >= 0x200C && r <= 0x200D, r >= 0x2070 && r <= 0x218F, r >= 0x2C00 && r <= 0x2FEF, r >= 0x3001 && r <= 0xD7FF,
		r >= 0xF900 && r <= 0xFDCF, r >= 0xFDF0 && r <= 0xFFFD, r >= 0x10000 && r <= 0xEFFFF:
		return true
	}
	return false
}

func isNameRune(r rune) bool {
	return isNameStart(r) || r == 0xB7 || r >= 0x300 && r <= 0x36F || r >= 0x203F && r <= 0x2040
}

// isChar is the production Char of XML 1.0.
func isChar(r rune) bool {
	return r >= 0x20 && r <= 0xD7FF || r == '\t' || r == '\n' || r == '\r' || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// char returns the size of the character that b starts with, b being unread
// bytes of the buffer. errMore means that b ends within it.
func (s *Scanner) char(b []byte) (int, error) {
	r, size := utf8.DecodeRune(b)
	if r == utf8.RuneError && size <= 1 {
		if !utf8.FullRune(b) {
			return 0, errMore
		}
		s.pos = s.end - len(b)
		at := payment.Place{Line: s.Line(), Byte: s.base + int64(s.pos)}
		return 0, family.Fatal(payment.BadEncoding, at,
			"the file says that it is %s, but byte %d of it does not fit", s.encoding, at.Byte)
	}
	if !isChar(r) {
		s.pos = s.end - len(b)
		return 0, s.fail(payment.XMLMalformed, "the character U+%04X is not allowed in XML", r)
	}
	return size, nil
}
