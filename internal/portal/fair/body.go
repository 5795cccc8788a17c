package fair

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"sealgate/internal/fault"
)

// What a body has to bring: something each minute, and a KiB a second of the time that
// is spent waiting for it.
const (
	Silence = time.Minute
	least   = 60 << 10 // bytes in a minute of waiting
)

// ErrSlow is what reading a body ends with that does not come, or hardly.
var ErrSlow = fault.New(fault.TryLater, "fair: body", "less than %d KiB came within a minute", least>>10)

// Body reads the body of a request for as long as something comes of it.
type Body struct {
	io.Reader
	control *http.ResponseController
	now     func() time.Time

	waited time.Duration // for the bytes below
	got    int
}

// NewBody returns a reader of body, which is that of the request that w answers. The
// door's own time for bodies does not hold any more.
func NewBody(w http.ResponseWriter, body io.Reader) *Body {
	return &Body{Reader: body, control: http.NewResponseController(w), now: time.Now}
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	begun := b.now()
	// The socket's clock is the machine's. Where there is no socket there is no
	// deadline either.
	_ = b.control.SetReadDeadline(begun.Add(Silence))
	n, err := b.Reader.Read(p)
	b.waited, b.got = b.waited+b.now().Sub(begun), b.got+n
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, ErrSlow
	case errors.Is(err, io.EOF):
		_ = b.control.SetReadDeadline(time.Time{}) // what comes now takes the time it takes
	case err == nil && b.waited >= Silence:
		if b.got < least {
			return n, ErrSlow
		}
		b.waited, b.got = 0, 0
	}
	return n, err
}
