package seal

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"sync"

	"sealgate/internal/fault"
)

// Reader reads the content of a sealed file, at random or as a stream. It is
// safe for concurrent use.
type Reader struct {
	src       io.ReaderAt
	header    Header
	headerLen int
	trailer   Trailer
	body      *Body
	cache     slotCache
}

// OpenReaderAt opens a sealed file of this size. key is given the header, not
// yet verified, and returns the file key, which stays the caller's to wipe
// afterwards. Header MAC, trailer and length are verified before OpenReaderAt
// returns, so no byte is ever released of a file that is cut or glued.
func OpenReaderAt(r io.ReaderAt, size int64, key func(Header) (*FileKey, error)) (*Reader, error) {
	h, raw, err := ReadHeader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, err
	}
	plain, err := layout(len(raw), size)
	if err != nil {
		return nil, err
	}
	k, err := key(h)
	if err != nil {
		return nil, err
	}
	if err := VerifyHeader(raw, k); err != nil {
		return nil, err
	}
	body, err := NewBody(k, h.File)
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, TrailerSize)
	if err := readAt(r, sealed, size-TrailerSize); err != nil {
		return nil, err
	}
	t, err := body.OpenTrailer(sealed, Slots(plain))
	if err != nil {
		return nil, err
	}
	if t.Size != plain {
		return nil, damaged("the trailer's size does not agree with the file's length")
	}
	return &Reader{src: r, header: h, headerLen: len(raw), trailer: t, body: body}, nil
}

// Header returns the verified header.
func (r *Reader) Header() Header { return r.header }

// Size returns the length of the content.
func (r *Reader) Size() int64 { return r.trailer.Size }

// Trailer returns the verified trailer.
func (r *Reader) Trailer() Trailer { return r.trailer }

// ReadAt implements io.ReaderAt. A slot that p covers whole is opened straight
// into p; one that it only touches is kept for a while, since the next read will
// want the rest, and is opened once however many reads want it at a time. When a
// slot is damaged the bytes before it are returned with the error.
func (r *Reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fault.New(fault.Invalid, "seal: read", "negative offset")
	}
	for n < len(p) {
		if off >= r.Size() {
			return n, io.EOF
		}
		m, err := r.readSlot(p[n:], off)
		n, off = n+m, off+int64(m)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// readSlot fills p from the one slot that holds off.
func (r *Reader) readSlot(p []byte, off int64) (int, error) {
	k := off / SlotSize
	at, n := int(off%SlotSize), r.slotLen(k)
	if at == 0 && len(p) >= n {
		if s := r.cache.find(k); s != nil {
			return r.copySlot(s, p, at)
		}
		if _, err := r.openSlot(p[:0:n], k); err != nil {
			clear(p[:n])
			return 0, err
		}
		return n, nil
	}
	s, fresh := r.cache.acquire(k)
	if fresh {
		s.fill(func(dst []byte) ([]byte, error) { return r.openSlot(dst, k) })
	}
	return r.copySlot(s, p, at)
}

func (r *Reader) copySlot(s *cachedSlot, p []byte, at int) (int, error) {
	defer r.cache.release(s)
	<-s.ready
	if s.err != nil {
		return 0, s.err
	}
	return copy(p, s.plain[at:]), nil
}

func (r *Reader) slotLen(k int64) int { return int(min(SlotSize, r.Size()-k*SlotSize)) }

var sealedSlots = sync.Pool{New: func() any { return new([SealedSlot]byte) }}

// openSlot reads slot k and appends its plaintext to dst.
func (r *Reader) openSlot(dst []byte, k int64) ([]byte, error) {
	buf := sealedSlots.Get().(*[SealedSlot]byte)
	defer sealedSlots.Put(buf)
	sealed := buf[:r.slotLen(k)+Overhead]
	if err := readAt(r.src, sealed, SlotOffset(r.headerLen, k)); err != nil {
		return nil, err
	}
	return r.body.OpenSlot(dst, k, sealed)
}

// WriteTo writes the whole content to w, each slot verified before a byte of it
// is written. What was written before an error is not the whole file. It does
// not compare the SHA-256: see Verify.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	var written int64
	err := r.stream(context.Background(), func(p []byte) error {
		n, err := w.Write(p)
		written += int64(n)
		return err
	})
	return written, err
}

// Verify opens every slot and compares size and SHA-256 of the content with the
// trailer.
func (r *Reader) Verify(ctx context.Context) error { return r.VerifyTo(ctx, io.Discard) }

// VerifyTo writes the content to w as WriteTo does, on the way hashing it, and
// compares the SHA-256 at the end. Who cannot take back what was written uses
// Verify first.
func (r *Reader) VerifyTo(ctx context.Context, w io.Writer) error {
	sum := sha256.New()
	err := r.stream(ctx, func(p []byte) error {
		var hashing sync.WaitGroup
		hashing.Go(func() { sum.Write(p) })
		defer hashing.Wait()
		return write(w, p)
	})
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(sum.Sum(nil), r.trailer.SHA256[:]) != 1 {
		return damaged("the content is not the one that was sealed: its SHA-256 is another")
	}
	return nil
}

// stream opens the body a batch at a time, the slots of a batch on all cores,
// and emits the plaintext in order.
func (r *Reader) stream(ctx context.Context, emit func([]byte) error) error {
	buf := batches.Get().(*batch)
	defer batches.Put(buf)
	body := r.Size() + Slots(r.Size())*Overhead
	for first := int64(0); first < Slots(r.Size()); first += batchSlots {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := int(min(int64(len(buf.sealed)), body-first*SealedSlot))
		if err := readAt(r.src, buf.sealed[:n], SlotOffset(r.headerLen, first)); err != nil {
			return err
		}
		plain, err := r.body.openBatch(buf, first, n)
		if err != nil {
			return err
		}
		if err := emit(plain); err != nil {
			return err
		}
	}
	return nil
}

// readAt reads all of b; an early end means that the file was cut since.
func readAt(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return damaged("the file is cut")
	}
	return fault.Wrap(fault.Internal, "seal: read", err)
}
