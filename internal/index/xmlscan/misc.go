package xmlscan

import (
	"bytes"

	"sealgate/internal/payment"
)

// declaration consumes what begins with "<!": a comment or the start of a CDATA
// section. A document type declaration is refused unread.
func (s *Scanner) declaration() (Event, error) {
	for _, open := range [...]string{"<!--", "<![CDATA[", "<!DOCTYPE"} {
		switch match := s.lookingAt(open); {
		case match == whole:
			s.pos += len(open)
			return s.declared(open)
		case match == part:
			return 0, s.cut()
		}
	}
	return 0, s.fail(payment.XMLMalformed, "markup begins with <! and is neither a comment nor CDATA")
}

func (s *Scanner) declared(open string) (Event, error) {
	switch open {
	case "<!--":
		return 0, s.comment()
	case "<!DOCTYPE":
		return 0, s.fail(payment.XMLForbiddenDoctype, "the file has a document type declaration (DOCTYPE), which payment files may not have")
	}
	if len(s.stack) == 0 {
		return 0, s.fail(payment.XMLMalformed, "CDATA stands outside of the document")
	}
	s.inCDATA, s.afterTag = true, false
	return 0, nil
}

// Results of lookingAt.
const (
	none  = iota
	part  // the source ends within it
	whole // all of it is there
)

func (s *Scanner) lookingAt(text string) int {
	if s.need(len(text)) {
		if string(s.buf[s.pos:s.pos+len(text)]) == text {
			return whole
		}
		return none
	}
	if rest := s.buf[s.pos:s.end]; string(rest) == text[:len(rest)] {
		return part
	}
	return none
}

// comment passes over the rest of a comment.
func (s *Scanner) comment() error {
	for {
		n, _ := s.run(&commentClass)
		s.pos += n
		switch {
		case n > 0:
		case !s.need(1):
			return s.cut()
		case s.buf[s.pos] != '-':
			if err := s.skipOdd(); err != nil {
				return err
			}
		case !s.need(2):
			return s.cut()
		case s.buf[s.pos+1] != '-':
			s.pos++
		case !s.need(3):
			return s.cut()
		case s.buf[s.pos+2] != '>':
			return s.fail(payment.XMLMalformed, "a comment holds --")
		default:
			s.pos += 3
			return nil
		}
	}
}

// instruction passes over a processing instruction. The XML declaration was
// consumed where it may stand, so here it is misplaced.
func (s *Scanner) instruction() error {
	if err := s.token(parseTarget); err != nil {
		return err
	}
	if bytes.EqualFold(s.tag[2:], []byte("xml")) {
		if s.rootSeen && len(s.stack) == 0 {
			return s.fail(payment.XMLMalformed, "a second document begins after the end of the first")
		}
		return s.fail(payment.XMLMalformed, "the XML declaration does not stand at the very start of the file")
	}
	for {
		n, _ := s.run(&piClass)
		s.pos += n
		switch {
		case n > 0:
		case !s.need(1):
			return s.cut()
		case s.buf[s.pos] != '?':
			if err := s.skipOdd(); err != nil {
				return err
			}
		case !s.need(2):
			return s.cut()
		case s.buf[s.pos+1] == '>':
			s.pos += 2
			return nil
		default:
			s.pos++
		}
	}
}

// parseTarget parses "<?target" and looks at what follows.
func parseTarget(b []byte) (int, error) {
	n, err := parsePart(b, 2)
	if err != nil {
		return n, err
	}
	if n > MaxName {
		return n, &fault{payment.XMLLimit, "a name is longer than 1024 bytes"}
	}
	if isSpace(b[n]) {
		return n, nil
	}
	if n+1 == len(b) && b[n] == '?' {
		return n, errMore
	}
	if b[n] != '?' || b[n+1] != '>' {
		return n, &fault{payment.XMLMalformed, "a processing instruction has no proper name"}
	}
	return n, nil
}

// skipOdd passes over the character that a run stopped at.
func (s *Scanner) skipOdd() error {
	n, err := s.oddChar()
	s.pos += n
	return err
}
