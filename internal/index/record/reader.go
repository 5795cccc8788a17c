// Package record reads the line based payment formats: it cuts a stream into
// records of a fixed length, settles the character set, and reads text and
// numbers out of positions.
//
// What all these formats have in common (docs/formats.md, "Line ends, padding,
// character sets"): CRLF, LF and CR all end a line; blanks, tabs and zero bytes
// at the end of a record are cut and a missing tail is blank; blank lines count
// for nothing; one 0x1A at the very end is dropped; a file with no line ends at
// all is cut into blocks of the record length.
//
// The character set is settled at the first byte above 127: seven-bit Swedish
// and code page 850 by the product name, UTF-8 when that byte starts a UTF-8
// sequence, else ISO 8859-1. It is kept to the end; a file that breaks it is
// refused, because a stream cannot be read again.
//
// The reader holds 64 KiB whatever the size of the file, and its answer does not
// depend on how the source cuts its reads.
package record

import (
	"bytes"
	"io"
	"unicode/utf8"

	"sealgate/internal/index/family"
	"sealgate/internal/payment"
)

// MaxLine is the longest line that is read, padding included.
const MaxLine = 4096

const bufferSize = 64 << 10

// Options say how a format lays out its records.
type Options struct {
	// Length is the record length in characters, 80 for most.
	Length int
	// Habit looks at a record, as it stands in the file, for the product name
	// and says which old habit its bytes give away (ProductName). It is asked
	// for each record until it answers other than Undecided.
	Habit func(raw []byte) Charset
}

// Reader cuts a source into records.
type Reader struct {
	src    io.Reader
	opt    Options
	buf    []byte
	start  int // buf[start:end] is read and not yet taken
	end    int
	eof    bool
	offset int64 // of buf[start] in the file

	layout  layout
	line    int64
	ends    lineEnds
	mixedAt int64 // first line whose end differs from an earlier one; 0 none

	charset   Charset
	settledAt int64 // line at which the character set was settled
	asked     bool  // Habit has answered

	rec     Record
	columns []uint16
}

// layout is how records follow each other; it is decided by the first line.
type layout uint8

const (
	layoutUnknown layout = iota
	lines
	blocks // no line ends at all
)

// lineEnds is a set of the kinds of line end that were met.
type lineEnds uint8

const (
	endLF lineEnds = 1 << iota
	endCR
	endCRLF
)

// NewReader returns a Reader of src, which starts at the file's first byte.
func NewReader(src io.Reader, opt Options) *Reader {
	return &Reader{src: src, opt: opt, buf: make([]byte, bufferSize)}
}

// Next returns the next record that is not blank, valid until the call after.
// At the end it returns io.EOF; a *family.Stop refuses the file; other errors
// are the source's.
func (r *Reader) Next() (*Record, error) {
	if r.line == 0 && r.start == 0 && r.offset == 0 {
		if err := r.byteOrderMark(); err != nil {
			return nil, err
		}
	}
	for {
		at := r.offset
		raw, err := r.cut()
		if err != nil {
			return nil, err
		}
		r.line++
		raw = cutPadding(raw)
		if len(raw) == 0 {
			continue
		}
		if err := r.settle(raw, at); err != nil {
			return nil, err
		}
		if r.rec.Len() > r.opt.Length {
			return nil, family.Fatal(payment.RecordLength, payment.Place{Line: r.line},
				"a record of %d characters where the format has %d", r.rec.Len(), r.opt.Length)
		}
		return &r.rec, nil
	}
}

// Line returns the number of the line that was read last.
func (r *Reader) Line() int64 { return r.line }

// Finish tells out which character set the file is in, and warns when it is not
// the one that the format calls for or when line ends are mixed. It is called
// once, after the last Next, also when that failed.
func (r *Reader) Finish(out *family.Collector) {
	out.SetEncoding(r.charset.String())
	if r.charset != Undecided && r.charset != Latin1 {
		out.Add(payment.CharsetUnexpected, payment.Place{Line: r.settledAt},
			"the file is in %s; the format calls for ISO-8859-1", r.charset)
	}
	if r.mixedAt > 0 {
		out.Add(payment.MixedLineEnds, payment.Place{Line: r.mixedAt}, "lines end in more than one way")
	}
}

// byteOrderMark drops the UTF-8 mark that some editors put first.
func (r *Reader) byteOrderMark() error {
	if err := r.need(3); err != nil {
		return err
	}
	if bytes.HasPrefix(r.buf[r.start:r.end], []byte{0xEF, 0xBB, 0xBF}) {
		r.charset, r.settledAt, r.asked = UTF8, 1, true
		r.take(3)
	}
	return nil
}

