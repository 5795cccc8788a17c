// Package index tells what a payment file says. It finds the format from the
// content alone, reads the file as a stream, emits its payments in file order
// and answers with a summary: what the file is, its totals, and findings. A file
// is indexed, held (it has an error) or refused (it could not be read to its
// end); see docs/formats.md for what each means and for the codes.
//
// Memory does not depend on the size of the file. One package for each format
// family stands behind the interface in package family.
package index

import (
	"bytes"
	"context"
	"errors"
	"io"

	"sealgate/internal/fault"
	"sealgate/internal/index/family"
	"sealgate/internal/payment"
)

// Read reads the file that r delivers and emits its payments. A payment is valid
// during the call of emit only; its strings may be kept, its pointers may not.
// What was emitted counts only when the outcome is not refused: the caller drops
// it otherwise, and also when Read returns an error.
//
// The error is about r, ctx or emit, never about the content.
func Read(ctx context.Context, r io.Reader, emit func(*payment.Payment) error) (payment.Summary, error) {
	const op = "index: read"
	src := &source{ctx: ctx, r: r}
	out := family.NewCollector(emit)
	head := make([]byte, family.HeadSize)
	n, err := io.ReadFull(src, head)
	head = head[:n]
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		return payment.Summary{}, fault.Wrap(fault.Internal, op, err)
	}
	err = read(head, io.MultiReader(bytes.NewReader(head), src), out)
	var stop *family.Stop
	switch {
	case src.err != nil: // whatever a family made of it
		return payment.Summary{}, fault.Wrap(fault.Internal, op, src.err)
	case errors.As(err, &stop):
		return out.Refused(stop), nil
	case err != nil:
		return payment.Summary{}, fault.Wrap(fault.Internal, op, err)
	}
	return out.Summary(), nil
}

func read(head []byte, src io.Reader, out *family.Collector) error {
	if isBlank(head) {
		return readBlank(src)
	}
	for _, f := range families {
		if f.Match(head) {
			return f.Read(src, out)
		}
	}
	if k := recognise(head); k != nil {
		out.Identify(k.format, k.variant)
		return family.Fatal(payment.UnknownFormat, payment.Place{}, "the file is %s, which is not read by this version yet", k.name)
	}
	return family.Fatal(payment.UnknownFormat, payment.Place{}, "the file is in no format that is known here%s", hint(head))
}

// readBlank judges a file whose head is blank: it is empty when all of it is.
func readBlank(src io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if !isBlank(buf[:n]) {
			return family.Fatal(payment.UnknownFormat, payment.Place{}, "the file begins with more than %d blanks", family.HeadSize)
		}
		if err == io.EOF {
			return family.Fatal(payment.EmptyFile, payment.Place{}, "the file holds nothing but blanks")
		}
		if err != nil {
			return err
		}
	}
}

func isBlank(b []byte) bool {
	b = bytes.TrimPrefix(b, []byte("\xEF\xBB\xBF"))
	return len(bytes.Trim(b, " \t\r\n\x00\x1A")) == 0
}

// source ends when ctx does and remembers its own errors.
type source struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	if s.err == nil {
		s.err = s.ctx.Err()
	}
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
