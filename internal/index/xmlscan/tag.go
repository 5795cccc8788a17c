package xmlscan

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"sealgate/internal/payment"
)

// attr is an attribute of the current start tag, as offsets into the tag.
type attr struct {
	name, colon, nameEnd int // colon is the start of the local name
	value, valueEnd      int
	space                int // binding of the prefix, or one of those below
}

// What attr.space is when no binding is meant.
const (
	noSpace  = -1 // no prefix, or a namespace declaration
	stdSpace = -2 // the prefix xml
)

// errNameBytes says that bytes of a name fit no character.
var errNameBytes = errors.New("xmlscan: bad bytes in a name")

// fault is an error of the pure parsers, which know no place.
type fault struct {
	code    payment.Code
	message string
}

func (f *fault) Error() string { return f.message }

// refine gives a fault its place; other errors pass.
func (s *Scanner) refine(err error) error {
	var f *fault
	if errors.As(err, &f) {
		return s.fail(f.code, "%s", f.message)
	}
	return err
}

// token parses one piece of markup of at most MaxTag bytes that starts here with
// parse, which gets it from its "<" and returns its length, or errMore while its
// end is missing. A fault that lies further in than MaxTag is the limit's, so
// that the answer does not depend on how much of the tag is in the buffer.
func (s *Scanner) token(parse func(b []byte) (int, error)) error {
	for {
		n, err := parse(s.buf[s.pos:s.end])
		switch {
		case n > MaxTag:
			return s.fail(payment.XMLLimit, "a tag is longer than %d bytes", MaxTag)
		case err == nil:
			s.tag = s.buf[s.pos : s.pos+n]
			s.pos += n
			return nil
		case err == errNameBytes:
			_, err = s.char(s.buf[s.pos+n : s.end])
			return err
		case err != errMore:
			return s.refine(err)
		case s.end-s.pos > MaxTag || s.stuck():
			return s.fail(payment.XMLLimit, "a tag is longer than %d bytes", MaxTag)
		case !s.fill():
			return s.cut()
		}
	}
}

func (s *Scanner) startTag() error {
	if len(s.stack) == 0 && s.rootSeen {
		return s.fail(payment.XMLMalformed, "a second document begins after the end of the first")
	}
	name, ok := s.bareTag()
	empty := false
	if !ok {
		err := s.token(func(b []byte) (n int, err error) {
			name, n, empty, err = s.parseStart(b)
			return n, err
		})
		if err != nil {
			return err
		}
	}
	if len(s.stack) == MaxDepth {
		return s.fail(payment.XMLLimit, "more than %d elements stand inside each other", MaxDepth)
	}
	s.push(name)
	if err := s.bind(); err != nil {
		return s.refine(err)
	}
	s.rootSeen, s.pendingEnd = true, empty
	s.afterTag, s.textChars = true, 0
	return nil
}

// bareTag consumes a start tag that is nothing but a name of US-ASCII without
// prefix, as nearly all are; ok is false, and nothing consumed, for any other.
func (s *Scanner) bareTag() (name attr, ok bool) {
	b := s.buf[s.pos:s.end]
	n := 1
	for n < len(b) && nameClass[b[n]] != 0 {
		n++
	}
	if n == 1 || n >= len(b) || b[n] != '>' || n > MaxName || nameClass[b[1]] != 2 {
		return attr{}, false
	}
	s.attrs = s.attrs[:0]
	s.tag = b[:n+1]
	s.pos += n + 1
	return attr{name: 1, colon: 1, nameEnd: n, space: noSpace}, true
}

// push opens the element of the current tag.
func (s *Scanner) push(name attr) {
	f := frame{name: len(s.names), space: -1, def: -1, mark: len(s.ns.list)}
	if n := len(s.stack); n > 0 {
		f.def = s.stack[n-1].def
	}
	s.names = append(s.names, s.tag[name.name:name.nameEnd]...)
	f.colon = f.name + name.colon - name.name
	f.end = len(s.names)
	s.stack = append(s.stack, f)
}

func (s *Scanner) pop() {
	f := &s.stack[len(s.stack)-1]
	s.names = s.names[:f.name]
	s.ns.drop(f.mark)
	s.stack = s.stack[:len(s.stack)-1]
	s.popEnd = false
}

// endTag consumes "</name>" of the element that is open.
func (s *Scanner) endTag() error {
	if len(s.stack) == 0 {
		return s.fail(payment.XMLMalformed, "an end tag stands outside of the document")
	}
	f := &s.stack[len(s.stack)-1]
	open := s.names[f.name:f.end]
	b := s.buf[s.pos:s.end]
	if n := 2 + len(open); len(b) > n && b[n] == '>' && string(b[2:n]) == string(open) {
		s.pos += n + 1
	} else if err := s.token(func(b []byte) (int, error) { return parseEnd(b, open) }); err != nil {
		return err
	}
	s.popEnd, s.afterTag, s.textChars = true, true, 0
	return nil
}

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
