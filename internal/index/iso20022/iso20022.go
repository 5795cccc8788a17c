// Package iso20022 reads ISO 20022 XML: it finds the message in a document,
// with or without an envelope, and reads pain.001 (customer credit transfer
// initiation) versions 02 to 12. Other messages are recognised by name and
// refused as not read.
//
// Elements are matched by namespace and local name, never by tag text. What is
// not known is passed over; nothing that a document names is ever fetched.
package iso20022

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"

	"sealgate/internal/index/family"
	"sealgate/internal/index/xmlscan"
	"sealgate/internal/payment"
)

// Family is the ISO 20022 family for the index's registry.
type Family struct{}

// Match recognises XML, in any encoding that can be read: every XML file is this
// family's to judge.
func (Family) Match(head []byte) bool {
	if bytes.HasPrefix(head, []byte("\xFF\xFE")) || bytes.HasPrefix(head, []byte("\xFE\xFF")) ||
		bytes.HasPrefix(head, []byte("\x00<")) {
		return true
	}
	head = bytes.TrimLeft(family.SkipBlank(head), " \t\r\n")
	return len(head) > 0 && head[0] == '<'
}

// Read reads one XML document.
func (Family) Read(src io.Reader, out *family.Collector) error {
	head := make([]byte, family.HeadSize)
	n, err := io.ReadFull(src, head)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	head = head[:n]
	if isWideText(head) {
		return family.Fatal(payment.UnknownFormat, payment.Place{}, "the file is text in UTF-16, but not XML")
	}
	r := &reader{scan: xmlscan.New(io.MultiReader(bytes.NewReader(head), src)), out: out}
	err = r.read()
	out.SetEncoding(r.scan.Encoding())
	var stop *family.Stop
	if errors.As(err, &stop) && !r.found {
		name := sniff(head)
		r.identify(name)
		if name == "" && webPage.Match(head) {
			return r.webPage()
		}
	}
	return err
}

// webPage is how a page begins that a mail gateway or a proxy put in a file's
// place; to speak of a forbidden declaration would say little about it.
var webPage = regexp.MustCompile(`(?i)^[^<]*(<\?[^>]*\?>\s*)?<!doctype\s+html`)

// isWideText reports whether head has a UTF-16 mark and then, past blanks, not
// the < that every XML document begins with.
func isWideText(head []byte) bool {
	little := bytes.HasPrefix(head, []byte("\xFF\xFE"))
	if !little && !bytes.HasPrefix(head, []byte("\xFE\xFF")) {
		return false
	}
	for head = head[2:]; len(head) >= 2; head = head[2:] {
		high, low := head[0], head[1]
		if little {
			high, low = low, high
		}
		if high == 0 && bytes.IndexByte([]byte(" \t\r\n"), low) >= 0 {
			continue
		}
		return high != 0 || low != '<'
	}
	return false
}

// maxDocumentDepth is how deep in an envelope Document is looked for.
const maxDocumentDepth = 4

// messageName is what a namespace holds somewhere, whoever published it.
var messageName = regexp.MustCompile(`(pain|camt|pacs)\.[0-9]{3}\.[0-9]{3}\.[0-9]{2}`)

// message is a kind of message that carries payments or their fate.
type message struct {
	id       string // the first two parts of the name
	min, max int    // versions
	title    string
	read     func(*reader) error // nil: not built
}

var messages = [...]message{
	{"pain.001", 2, 12, "credit transfers", readPain001},
	{"pain.002", 2, 14, "payment status reports", nil},
	{"pain.008", 1, 11, "direct debits", nil},
	{"camt.052", 1, 12, "account reports", nil},
	{"camt.053", 1, 12, "account statements", nil},
	{"camt.054", 1, 12, "debit and credit notifications", nil},
	{"pacs.008", 1, 12, "interbank credit transfers", nil},
}

func messageOf(name string) *message {
	for i := range messages {
		if m := &messages[i]; len(name) > len(m.id) && name[:len(m.id)] == m.id {
			return m
		}
	}
	return nil
}

// version returns the two digits that a message name ends with.
func version(name string) int {
	v, _ := strconv.Atoi(name[len(name)-2:])
	return v
}

// reader reads one document.
type reader struct {
	scan  *xmlscan.Scanner
	out   *family.Collector
	name  string // the message's name, once found
	found bool
	depth int // of Document
}

// identify reports what a message name says, when it names something known.
func (r *reader) identify(name string) {
	if m := messageOf(name); m != nil {
		r.out.Identify("iso20022."+m.id, name)
	}
}

func (r *reader) read() error {
	if err := r.seek(); err != nil {
		return err
	}
	r.identify(r.name)
	m := messageOf(r.name)
	switch {
	case m == nil:
		return r.fatal(payment.UnknownFormat, "the file is the ISO 20022 message %s, which carries no payments that are read here", r.name)
	case version(r.name) < m.min || version(r.name) > m.max:
		return r.fatal(payment.UnsupportedVersion, "the file is %s; versions %02d to %02d of %s are known", r.name, m.min, m.max, m.id)
	case m.read == nil:
		return r.fatal(payment.UnknownFormat, "the file is %s (%s), which is not read by this version yet", r.name, m.title)
	}
	if err := m.read(r); err != nil {
		return err
	}
	return r.rest()
}

// seek goes on to the Document of a message.
func (r *reader) seek() error {
	var root string
	for {
		event, err := r.scan.Next()
		switch {
		case err != nil:
			return err
		case event == xmlscan.EOF:
			return r.fatal(payment.UnknownFormat, "the file is XML (%.40s), but holds no ISO 20022 payment message", root)
		case event != xmlscan.Start || r.scan.Depth() > maxDocumentDepth:
			continue
		}
		if root == "" {
			root = string(r.scan.Local())
		}
		if r.scan.Depth() == 1 && bytes.EqualFold(r.scan.Local(), []byte("html")) {
			// Such pages are rarely well formed: say what it is while it can be told.
			return r.webPage()
		}
		if name := r.documentName(); name != "" {
			r.name, r.found, r.depth = name, true, r.scan.Depth()
			r.scan.SetTarget(r.scan.Space())
			return nil
		}
	}
}

// documentName returns the message name when the element that started is the
// Document of a payment message.
func (r *reader) documentName() string {
	if string(r.scan.Local()) != "Document" {
		return ""
	}
	return string(messageName.Find(r.scan.Space()))
}

// rest reads what follows the message to the end. A second message in the
// envelope is not read, which must not go unnoticed.
func (r *reader) rest() error {
	reported := false
	for {
		event, err := r.scan.Next()
		if err != nil || event == xmlscan.EOF {
			return err
		}
		if reported || event != xmlscan.Start || r.scan.Depth() > max(maxDocumentDepth, r.depth+1) {
			continue
		}
		second := r.scan.Depth() == r.depth+1 && r.scan.InTarget() && isBody(r.name, r.scan.Local())
		if second || r.documentName() != "" {
			reported = true // its own body would be told of again
			r.add(payment.TrailingData, "a second message follows the first in the same file; its payments are not read")
		}
	}
}

func (r *reader) webPage() error {
	return r.fatal(payment.UnknownFormat, "the file is a web page, not a payment file")
}

func (r *reader) fatal(code payment.Code, format string, args ...any) error {
	return family.Fatal(code, payment.Place{Line: r.scan.Line()}, format, args...)
}

// add reports a finding about the file or a batch.
func (r *reader) add(code payment.Code, format string, args ...any) {
	r.out.Add(code, payment.Place{Line: r.scan.Line()}, format, args...)
}
