// Package family is the seam between the index and the payment file formats:
// the interface that each format family implements, the Collector it reports
// to, and Stop, the error with which a reader gives up.
//
// A family reads a file from its first byte to its last, reports payments and
// findings in file order, and holds no more of the file than one record or
// element. It is given nothing but the bytes: no name, no account, no clock.
// Adding a family is one package that implements Family and one line in the
// index's registry.
package family

import (
	"fmt"
	"io"

	"sealgate/internal/payment"
)

// HeadSize is how much of a file a family may look at to recognise it.
const HeadSize = 4096

// Family reads one family of formats.
type Family interface {
	// Match tells whether a file that begins with head (at most HeadSize bytes,
	// as they stand in the file) is of this family. A file is read by the first
	// family in the registry that matches.
	Match(head []byte) bool

	// Read reads src, which starts at the file's first byte, to its end. It
	// returns nil when it got there, whatever findings it reported; a *Stop when
	// the file must be refused; and any other error, unchanged, when src or
	// out.Payment failed. src returns an error when the caller gives up.
	Read(src io.Reader, out *Collector) error
}

// Stop is the one fatal finding of a refused file.
type Stop struct {
	Code    payment.Code
	At      payment.Place
	Message string // a sentence for people; may hold text of the file
}

// Error renders code and sentence.
func (s *Stop) Error() string { return string(s.Code) + ": " + s.Message }

// Fatal returns the *Stop that refuses a file.
func Fatal(code payment.Code, at payment.Place, format string, args ...any) error {
	return &Stop{Code: code, At: at, Message: fmt.Sprintf(format, args...)}
}

// SkipBlank returns head without a UTF-8 byte order mark and the line
// ends before the first record, which count for nothing when a text format is
// recognised.
func SkipBlank(head []byte) []byte {
	if len(head) >= 3 && head[0] == 0xEF && head[1] == 0xBB && head[2] == 0xBF {
		head = head[3:]
	}
	for len(head) > 0 && (head[0] == '\n' || head[0] == '\r') {
		head = head[1:]
	}
	return head
}
