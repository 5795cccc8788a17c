package xmlscan

import (
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"sealgate/internal/index/family"
	"sealgate/internal/payment"
)

// The transcoders give nothing for less room than utf8.UTFMax; the scanner asks
// for no less.

// byteReader turns a single byte encoding into UTF-8. Without a table the bytes
// are ISO 8859-1; for US-ASCII none above 127 is right.
type byteReader struct {
	src   io.Reader
	name  string
	table *[256]rune
	at    int64 // offset in the file of the next byte
	raw   [4096]byte
	in    []byte
	err   error
}

func (r *byteReader) from(src io.Reader) { r.src = src }

func (r *byteReader) Read(p []byte) (n int, err error) {
	for n+utf8.UTFMax <= len(p) {
		if len(r.in) == 0 {
			if r.err != nil || n > 0 {
				break
			}
			var got int
			got, r.err = r.src.Read(r.raw[:])
			r.in = r.raw[:got]
			continue
		}
		c := r.in[0]
		if c < utf8.RuneSelf {
			p[n] = c
			n++
		} else {
			ch := r.char(c)
			if ch == utf8.RuneError {
				r.in, r.err = nil, badBytes(r.name, r.at)
				break
			}
			n += utf8.EncodeRune(p[n:], ch)
		}
		r.in = r.in[1:]
		r.at++
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

func (r *byteReader) char(c byte) rune {
	switch {
	case r.name == "US-ASCII" || r.name == "ASCII":
		return utf8.RuneError
	case r.table == nil:
		return rune(c)
	}
	return r.table[c]
}

func badBytes(encoding string, at int64) error {
	return family.Fatal(payment.BadEncoding, payment.Place{Byte: at}, "the file says that it is %s, but byte %d of it does not fit", encoding, at)
}

// utf16Reader turns UTF-16 into UTF-8.
type utf16Reader struct {
	src io.Reader
	big bool
	at  int64
	raw [4096]byte
	in  []byte
	err error
}

func (r *utf16Reader) from(src io.Reader) { r.src = src }

func (r *utf16Reader) Read(p []byte) (n int, err error) {
	for n+utf8.UTFMax <= len(p) {
		ch, size := r.char()
		if size > 0 {
			n += utf8.EncodeRune(p[n:], ch)
			r.in = r.in[size:]
			r.at += int64(size)
			continue
		}
		if r.err != nil || n > 0 {
			break
		}
		r.more()
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// char returns the next character and its bytes; 0 bytes when more are needed or
// the next are none, which is then in r.err.
func (r *utf16Reader) char() (rune, int) {
	if len(r.in) < 2 {
		return 0, 0
	}
	ch := r.unit(0)
	if !utf16.IsSurrogate(ch) {
		return ch, 2
	}
	if len(r.in) < 4 && ch < 0xDC00 {
		return 0, 0
	}
	if ch < 0xDC00 {
		if ch = utf16.DecodeRune(ch, r.unit(2)); ch != utf8.RuneError {
			return ch, 4
		}
	}
	r.err = badBytes("UTF-16", r.at)
	return 0, 0
}

func (r *utf16Reader) unit(i int) rune {
	if r.big {
		return rune(r.in[i])<<8 | rune(r.in[i+1])
	}
	return rune(r.in[i+1])<<8 | rune(r.in[i])
}

// more reads on. At the end, half a character is a file that was cut.
func (r *utf16Reader) more() {
	left := copy(r.raw[:], r.in)
	got, err := r.src.Read(r.raw[left:])
	r.in = r.raw[:left+got]
	if err == io.EOF && len(r.in) > 0 && got == 0 {
		err = family.Fatal(payment.Truncated, payment.Place{}, "the file ends within a character: the end is missing")
	}
	if got == 0 || err != io.EOF {
		r.err = err
	}
}
