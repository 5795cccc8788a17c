// Package fault is the one error type of Sealgate: every error that crosses a
// package boundary says of what kind it is, which operation failed, and why.
//
// Doors map the kind to their own codes in one table each (SSH status, HTTP
// status, exit code). The sentence of an error made by New is written for the
// stranger who caused it; the cause below a Wrap is for the log only.
package fault

import (
	"errors"
	"fmt"
)

// Kind tells a door how to answer. The list is closed.
type Kind uint8

// The kinds of error.
const (
	Internal Kind = iota // ours: a bug, a broken disk, a lost database
	Invalid              // the request is wrong; the same request will fail again
	Denied               // known, and not allowed
	Locked               // a key is missing that only somebody else can give
	NotFound             // no such thing, or not for this caller
	Exists               // something with that name or identity is there already
	TooLarge             // over a limit that the message names
	TryLater             // nothing is wrong with the request; now is a bad time
	Full                 // no room on the disk or in the database
	Damaged              // bytes that fail their own verification
)

// ProblemType is what the type of a problem object (RFC 9457) begins with, wherever one
// is written; the name of a kind, or another stable name, stands behind it.
const ProblemType = "urn:sealgate:problem:"

var kindNames = [...]string{
	"internal", "invalid", "denied", "locked", "not-found", "exists", "too-large", "try-later", "full", "damaged",
}

// String returns the kind's stable name, as used in problem types.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Error is an error with a kind, the operation that failed and either a
// sentence for a stranger (Message), a cause (Err), or both.
type Error struct {
	Kind    Kind
	Op      string // package and verb, as "intake: begin"
	Message string // a short true sentence that may be shown to anybody
	Err     error  // the cause; goes to the log, never to a stranger
}

// Error renders operation, sentence and cause, for logs.
func (e *Error) Error() string {
	s := e.Op
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error whose sentence may be shown to whoever asked.
func New(kind Kind, op, format string, args ...any) error {
	return &Error{Kind: kind, Op: op, Message: fmt.Sprintf(format, args...)}
}

// Wrap gives err an operation and a kind. A nil err stays nil. When err is
// already a fault, its kind and sentence are kept: what is known close to the
// cause is not overruled further out.
func Wrap(kind Kind, op string, err error) error {
	if err == nil {
		return nil
	}
	var inner *Error
	if errors.As(err, &inner) {
		return &Error{Kind: inner.Kind, Op: op, Err: err}
	}
	return &Error{Kind: kind, Op: op, Err: err}
}

// KindOf returns the kind of the first fault in err's chain; an error that is
// no fault is Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is a fault of this kind.
func Is(err error, kind Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}

var plain = [...]string{
	Internal: "something went wrong in the gateway; nothing was changed",
	Invalid:  "the request is not valid",
	Denied:   "not allowed",
	Locked:   "a key that is needed for this is missing",
	NotFound: "no such thing",
	Exists:   "it exists already",
	TooLarge: "too large",
	TryLater: "try again later",
	Full:     "the gateway has no room; try again later",
	Damaged:  "the data is damaged",
}

// Message returns the sentence to show a stranger: the innermost-but-first
// sentence found in the chain, else a general one for the kind. It never
// contains text of a cause.
func Message(err error) string {
	for e := err; e != nil; {
		var f *Error
		if !errors.As(e, &f) {
			break
		}
		if f.Message != "" {
			return f.Message
		}
		e = f.Err
	}
	return plain[KindOf(err)]
}
