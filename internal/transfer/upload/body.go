package upload

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"sealgate/internal/fault"
	"sealgate/internal/portal/fair"
	"sealgate/internal/seal"
	"sealgate/internal/transfer/intake"
)

// stream is the body of a request.
type stream struct {
	body  *fair.Body
	heard func()       // called when bytes have come; may be nil
	stop  *atomic.Bool // another request takes over; may be nil
}

func newStream(w http.ResponseWriter, r *http.Request) *stream {
	s := &stream{}
	s.body = fair.NewBody(w, &heeded{r.Body, s})
	return s
}

// heeded is the body as it comes. That another request takes over is looked at after
// the deadline was set: see transfer.interrupt.
type heeded struct {
	io.Reader
	stream *stream
}

func (h *heeded) Read(p []byte) (int, error) {
	if h.stream.takenOver() {
		return 0, errTakenOver
	}
	return h.Reader.Read(p)
}

func (s *stream) takenOver() bool { return s.stop != nil && s.stop.Load() }

// Read implements io.Reader. Its errors, but for io.EOF at the proper end, say
// why the body is cut.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	if n > 0 && s.heard != nil {
		s.heard()
	}
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		return n, io.EOF
	case s.takenOver():
		return n, errTakenOver
	case errors.Is(err, fair.ErrSlow):
		return n, &refusal{err, http.StatusRequestTimeout}
	}
	return n, refuse(http.StatusBadRequest, fault.Invalid, "the body was cut before its end")
}

var (
	errTakenOver = refuse(http.StatusConflict, fault.TryLater, "another request goes on with this upload")
	errTooMuch   = refuse(http.StatusRequestEntityTooLarge, fault.TooLarge, "more was sent than Upload-Length says")
)

// buffers are four slots each: what is read at once.
var buffers = sync.Pool{New: func() any { return new([4 * seal.SlotSize]byte) }}

// copyTo writes what r gives to the arrival from byte off on, whole slots at a
// time where it can, and no more than limit bytes. It returns how many it wrote;
// each is called as that grows.
func copyTo(a *intake.Arrival, r io.Reader, off, limit int64, each func(n int64)) (n int64, err error) {
	buf := buffers.Get().(*[4 * seal.SlotSize]byte)
	defer func() {
		clear(buf[:])
		buffers.Put(buf)
	}()
	for err == nil && n < limit {
		room := min(int64(len(buf))-(off+n)%seal.SlotSize, limit-n)
		var m int
		m, err = fill(r, buf[:room])
		if m > 0 {
			if _, werr := a.WriteAt(buf[:m], off+n); werr != nil {
				return n, werr
			}
			n += int64(m)
			each(n)
		}
	}
	if errors.Is(err, io.EOF) {
		return n, nil
	}
	return n, err
}

// fill reads until p is full or r fails; its error is r's.
func fill(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

// ended reads on where nothing may follow.
func ended(r io.Reader) error {
	switch n, err := fill(r, make([]byte, 1)); {
	case n > 0:
		return errTooMuch
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

// Bounds of pieces with a checksum, which are held in memory.
const (
	maxPiece      = 8 << 20
	piecesOfOne   = 8 // account, at the same time
	piecesInAll   = 64
	arrivalsOfOne = 128 // that requests of an account hold open at the same time
)

// holdPiece reads the rest of r and gives it to take when its checksum holds.
func (u *Uploads) holdPiece(who Who, r io.Reader, limit int64, sum *checksum, take func(io.Reader) error) error {
	leave := u.pieces.Take(who.Account.String())
	if leave == nil {
		return refuse(http.StatusServiceUnavailable, fault.TryLater, "too many pieces with a checksum are under way")
	}
	defer leave()
	var buf bytes.Buffer
	n, err := buf.ReadFrom(io.LimitReader(r, min(limit, maxPiece)+1))
	switch {
	case err != nil:
		return err
	case n > limit:
		return errTooMuch
	case n > maxPiece:
		return refuse(http.StatusRequestEntityTooLarge, fault.TooLarge, "a piece with a checksum may have at most %d MiB", maxPiece>>20)
	case !sum.holds(buf.Bytes()):
		return refuse(statusChecksumMismatch, fault.Invalid, "the piece is not what its checksum says; nothing of it was taken")
	}
	return take(&buf)
}

// statusChecksumMismatch is tus's own.
const statusChecksumMismatch = 460
