package xmlscan

import (
	"bytes"
	"unicode/utf8"

	"sealgate/internal/payment"
)

// The parsers here work on what of a token is in the buffer: on an error, the
// number they return is how far they came; errMore asks for more of the token.

// parseEnd parses "</name>" and compares it with the element that is open.
func parseEnd(b, open []byte) (int, error) {
	name, n, err := parseName(b, 2)
	if err != nil {
		return n, err
	}
	if !bytes.Equal(b[name.name:name.nameEnd], open) {
		return n, &fault{payment.XMLMalformed, "the element " + string(short(open)) + " is closed by </" + string(short(b[name.name:name.nameEnd])) + ">"}
	}
	for n < len(b) && isSpace(b[n]) {
		n++
	}
	if n == len(b) {
		return n, errMore
	}
	if b[n] != '>' {
		return n, &fault{payment.XMLMalformed, "the end tag of " + string(short(open)) + " holds more than its name"}
	}
	return n + 1, nil
}

// parseStart parses a start tag or empty-element tag into s.attrs. On an error n
// is how far it came.
func (s *Scanner) parseStart(b []byte) (name attr, n int, empty bool, err error) {
	s.attrs = s.attrs[:0]
	name, n, err = parseName(b, 1)
	if err != nil {
		return name, n, false, err
	}
	for {
		space := n
		for n < len(b) && isSpace(b[n]) {
			n++
		}
		if n == len(b) {
			return name, n, false, errMore
		}
		switch b[n] {
		case '>':
			return name, n + 1, false, nil
		case '/':
			if n+1 == len(b) {
				return name, n, false, errMore
			}
			if b[n+1] != '>' {
				return name, n, false, &fault{payment.XMLMalformed, "a / stands alone in a tag"}
			}
			return name, n + 2, true, nil
		}
		if n == space {
			return name, n, false, &fault{payment.XMLMalformed, "a blank is missing in a tag"}
		}
		if len(s.attrs) == MaxAttributes {
			return name, n, false, &fault{payment.XMLLimit, "an element has more than 64 attributes"}
		}
		if n, err = s.parseAttr(b, n); err != nil {
			return name, n, false, err
		}
	}
}

// parseAttr parses one attribute at b[n:] and returns where it ends.
func (s *Scanner) parseAttr(b []byte, n int) (int, error) {
	a, n, err := parseName(b, n)
	if err != nil {
		return n, err
	}
	for n < len(b) && isSpace(b[n]) {
		n++
	}
	if n == len(b) {
		return n, errMore
	}
	if b[n] != '=' {
		return n, &fault{payment.XMLMalformed, "an attribute has no value"}
	}
	n++
	for n < len(b) && isSpace(b[n]) {
		n++
	}
	if n == len(b) {
		return n, errMore
	}
	if b[n] != '"' && b[n] != '\'' {
		return n, &fault{payment.XMLMalformed, "the value of an attribute is not in quotes"}
	}
	a.value = n + 1
	if n, err = s.parseValue(b, n); err != nil {
		return n, err
	}
	a.valueEnd = n - 1
	for _, other := range s.attrs {
		if string(b[other.name:other.nameEnd]) == string(b[a.name:a.nameEnd]) {
			return n, &fault{payment.XMLMalformed, "an element has the attribute " + string(short(b[a.name:a.nameEnd])) + " twice"}
		}
	}
	s.attrs = append(s.attrs, a)
	return n, nil
}

// parseValue passes over the quoted value at b[n:].
func (s *Scanner) parseValue(b []byte, n int) (int, error) {
	mark := b[n]
	for n++; n < len(b); {
		switch valueClass[b[n]] {
		case plain:
			n++
		case quote:
			if b[n] == mark {
				return n + 1, nil
			}
			n++
		case lessThan:
			return n, &fault{payment.XMLMalformed, "the character < stands in an attribute"}
		case ampersand:
			_, size, err := parseReference(b[n:])
			if err != nil {
				return n, err
			}
			n += size
		default:
			size, err := s.char(b[n:])
			if err != nil {
				return n, err
			}
			n += size
		}
	}
	return n, errMore
}

// parseName parses the qualified name at b[n:] and returns where it ends. Only
// the name's fields of the attr are set.
func parseName(b []byte, n int) (a attr, end int, err error) {
	a.name, a.colon, a.space = n, n, noSpace
	if n, err = parsePart(b, n); err != nil {
		return a, n, err
	}
	if b[n] == ':' {
		a.colon = n + 1
		if n, err = parsePart(b, n+1); err != nil {
			return a, n, err
		}
	}
	if n-a.name > MaxName {
		return a, n, &fault{payment.XMLLimit, "a name is longer than 1024 bytes"}
	}
	a.nameEnd = n
	return a, n, nil
}

// parsePart parses a name without colon at b[n:]; there is a byte after it.
func parsePart(b []byte, n int) (int, error) {
	start := n
	for n < len(b) {
		if c := nameClass[b[n]]; c == 2 || c == 1 && n > start {
			n++
			continue
		}
		if b[n] < utf8.RuneSelf {
			break
		}
		r, size := utf8.DecodeRune(b[n:])
		if r == utf8.RuneError && size <= 1 {
			if !utf8.FullRune(b[n:]) {
				return n, errMore
			}
			return n, errNameBytes
		}
		if !isNameStart(r) && (n == start || !isNameRune(r)) {
			break
		}
		n += size
	}
	if n == len(b) {
		return n, errMore
	}
	if n == start {
		return n, &fault{payment.XMLMalformed, "a name was expected after < or in a tag; in text, < is written &lt;"}
	}
	return n, nil
}
