package xmlscan

import (
	"bytes"
	"io"
	"strings"

	"golang.org/x/text/encoding/charmap"

	"sealgate/internal/payment"
)

// begin finds out the encoding by byte order mark and XML declaration, which
// must agree, and has everything after the declaration arrive as UTF-8.
func (s *Scanner) begin() error {
	s.encoding = "UTF-8"
	s.fill()
	b := s.buf[:s.end]
	switch {
	case bytes.HasPrefix(b, []byte("\xEF\xBB\xBF")):
		s.pos = 3
		return s.declare8(true)
	case bytes.HasPrefix(b, []byte("\xFE\xFF")):
		s.pos = 2
		return s.declare16(true, true)
	case bytes.HasPrefix(b, []byte("\xFF\xFE")):
		s.pos = 2
		return s.declare16(true, false)
	case bytes.HasPrefix(b, []byte("\x00<")):
		return s.declare16(false, true)
	case bytes.HasPrefix(b, []byte("<\x00")):
		return s.declare16(false, false)
	}
	return s.declare8(false)
}

// declare8 goes by the declaration of a file in which a character of US-ASCII is
// one byte.
func (s *Scanner) declare8(mark bool) error {
	name, err := s.xmlDecl()
	if err != nil || name == "" {
		return err
	}
	s.encoding = name
	if mark && name != "UTF-8" {
		return s.contradiction("a UTF-8 byte order mark")
	}
	switch name {
	case "UTF-8", "UTF8":
		return nil
	case "US-ASCII", "ASCII":
		s.recode(&byteReader{name: name, at: int64(s.pos)})
		return nil
	case "ISO-8859-1", "LATIN1", "ISO-8859-15", "WINDOWS-1252", "CP1252":
		s.recode(&byteReader{name: name, at: int64(s.pos), table: tables[name]})
		return nil
	case "UTF-16", "UTF-16LE", "UTF-16BE":
		return s.contradiction("one byte for each character")
	}
	return s.fail(payment.BadEncoding, "the file declares the encoding %s, which is not known here", name)
}

// declare16 does the same for a file of two bytes each.
func (s *Scanner) declare16(mark, big bool) error {
	s.encoding = "UTF-16"
	s.recode(&utf16Reader{big: big, at: int64(s.pos)})
	name, err := s.xmlDecl()
	if err != nil {
		return err
	}
	if other := map[bool]string{true: "UTF-16LE", false: "UTF-16BE"}[big]; !strings.HasPrefix(name, "UTF-16") && name != "" || name == other {
		s.encoding = name
		return s.contradiction("two bytes for each character")
	}
	if !mark && name != "" {
		s.encoding = name
	}
	return nil
}

func (s *Scanner) contradiction(found string) error {
	return s.fail(payment.BadEncoding, "the file declares the encoding %s, but it has %s", s.encoding, found)
}

// transcoder is a source that turns the bytes of another into UTF-8.
type transcoder interface {
	io.Reader
	from(io.Reader)
}

// recode puts t between the source and the buffer, for everything not consumed.
func (s *Scanner) recode(t transcoder) {
	s.Line()
	rest := io.Reader(bytes.NewReader(bytes.Clone(s.buf[s.pos:s.end])))
	if s.srcErr == nil {
		rest = io.MultiReader(rest, s.src)
	} else if s.srcErr != io.EOF {
		rest = io.MultiReader(rest, failedReader{s.srcErr})
	}
	t.from(rest)
	s.src, s.srcErr = t, nil
	s.pos, s.end, s.counted = 0, 0, 0
}

type failedReader struct{ err error }

func (r failedReader) Read([]byte) (int, error) { return 0, r.err }

var tables = map[string]*[256]rune{
	"ISO-8859-1": nil, "LATIN1": nil,
	"ISO-8859-15":  table(charmap.ISO8859_15),
	"WINDOWS-1252": table(charmap.Windows1252), "CP1252": table(charmap.Windows1252),
}

func table(m *charmap.Charmap) *[256]rune {
	var t [256]rune
	for b := range t {
		t[b] = m.DecodeByte(byte(b))
	}
	return &t
}

// xmlDecl consumes the XML declaration, when there is one, and returns the
// encoding it names, in capitals.
func (s *Scanner) xmlDecl() (string, error) {
	if !s.need(6) || string(s.buf[s.pos:s.pos+5]) != "<?xml" || !isSpace(s.buf[s.pos+5]) {
		return "", nil
	}
	s.markup = true
	var name string
	err := s.token(func(b []byte) (n int, err error) {
		name, n, err = parseDecl(b)
		return n, err
	})
	return strings.ToUpper(name), err
}

// parseDecl parses the XML declaration that b starts with (XML 1.0, 2.8).
func parseDecl(b []byte) (encoding string, n int, err error) {
	d := declParser{b: b, n: len("<?xml")}
	version := d.attribute("version")
	name := d.attribute("encoding")
	standalone := d.attribute("standalone")
	d.space()
	d.expect("?>")
	switch {
	case d.err != nil:
		return "", d.n, d.err
	case len(version) < 3 || string(version[:2]) != "1." || !all(version[2:], func(c byte) bool { return c >= '0' && c <= '9' }):
		return "", d.n, badDecl
	case name != nil && !isEncodingName(name):
		return "", d.n, badDecl
	case standalone != nil && string(standalone) != "yes" && string(standalone) != "no":
		return "", d.n, badDecl
	}
	return string(name), d.n, nil
}

var badDecl = &fault{payment.XMLMalformed, "the XML declaration in the first line is not well formed"}

func isEncodingName(name []byte) bool {
	return len(name) > 0 && nameClass[name[0]] == 2 && name[0] != '_' && all(name, func(c byte) bool { return nameClass[c] != 0 })
}

func all(b []byte, ok func(byte) bool) bool {
	for _, c := range b {
		if !ok(c) {
			return false
		}
	}
	return true
}

// declParser walks over the declaration; after an error it stands still.
type declParser struct {
	b   []byte
	n   int
	err error
}

func (d *declParser) space() (any bool) {
	for d.n < len(d.b) && isSpace(d.b[d.n]) {
		d.n++
		any = true
	}
	return any
}

// expect consumes text.
func (d *declParser) expect(text string) {
	if d.err != nil {
		return
	}
	rest := d.b[d.n:]
	switch {
	case len(rest) >= len(text) && string(rest[:len(text)]) == text:
		d.n += len(text)
	case len(rest) < len(text) && string(rest) == text[:len(rest)]:
		d.err = errMore
	default:
		d.err = badDecl
	}
}

// attribute consumes ` name = "value"` when that is what comes next, and
// returns nil when it is something else.
func (d *declParser) attribute(name string) []byte {
	if d.err != nil {
		return nil
	}
	start := d.n
	if !d.space() || d.n < len(d.b) && d.b[d.n] != name[0] {
		d.n = start
		return nil
	}
	if d.n == len(d.b) {
		d.err = errMore
		return nil
	}
	d.expect(name)
	d.space()
	d.expect("=")
	d.space()
	if d.err != nil {
		return nil
	}
	rest := d.b[d.n:]
	if len(rest) == 0 {
		d.err = errMore
		return nil
	}
	if rest[0] != '"' && rest[0] != '\'' {
		d.err = badDecl
		return nil
	}
	end := bytes.IndexByte(rest[1:], rest[0])
	if end < 0 {
		d.err = errMore
		return nil
	}
	d.n += end + 2
	return rest[1 : end+1]
}
