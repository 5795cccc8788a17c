package sftpd

import (
	"context"
	"errors"
	"io"

	"github.com/pkg/sftp"

	"sealgate/internal/fault"
)

// answer is an error as a client sees it: a status code and a sentence. It is
// the only error type that handlers return, because pkg/sftp sends the text of
// an error to the client.
type answer struct {
	code     error // one of pkg/sftp's ErrSSHFx
	sentence string
}

func (a *answer) Error() string { return a.sentence }
func (a *answer) Unwrap() error { return a.code }

// codes is the one table from fault kinds to SFTP status codes. Clients drop the
// sentence of a "permission denied": what a person can do something about is a
// failure.
var codes = map[fault.Kind]error{
	fault.Internal: sftp.ErrSSHFxFailure,
	fault.Invalid:  sftp.ErrSSHFxFailure,
	fault.Denied:   sftp.ErrSSHFxPermissionDenied,
	fault.Locked:   sftp.ErrSSHFxFailure,
	fault.NotFound: sftp.ErrSSHFxNoSuchFile,
	fault.Exists:   sftp.ErrSSHFxFailure,
	fault.TooLarge: sftp.ErrSSHFxFailure,
	fault.TryLater: sftp.ErrSSHFxFailure,
	fault.Full:     sftp.ErrSSHFxFailure,
	fault.Damaged:  sftp.ErrSSHFxFailure,
}

// errUnsupported refuses what the protocol knows and this server does not.
var errUnsupported = &answer{sftp.ErrSSHFxOpUnsupported, "links are not supported here"}

// told turns an error into what the client is told. What it is not told goes
// to the log.
func (s *session) told(op string, err error) error {
	var a *answer
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.As(err, &a):
		return a
	}
	kind := fault.KindOf(err)
	switch {
	case errors.Is(err, context.Canceled):
	case kind == fault.Internal, kind == fault.Damaged, kind == fault.Full:
		s.log().Error("SFTP request failed", "op", op, "error", err)
	default:
		s.log().Debug("SFTP request refused", "op", op, "kind", kind, "error", err)
	}
	return &answer{codes[kind], fault.Message(err)}
}

// refuse is a refusal that arises at this door.
func refuse(kind fault.Kind, format string, args ...any) error {
	return fault.New(kind, "sftpd: request", format, args...)
}
