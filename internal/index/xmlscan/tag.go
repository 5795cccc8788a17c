package xmlscan

import (
	"errors"

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
		case s.end-s.pos > MaxTag:
			return s.fail(payment.XMLLimit, "a tag is longer than %d bytes", MaxTag)
		case s.fill(): // and once more
		case s.srcErr == nil: // the buffer cannot hold it
			return s.fail(payment.XMLLimit, "a tag is longer than %d bytes", MaxTag)
		default:
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
