// Package bankgirot reads the files of the Swedish Bankgirot: supplier payments
// (Leverantörsbetalningar, LB) and their return report.
//
// An LB file is one section after another, each opened by an 11 and closed by a
// 29 that states count and sum. There is no record for the file as a whole, so a
// cut between two sections cannot be seen; a seal (00 … 99) around the file
// closes that gap and is otherwise skipped: its key is the customer's.
//
// A payment is reported when the next record that is not a text of it comes,
// because texts (25, 65) follow their payment. Names and accounts (26, 27, 40)
// stand before the payments that use them, under credit transfer numbers of five
// digits. So what is held is one payment and at most 100,000 payees, however
// large the file.
package bankgirot

import (
	"bytes"
	"io"

	"sealgate/internal/index/family"
	"sealgate/internal/index/record"
	"sealgate/internal/payment"
)

const (
	formatLB       = "bankgirot.lb"
	formatLBReturn = "bankgirot.lb-return"

	recordLength = 80
	closingSeal  = 72 // characters of a whole 99: code, day, check value, key value
	maxMessage   = 65536
)

// LB reads supplier payment orders and return reports.
type LB struct{}

// Match recognises the opening record, past a seal.
func (LB) Match(head []byte) bool {
	head = family.SkipBlank(head)
	first, rest := firstRecord(head)
	if isSeal(first) {
		first, _ = firstRecord(rest)
	}
	_, ok := productName(first)
	return ok
}

// Read reads a file of sections.
func (LB) Read(src io.Reader, out *family.Collector) error {
	out.Identify(formatLB, "")
	l := &lb{
		in:  record.NewReader(src, record.Options{Length: recordLength, Habit: habit}),
		out: out,
	}
	defer l.in.Finish(out)
	for {
		rec, err := l.in.Next()
		if err == io.EOF {
			return l.end()
		}
		if err != nil {
			return err
		}
		if err := l.record(rec); err != nil {
			return err
		}
	}
}

// firstRecord returns the first record of head that is not blank, and what
// follows it, in a file with line ends or without.
func firstRecord(head []byte) (first, rest []byte) {
	for len(head) > 0 {
		n := bytes.IndexAny(head, "\r\n")
		if n < 0 || n > record.MaxLine {
			n = min(recordLength, len(head))
			return head[:n], head[n:]
		}
		first, head = head[:n], head[n+1:]
		if len(bytes.Trim(first, " \t\x00")) > 0 {
			break
		}
	}
	return first, head
}

func isSeal(rec []byte) bool {
	return len(rec) >= 12 && string(rec[:2]) == "00" && string(rec[8:12]) == "HMAC"
}

// productName finds LEVERANTÖRSBETALNINGAR in an opening record and returns the
// bytes that stand for Ö, one or two of any kind.
func productName(rec []byte) (o []byte, ok bool) {
	const before, after = "LEVERANT", "RSBETALNINGAR"
	const at = 18 + len(before)
	if !bytes.HasPrefix(rec, []byte("11")) || len(rec) < at || string(rec[18:at]) != before {
		return nil, false
	}
	for n := 1; n <= 2; n++ {
		if len(rec) >= at+n && bytes.HasPrefix(rec[at+n:], []byte(after)) {
			return rec[at : at+n], true
		}
	}
	return nil, false
}

// habit is record.Options.Habit: the product name of the first opening record
// tells which old character set the file is in.
func habit(raw []byte) record.Charset {
	if !bytes.HasPrefix(raw, []byte("11")) {
		return record.Undecided
	}
	if o, ok := productName(raw); ok && len(o) == 1 {
		return record.ProductName(o[0])
	}
	return record.NoHabit
}

// lb is the reading of one file.
type lb struct {
	in  *record.Reader
	out *family.Collector

	report bool // a return report, not orders
	sealed bool // opened by 00
	closed bool // 99 was met
	beyond bool // records after it were reported
	open   bool // inside a section
	sect   section
	pay    pending
}

// record takes the next record.
func (l *lb) record(rec *record.Record) error {
	if l.closed {
		if !l.beyond {
			l.beyond = true
			l.out.Add(payment.TrailingData, payment.Place{Line: rec.Line}, "records after the closing record 99")
		}
		return nil
	}
	code := string(rec.Field(1, 2))
	switch code {
	case "25", "65":
		return l.text(rec, code)
	}
	if err := l.flush(); err != nil {
		return err
	}
	switch code {
	case "00":
		return l.seal(rec)
	case "11":
		return l.opening(rec)
	case "99":
		return l.closing(rec)
	case "28":
		return nil // seal of a section
	case "12", "13", "14", "15", "16", "54", "26", "27", "40", "29":
	case "20", "21", "48":
		if !l.report {
			return l.unknown(rec)
		}
	default:
		return l.unknown(rec)
	}
	if !l.open {
		return l.misplaced(rec, "it stands outside a section")
	}
	switch code {
	case "14", "15", "16", "54":
		return l.payment(rec, code)
	case "26", "27", "40":
		l.payee(rec, code)
	case "29":
		l.total(rec)
	}
	return nil
}

// end is met after the last record.
func (l *lb) end() error {
	if err := l.flush(); err != nil {
		return err
	}
	at := payment.Place{Line: l.in.Line()}
	switch {
	case l.open:
		return family.Fatal(payment.Truncated, at, "the file ends inside a section, before its total record 29")
	case l.sealed && !l.closed:
		return family.Fatal(payment.Truncated, at, "the file opens with a seal and ends without the closing one, 99")
	case l.sect.batch == 0:
		return family.Fatal(payment.Truncated, at, "the file ends before its first section")
	}
	return nil
}

func (l *lb) seal(rec *record.Record) error {
	if l.sealed || l.sect.batch > 0 {
		return l.misplaced(rec, "a seal opens the file and stands nowhere else")
	}
	l.sealed = true
	return nil
}

func (l *lb) closing(rec *record.Record) error {
	at := payment.Place{Line: rec.Line}
	switch {
	case l.open:
		return family.Fatal(payment.Truncated, at, "the file is closed inside a section, before its total record 29")
	case !l.sealed || l.sect.batch == 0:
		return l.misplaced(rec, "there is no sealed section before it")
	case rec.Len() < closingSeal:
		return family.Fatal(payment.Truncated, at, "the closing seal 99 is cut: %d characters of %d", rec.Len(), closingSeal)
	}
	l.closed = true
	return nil
}

func (l *lb) unknown(rec *record.Record) error {
	return family.Fatal(payment.UnknownRecord, payment.Place{Line: rec.Line}, "no record of this format starts with %q", rec.Text(1, 2))
}

func (l *lb) misplaced(rec *record.Record, why string) error {
	return family.Fatal(payment.RecordOrder, payment.Place{Line: rec.Line}, "a record %s cannot stand here: %s", rec.Text(1, 2), why)
}
