package xmlscan

import (
	"bytes"
	"unicode/utf8"

	"sealgate/internal/payment"
)

var newline = []byte{'\n'}

// skipSpace passes over white space between a tag and other markup. It reports
// false, and consumes nothing, when there is text to report.
func (s *Scanner) skipSpace() bool {
	for {
		i := s.pos
		for i < s.end && isSpace(s.buf[i]) {
			i++
		}
		n := i - s.pos
		if i == s.end && s.fill() {
			continue
		}
		if n == 0 || i == s.end || s.buf[i] != '<' || s.textChars+n > MaxText {
			return false
		}
		s.textChars += n
		s.pos = i
		return true
	}
}

// charData reports one piece of the text that starts here: a run of characters,
// a resolved reference or a line end.
func (s *Scanner) charData() (Event, error) {
	s.afterTag = false
	if n, chars := s.run(&textClass); n > 0 {
		return s.piece(n, chars)
	}
	switch s.buf[s.pos] {
	case '&':
		return s.reference()
	case '\r':
		return s.lineEnd()
	case ']':
		if s.need(3) && s.buf[s.pos+1] == ']' && s.buf[s.pos+2] == '>' {
			return 0, s.fail(payment.XMLMalformed, "the characters ]]> may not stand in text")
		}
		return s.piece(1, 1)
	}
	n, err := s.oddChar()
	if err != nil {
		return 0, err
	}
	return s.piece(n, 1)
}

// run returns how many bytes from here to the end of the buffer are characters
// that the table does not stop at, and how many characters. It never goes past
// a fault.
func (s *Scanner) run(table *[256]uint8) (i, chars int) {
	b := s.buf[s.pos:s.end]
	extra := 0
	for i < len(b) {
		if c := table[b[i]]; c == plain {
			i++
			continue
		} else if c != high {
			break
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size <= 1 || !isChar(r) {
			break
		}
		i += size
		extra += size - 1
	}
	return i, i - extra
}

// oddChar returns the size of the character here, where a run stopped: its bytes
// may not all be in the buffer yet, or it may be none.
func (s *Scanner) oddChar() (int, error) {
	s.need(utf8.UTFMax)
	n, err := s.char(s.buf[s.pos:s.end])
	if err == errMore {
		return 0, s.cut()
	}
	return n, err
}

// piece reports the next n bytes as text.
func (s *Scanner) piece(n, chars int) (Event, error) {
	s.text = s.buf[s.pos : s.pos+n]
	s.pos += n
	return s.report(chars)
}

// report reports s.text.
func (s *Scanner) report(chars int) (Event, error) {
	s.textChars += chars
	if s.textChars > MaxText {
		return 0, s.fail(payment.FieldLimit, "a field is longer than %d characters", MaxText)
	}
	return Text, nil
}

// lineEnd reports CR LF and CR as LF (XML 1.0, 2.11).
func (s *Scanner) lineEnd() (Event, error) {
	s.pos++
	if s.need(1) && s.buf[s.pos] == '\n' {
		s.pos++
	}
	s.text = newline
	return s.report(1)
}

// cdata reports the text of a CDATA section piece by piece; it was begun
// already. Its end reports nothing.
func (s *Scanner) cdata() (Event, error) {
	if n, chars := s.run(&cdataClass); n > 0 {
		return s.piece(n, chars)
	}
	if !s.need(1) {
		return 0, s.cut()
	}
	switch s.buf[s.pos] {
	case '\r':
		return s.lineEnd()
	case ']':
		if !s.need(3) {
			return 0, s.cut()
		}
		if s.buf[s.pos+1] == ']' && s.buf[s.pos+2] == '>' {
			s.pos += 3
			s.inCDATA = false
			return 0, nil
		}
		return s.piece(1, 1)
	}
	n, err := s.oddChar()
	if err != nil {
		return 0, err
	}
	return s.piece(n, 1)
}

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
	if bytes.IndexByte(raw, '&') < 0 && bytes.IndexAny(raw, "\t\n\r") < 0 {
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
