package record

import (
	"strings"
	"unicode/utf8"
)

// Record is one line of the file without its padding. Positions are those of
// the format descriptions: characters, from 1, both ends inclusive. It is valid
// until the reader's next Next.
type Record struct {
	Line int64 // number of the line in the file, blank lines counted; of the block in a file without line ends

	raw     []byte
	ascii   bool
	charset Charset
	columns []uint16 // where each character starts, when characters and bytes differ
	text    string   // raw as a string, made at most once
}

// Len returns the number of characters.
func (r *Record) Len() int {
	if r.columns != nil {
		return len(r.columns) - 1
	}
	return len(r.raw)
}

// Field returns the bytes in positions first to last as they stand in the
// file, fewer where the record ends before.
func (r *Record) Field(first, last int) []byte {
	from, to := r.span(first, last)
	return r.raw[from:to]
}

// At returns the byte in a position, a blank where the record ends before, and
// 0xFF for a character of more than one byte.
func (r *Record) At(position int) byte {
	switch f := r.Field(position, position); {
	case len(f) == 0:
		return ' '
	case len(f) == 1:
		return f[0]
	default:
		return 0xFF
	}
}

// Blank reports whether there is nothing but padding in positions first to last.
func (r *Record) Blank(first, last int) bool {
	for _, c := range r.Field(first, last) {
		if !padding(c) {
			return false
		}
	}
	return true
}

// Text returns the characters in positions first to last, decoded and without
// padding at both ends.
func (r *Record) Text(first, last int) string {
	from, to := r.span(first, last)
	for from < to && padding(r.raw[from]) {
		from++
	}
	for from < to && padding(r.raw[to-1]) {
		to--
	}
	if from == to {
		return ""
	}
	if r.charset == ISO646SE || (!r.ascii && r.charset != UTF8) {
		return strings.TrimSpace(r.charset.decode(r.raw[from:to]))
	}
	if r.text == "" {
		r.text = string(r.raw) // one allocation for all the text of the record
	}
	if r.ascii {
		return r.text[from:to]
	}
	return strings.TrimSpace(r.text[from:to])
}

func (r *Record) span(first, last int) (from, to int) {
	if r.columns == nil {
		to = min(last, len(r.raw))
		return min(first-1, to), to
	}
	n := len(r.columns) - 1
	to = min(last, n)
	from = min(first-1, to)
	return int(r.columns[from]), int(r.columns[to])
}

// State says what a numeric field holds.
type State uint8

// States of a numeric field.
const (
	Absent State = iota // wholly blank
	Good
	Bad // letters, blanks after digits (a cut record looks like that), or too large
)

// Number reads a numeric field: digits over the whole width, blanks before
// them read as zeros.
func (r *Record) Number(first, last int) (int64, State) {
	f := r.Field(first, last)
	i := 0
	for i < len(f) && padding(f[i]) {
		i++
	}
	if i == len(f) {
		return 0, Absent
	}
	// Short of its width, the rest of the field is blanks after digits. Eighteen
	// digits fit an int64; no field of these formats has more.
	width := last - first + 1
	short := len(f) < width
	if r.columns != nil {
		short = r.Len() < last
	}
	if short || len(f)-i > 18 {
		return 0, Bad
	}
	v := int64(0)
	for _, c := range f[i:] {
		if c-'0' > 9 {
			return 0, Bad
		}
		v = v*10 + int64(c-'0')
	}
	return v, Good
}

// padding is what stands in a record where nothing stands.
func padding(c byte) bool { return c == ' ' || c == '\t' || c == 0 }

func cutPadding(b []byte) []byte {
	for len(b) > 0 && padding(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// columnsOf lists where the characters of UTF-8 text start, and its end.
func columnsOf(dst []uint16, raw []byte) []uint16 {
	dst = dst[:0]
	for i := 0; i < len(raw); {
		dst = append(dst, uint16(i))
		_, n := utf8.DecodeRune(raw[i:])
		i += n
	}
	return append(dst, uint16(len(raw)))
}
