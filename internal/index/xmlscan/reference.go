package xmlscan

import (
	"bytes"
	"unicode/utf8"

	"sealgate/internal/payment"
)

// reference reports the character that the reference here stands for.
func (s *Scanner) reference() (Event, error) {
	for {
		r, n, err := parseReference(s.buf[s.pos:s.end])
		if err == errMore {
			if !s.fill() {
				return 0, s.cut()
			}
			continue
		}
		if err != nil {
			return 0, s.refine(err)
		}
		s.pos += n
		s.text = utf8.AppendRune(s.refBuf[:0], r)
		return s.report(1)
	}
}

// maxReference bounds the text of a reference; the longest that anybody needs,
// &#1114111;, has ten bytes.
const maxReference = 64

// parseReference reads the reference that b starts with.
func parseReference(b []byte) (r rune, n int, err error) {
	if len(b) < 2 {
		return 0, 0, errMore
	}
	if b[1] == '#' {
		return parseCharReference(b)
	}
	n = 1
	for n < len(b) && n < maxReference && nameClass[b[n]] != 0 {
		n++
	}
	if n == len(b) {
		return 0, 0, errMore
	}
	if b[n] != ';' {
		return 0, 0, &fault{payment.XMLMalformed, "the character & stands alone; in XML it is written &amp;"}
	}
	for _, e := range entities {
		if e.name == string(b[1:n]) {
			return e.char, n + 1, nil
		}
	}
	return 0, 0, &fault{payment.XMLMalformed, "the entity &" + string(short(b[1:n])) + "; is not defined"}
}

var entities = [...]struct {
	name string
	char rune
}{{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"apos", '\''}, {"quot", '"'}}

func parseCharReference(b []byte) (r rune, n int, err error) {
	if len(b) < 3 {
		return 0, 0, errMore
	}
	base, n := rune(10), 2
	if b[2] == 'x' {
		base, n = 16, 3
	}
	first := n
	for ; n < len(b) && n < maxReference; n++ {
		d := digit(b[n])
		if d >= base {
			break
		}
		r = min(r*base+d, 0x110000) // stays too large once it is
	}
	if n == len(b) {
		return 0, 0, errMore
	}
	if b[n] != ';' || n == first {
		return 0, 0, &fault{payment.XMLMalformed, "a character reference is not a number and a semicolon"}
	}
	if !isChar(r) {
		return 0, 0, &fault{payment.XMLMalformed, "a character reference names a character that is not allowed in XML"}
	}
	return r, n + 1, nil
}

func digit(b byte) rune {
	switch {
	case b >= '0' && b <= '9':
		return rune(b - '0')
	case b >= 'a' && b <= 'f':
		return rune(b-'a') + 10
	case b >= 'A' && b <= 'F':
		return rune(b-'A') + 10
	}
	return 99
}

// unescape resolves the references of an attribute value that was found to be
// well formed, and makes line ends and tabs blanks (XML 1.0, 3.3.3).
func unescape(raw []byte) []byte {
	if !bytes.ContainsAny(raw, "&\t\n\r") {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		switch raw[i] {
		case '&':
			r, n, err := parseReference(raw[i:])
			if err != nil {
				return out
			}
			out = utf8.AppendRune(out, r)
			i += n
			continue
		case '\r':
			if i+1 < len(raw) && raw[i+1] == '\n' {
				i++
			}
			fallthrough
		case '\n', '\t':
			out = append(out, ' ')
		default:
			out = append(out, raw[i])
		}
		i++
	}
	return out
}
