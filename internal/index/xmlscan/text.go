package xmlscan

import (
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
