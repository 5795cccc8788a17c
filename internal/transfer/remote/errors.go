package remote

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"unicode"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote/why"
)

// IdentityError says that a server did not prove to be the one that was confirmed:
// the fingerprint that it showed, and those that were expected (none: nothing has
// been confirmed yet).
type IdentityError struct {
	What     string // "host key" or "certificate"
	Seen     []string
	Expected []string
	Err      error // why a certificate is not trusted
}

func (e *IdentityError) Error() string {
	s := e.What + " " + strings.Join(e.Seen, " ")
	if len(e.Expected) > 0 {
		s += ", expected " + strings.Join(e.Expected, " or ")
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns why.
func (e *IdentityError) Unwrap() error { return e.Err }

// Fault is the error with the sentence that people read.
func (e *IdentityError) Fault() error {
	seen, expected := strings.Join(e.Seen, ", "), strings.Join(e.Expected, ", ")
	var message string
	var code why.Code
	switch {
	case len(e.Expected) > 0:
		code, message = why.Identity, fmt.Sprintf("the server shows the %s %s, but %s was confirmed; ask who runs it whether it was changed, by another way than this connection, before you confirm the new one", e.What, seen, expected)
	case e.Err != nil:
		code, message = why.NotTrusted, fmt.Sprintf("the server's %s %s is not trusted (%s); who runs the server can install one from a public authority for its name, or you compare the fingerprint with them and confirm it", e.What, seen, plainCause(e.Err))
	default:
		code, message = why.NotConfirmed, fmt.Sprintf("the server shows the %s %s, which nobody has confirmed yet; compare it with who runs the server, and confirm it", e.What, seen)
	}
	return &fault.Error{Kind: fault.Denied, Op: "remote: identity", Message: message, Err: code.By(e)}
}

// plainCause is the first line of an error's text, fit to be shown.
func plainCause(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok { // Go's words guess at length
		return "it is signed by nobody whom this gateway's machine trusts"
	}
	return Quote(err.Error())
}

// Quote makes words of a server fit to be repeated: one line, printable, not long.
func Quote(words string) string {
	words = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, cut(words, 300))
	return strings.Join(strings.Fields(words), " ")
}

// ErrCut is the cause of every error that says that a connection ended where it
// should not: the same may go well when it is tried again.
var ErrCut error = why.Cut

// ErrSilent is the cause of every error that says that the server did not answer in
// time.
var ErrSilent error = why.NoAnswer

// Broken explains an error of the connection itself; nil when it is none.
func Broken(ctx context.Context, op string, err error) error {
	var message string
	var network net.Error
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrSilent), cause == nil && errors.As(err, &network) && network.Timeout():
		message, err = "the server did not answer in time; it may be busy, or a firewall between drops what it does not know", ErrSilent
	case cause != nil:
		message, err = "the connection was given up", cause
	case IsCut(err):
		message = "the connection to the server broke"
		if !errors.Is(err, ErrCut) {
			err = fmt.Errorf("%w: %w", ErrCut, err)
		}
	default:
		return nil
	}
	return &fault.Error{Kind: fault.TryLater, Op: op, Message: message, Err: err}
}

// IsCut reports whether an error says that the connection is gone.
func IsCut(err error) bool {
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, ErrCut) || errors.As(err, &network)
}

// Short is the error for a file that ended before its size, or went on after it.
func Short(op string, got, want int64) error {
	return why.Changed.New(fault.Damaged, op,
		"the server said that the file has %d bytes, and sent %d; it was changed while it was read, or the server is wrong about it", want, got)
}
