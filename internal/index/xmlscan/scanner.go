// Package xmlscan is a streaming XML tokenizer for files from strangers.
//
// It enforces well-formedness (XML 1.0, fifth edition) and Namespaces in XML,
// and refuses what a payment file never needs: document types, more than 64
// elements inside each other, more than 64 attributes, a text node of more than
// 65,536 characters, a tag of more than 128 KiB. Every refusal is a *family.Stop
// with the line it was met on; it is always the first fault from the start of
// the document, whatever pieces the reader delivers.
//
// Memory is one buffer and a stack of open elements, whatever the document's
// size. Nothing is allocated for a token: the slices that Local, Space, Attr and
// Text return are valid until the next call of Next.
package xmlscan

import (
	"bytes"
	"errors"
	"io"

	"sealgate/internal/index/family"
	"sealgate/internal/payment"
)

// Limits of a document.
const (
	MaxDepth      = 64
	MaxAttributes = 64
	MaxText       = 65_536  // characters of one text node, CDATA and references included
	MaxTag        = 1 << 17 // bytes from < to >
	MaxName       = 1024    // bytes of a qualified name
	MaxBindings   = 64      // namespace declarations in force at one place
)

const (
	bufferSize  = 2 * MaxTag
	firstBuffer = 32 << 10 // most documents are shorter, and need no more
)

// Event is what Next met.
type Event uint8

// Events. An empty-element tag gives Start and End.
const (
	Start Event = iota + 1 // Local, Space, InTarget, Attr
	Text                   // Text; the text of one element may come in several pieces
	End                    // Local, of the element that ends
	EOF                    // the document is whole
)

// errMore asks for more of the document; it never leaves the package.
var errMore = errors.New("xmlscan: more")

// Scanner reads one document.
type Scanner struct {
	input
	encoding string
	started  bool

	stack      []frame // open elements
	names      []byte  // their qualified names, one after another
	markup     bool    // anything but blanks was met
	rootSeen   bool
	pendingEnd bool // an empty-element tag was met: its End comes next
	popEnd     bool // the element of the last End is still on the stack
	attrs      []attr
	tag        []byte // the start tag that attrs points into
	ns         bindings

	text      []byte
	inCDATA   bool
	textChars int  // characters of the current text node so far
	afterTag  bool // the last thing consumed was a tag
	refBuf    [4]byte
}

// frame is one open element.
type frame struct {
	name, colon, end int // names[name:end]; local name starts at colon
	space            int // binding of the element's namespace, -1 for none
	def              int // binding of the default namespace within it
	mark             int // bindings before it
}

// New returns a Scanner of the document that r delivers.
func New(r io.Reader) *Scanner { return newSize(r, bufferSize) }

func newSize(r io.Reader, size int) *Scanner {
	return &Scanner{
		input: input{src: r, buf: make([]byte, min(firstBuffer, size)), size: size, line: 1},
		stack: make([]frame, 0, MaxDepth), attrs: make([]attr, 0, MaxAttributes),
	}
}

// Encoding returns the name of the document's encoding in capitals; it is known
// after the first call of Next, also when that failed later in the document.
func (s *Scanner) Encoding() string { return s.encoding }

// Depth returns the number of open elements; the one of a Start or End is open.
func (s *Scanner) Depth() int { return len(s.stack) }

// Local returns the local name of the element that started or ended.
func (s *Scanner) Local() []byte {
	f := &s.stack[len(s.stack)-1]
	return s.names[f.colon:f.end]
}

// Text returns the piece of text just met: references resolved, line ends as
// XML wants them, not trimmed.
func (s *Scanner) Text() []byte { return s.text }

// Next goes on to the next event. White space between a tag and the next is
// passed over, and so are comments and processing instructions. The error is a
// *family.Stop or the source's own.
func (s *Scanner) Next() (Event, error) {
	if s.popEnd {
		s.pop()
	}
	if s.pendingEnd {
		s.pendingEnd, s.popEnd = false, true
		return End, nil
	}
	if !s.started {
		s.started = true
		if err := s.begin(); err != nil {
			return 0, err
		}
	}
	for {
		event, err := s.step()
		if event != 0 || err != nil {
			return event, err
		}
	}
}

// step consumes one piece of the document; its event is 0 when that was nothing
// to report.
func (s *Scanner) step() (Event, error) {
	if s.inCDATA {
		return s.cdata()
	}
	if !s.need(1) {
		return s.finish()
	}
	if s.buf[s.pos] == '<' {
		s.markup = true
	} else {
		if len(s.stack) == 0 {
			return 0, s.outside()
		}
		if s.afterTag && s.skipSpace() {
			return 0, nil
		}
		return s.charData()
	}
	if !s.need(2) {
		return 0, s.cut()
	}
	switch s.buf[s.pos+1] {
	case '/':
		return End, s.endTag()
	case '!':
		return s.declaration()
	case '?':
		return 0, s.instruction()
	default:
		return Start, s.startTag()
	}
}

// finish ends the document, or says why it cannot end here.
func (s *Scanner) finish() (Event, error) {
	switch {
	case s.srcErr != io.EOF:
		return 0, s.sourceError()
	case len(s.stack) > 0:
		return 0, s.fail(payment.Truncated, "the file ends before </%s>: the end is missing", short(s.Local()))
	case s.rootSeen:
		return EOF, nil
	case !s.markup:
		return 0, s.fail(payment.EmptyFile, "the file holds nothing but blanks")
	}
	return 0, s.fail(payment.Truncated, "the file ends before its first element")
}

// outside consumes white space before or after the root element.
func (s *Scanner) outside() error {
	b := s.buf[s.pos:s.end]
	n := 0
	for n < len(b) && isSpace(b[n]) {
		n++
	}
	s.pos += n
	if n > 0 {
		return nil
	}
	if _, err := s.oddChar(); err != nil {
		return err
	}
	if s.rootSeen {
		return s.fail(payment.XMLMalformed, "there is text after the end of the document")
	}
	return s.fail(payment.XMLMalformed, "there is text before the first element")
}

// cut is the error of a token that the source did not finish.
func (s *Scanner) cut() error {
	if s.srcErr != nil && s.srcErr != io.EOF {
		return s.sourceError()
	}
	return s.fail(payment.Truncated, "the file ends inside a tag or text: the end is missing")
}

// sourceError is the source's error, with the line when it refuses the file.
func (s *Scanner) sourceError() error {
	var stop *family.Stop
	if errors.As(s.srcErr, &stop) {
		s.pos = s.end
		stop.At.Line = s.Line()
	}
	return s.srcErr
}

func (s *Scanner) fail(code payment.Code, format string, args ...any) error {
	return family.Fatal(code, payment.Place{Line: s.Line()}, format, args...)
}

// short cuts a name for use in a sentence.
func short(name []byte) []byte {
	if len(name) > 40 {
		return append(bytes.ToValidUTF8(name[:40], nil), "..."...)
	}
	return name
}
