// Package why is why visits to customers' servers fail: a code for each reason, and what
// people are told about it in their language, what is so and what to do.
//
// A Code stays what it is: programs go by it. It stands in the chain of an error as one
// of its causes; the error's own sentence says more (a name, a fingerprint, what the
// server said) and is in English.
package why

import (
	"errors"
	"fmt"

	"sealgate/internal/fault"
)

// Code is a reason. It is an error, to be the cause of one.
type Code string

// Error is the code.
func (c Code) Error() string { return string(c) }

// New returns an error for this reason, with a sentence for the customer.
func (c Code) New(kind fault.Kind, op, format string, args ...any) error {
	return &fault.Error{Kind: kind, Op: op, Message: fmt.Sprintf(format, args...), Err: c}
}

// By is the reason and what has caused it.
func (c Code) By(err error) error {
	if err == nil {
		return c
	}
	return fmt.Errorf("%w: %w", c, err)
}

// Of returns the code of an error: the outermost in its chain, else its kind.
func Of(err error) Code {
	var c Code
	if errors.As(err, &c) {
		return c
	}
	return Code(fault.KindOf(err).String())
}

// The way to a server.
const (
	UnknownHost Code = "unknown-host"
	NoLookup    Code = "no-lookup" // the name cannot be looked up now
	OwnNet      Code = "own-net"   // the address is none that the gateway may call
	NoAnswer    Code = "timeout"
	NotListened Code = "not-listening"
	Unreachable Code = "unreachable"
	Cut         Code = "cut"
	HungUp      Code = "hung-up" // before or at the sign-in
	NotSpoken   Code = "not-spoken"
	Busy        Code = "busy"
)

// Who the server is, and the sign-in.
const (
	Identity     Code = "identity" // another than was confirmed
	NotConfirmed Code = "not-confirmed"
	NotTrusted   Code = "not-trusted"
	TooOld       Code = "too-old" // it has nothing that is safe
	OldOver      Code = "old-over"
	NoTLS        Code = "no-tls"
	NoSecret     Code = "no-secret"
	SignIn       Code = "sign-in"
	NoSFTP       Code = "no-sftp"
)

// What is done there.
const (
	NotThere   Code = "not-there"
	NoRight    Code = "no-right"
	ServerFull Code = "server-full"
	Taken      Code = "taken"
	Refused    Code = "refused"
	Wrong      Code = "server-wrong"
	DataPort   Code = "data-port"
	Endless    Code = "too-many"
	BadName    Code = "bad-name"
	TooLarge   Code = "file-too-large"
	Changed    Code = "changed"
	NotRemoved Code = "not-removed"
	OldMarker  Code = "old-marker"
	NoSize     Code = "no-size"
	NotWritten Code = "not-written"
	AnswerLost Code = "answer-lost"
	OverTime   Code = "over-time"
	TooSlow    Code = "too-slow"
	NoTurn     Code = "no-turn" // others are at the server's address
)

// The visit itself.
const (
	SomeFiles  Code = "some-files"
	NotAllowed Code = "not-allowed"
)