// cut takes the next line or block out of the buffer.
func (r *Reader) cut() ([]byte, error) {
	if r.layout == blocks {
		return r.cutBlock()
	}
	for {
		window := r.buf[r.start:min(r.end, r.start+MaxLine+1)]
		if i := lineEnd(window); i >= 0 {
			if window[i] == '\r' && r.start+i+1 == r.end && !r.eof {
				// The line feed of a CRLF may be in the next read.
				if err := r.fill(); err != nil {
					return nil, err
				}
				continue
			}
			return r.cutLine(i), nil
		}
		switch {
		case len(window) <= MaxLine && !r.eof:
		case r.layout == layoutUnknown:
			return r.firstBlock()
		case len(window) > MaxLine:
			return nil, r.tooLong(r.line + 1)
		case len(window) == 0:
			return nil, io.EOF
		default:
			return r.take(len(window)), nil
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

func lineEnd(b []byte) int {
	lf := bytes.IndexByte(b, '\n')
	if lf >= 0 {
		b = b[:lf]
	}
	if cr := bytes.IndexByte(b, '\r'); cr >= 0 {
		return cr
	}
	return lf
}

// cutLine takes a line of n bytes and its end.
func (r *Reader) cutLine(n int) []byte {
	r.layout = lines
	kind, size := endLF, 1
	if r.buf[r.start+n] == '\r' {
		kind = endCR
		if after := r.start + n + 1; after < r.end && r.buf[after] == '\n' {
			kind, size = endCRLF, 2
		}
	}
	if r.ends |= kind; r.ends != kind && r.mixedAt == 0 {
		r.mixedAt = r.line + 1
	}
	return r.take(n + size)[:n]
}

// firstBlock finds that the file has no line end where its first line should
// have one. A line end a little further on shows a line that is too long; with
// none in the whole buffer the file is taken to have none at all.
func (r *Reader) firstBlock() ([]byte, error) {
	if err := r.need(len(r.buf)); err != nil {
		return nil, err
	}
	if lineEnd(r.buf[r.start:r.end]) >= 0 {
		return nil, r.tooLong(1)
	}
	r.layout = blocks
	return r.cutBlock()
}

// cutBlock takes the next record of a file without line ends.
func (r *Reader) cutBlock() ([]byte, error) {
	// One byte more than the block tells whether it is the last one.
	if err := r.need(r.opt.Length*utf8.UTFMax + 1); err != nil {
		return nil, err
	}
	window := r.buf[r.start:r.end]
	if len(window) == 0 {
		return nil, io.EOF
	}
	n := min(r.opt.Length, len(window))
	if high := firstHigh(window[:n]); high >= 0 {
		if r.charset == Undecided {
			r.ask(window[:n], r.line+1)
			r.decide(window[high:], r.line+1)
		}
		if r.charset == UTF8 {
			n = characters(window, r.opt.Length)
		}
	}
	if bytes.IndexByte(window[:n], '\n') >= 0 || bytes.IndexByte(window[:n], '\r') >= 0 {
		return nil, r.tooLong(1) // so the file has line ends, and its first line is too long
	}
	return r.take(n), nil
}

// characters returns the length in bytes of the first n characters of UTF-8.
func characters(b []byte, n int) int {
	i := 0
	for ; n > 0 && i < len(b); n-- {
		_, size := utf8.DecodeRune(b[i:])
		i += size
	}
	return i
}

func (r *Reader) tooLong(line int64) error {
	return family.Fatal(payment.FieldLimit, payment.Place{Line: line}, "a line of more than %d bytes", MaxLine)
}

// settle makes raw the current record, deciding the character set when it can
// and must be decided now.
func (r *Reader) settle(raw []byte, at int64) error {
	high := firstHigh(raw)
	r.ask(raw, r.line)
	if high >= 0 && r.charset == Undecided {
		r.decide(raw[high:], r.line)
	}
	r.rec = Record{Line: r.line, raw: raw, ascii: high < 0, charset: r.charset}
	if high < 0 {
		return nil
	}
	switch r.charset {
	case UTF8:
		if i := firstInvalid(raw); i >= 0 {
			return r.badEncoding(at + int64(i))
		}
		r.columns = columnsOf(r.columns, raw)
		r.rec.columns = r.columns
	case ISO646SE:
		return r.badEncoding(at + int64(high))
	}
	return nil
}

func (r *Reader) badEncoding(at int64) error {
	return family.Fatal(payment.BadEncoding, payment.Place{Line: r.line, Byte: at},
		"the file began in %s and has a byte that does not belong there", r.charset)
}

// ask lets the format judge the product name, until it has answered.
func (r *Reader) ask(raw []byte, line int64) {
	if r.asked || r.opt.Habit == nil {
		return
	}
	switch habit := r.opt.Habit(raw); habit {
	case Undecided:
	case NoHabit:
		r.asked = true
	default:
		r.asked = true
		if r.charset == Undecided {
			r.charset, r.settledAt = habit, line
		}
	}
}

// decide settles the character set by the first byte above 127 and those after it.
func (r *Reader) decide(b []byte, line int64) {
	if r.charset != Undecided {
		return
	}
	r.charset, r.settledAt = Latin1, line
	if c, n := utf8.DecodeRune(b); c != utf8.RuneError || n > 1 {
		r.charset = UTF8
	}
}

// take removes n bytes from the front of the buffer.
func (r *Reader) take(n int) []byte {
	b := r.buf[r.start : r.start+n]
	r.start += n
	r.offset += int64(n)
	return b
}

// need fills the buffer until it holds n bytes or the file has ended.
func (r *Reader) need(n int) error {
	for r.end-r.start < n && !r.eof {
		if err := r.fill(); err != nil {
			return err
		}
	}
	return nil
}

// fill reads once more. It moves what is held to the front, so it must not be
// called while a record is in use.
func (r *Reader) fill() error {
	if r.start > 0 {
		copy(r.buf, r.buf[r.start:r.end])
		r.start, r.end = 0, r.end-r.start
	}
	for range 100 {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		switch {
		case err == io.EOF: // bare by contract; an error that wraps it is a failure, not the end
			r.eof = true
			if r.end > 0 && r.buf[r.end-1] == 0x1A {
				r.end-- // the end mark of old systems
			}
			return nil
		case err != nil:
			return err
		case n > 0:
			return nil
		}
	}
	return io.ErrNoProgress
}
