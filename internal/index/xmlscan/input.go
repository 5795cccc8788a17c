package xmlscan

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// input is the part of the document that is in memory.
type input struct {
	src      io.Reader // gives UTF-8 once the encoding is known
	buf      []byte    // buf[pos:end] is read and not consumed
	size     int       // of buf, once the document has turned out to be long
	pos, end int
	base     int64 // offset in the document of buf[0]; right while UTF-8 is read
	counted  int   // line ends of buf[:counted] are in line
	line     int64
	srcErr   error // sticky, io.EOF included
}

// need makes sure of n unread bytes; false means that the source ended or failed.
func (in *input) need(n int) bool {
	if in.end-in.pos >= n {
		return true
	}
	in.fill()
	return in.end-in.pos >= n
}

// fill drops what is consumed and reads until the buffer is full or the source
// ends, so that what the scanner sees does not depend on the sizes in which the
// source delivers. It reports whether it got anything.
func (in *input) fill() bool {
	if in.srcErr != nil || in.stuck() {
		return false
	}
	in.Line()
	copy(in.buf, in.buf[in.pos:in.end])
	in.base += int64(in.pos)
	in.end -= in.pos
	in.pos, in.counted = 0, 0
	before := in.end
	for in.srcErr == nil && (!in.full() || in.grow()) {
		n, err := in.src.Read(in.buf[in.end:])
		in.end += n
		in.srcErr = err
	}
	return in.end > before
}

// grow gives the buffer its size, once.
func (in *input) grow() bool {
	if len(in.buf) == in.size {
		return false
	}
	in.buf = append(make([]byte, 0, in.size), in.buf...)[:in.size]
	return true
}

// full leaves room for one character, which is the least that a transcoder asks for.
func (in *input) full() bool { return in.end+utf8.UTFMax > len(in.buf) }

// stuck means that the buffer cannot take more of the token that begins it.
func (in *input) stuck() bool { return in.pos == 0 && in.full() }

// Line returns the line on which the last token ended, from 1.
func (in *input) Line() int64 {
	if in.pos > in.counted {
		in.line += int64(bytes.Count(in.buf[in.counted:in.pos], []byte{'\n'}))
		in.counted = in.pos
	}
	return in.line
}
