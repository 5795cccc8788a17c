package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sealgate/internal/fault"
)

// The exit codes. They are part of the interface.
const (
	ExitDone     = 0
	ExitFailed   = 1 // a timeout, too
	ExitUsage    = 2
	ExitNotFound = 3
	ExitDenied   = 4 // not allowed, or locked: a key is missing
	ExitNoAnswer = 5 // no gateway answers
	ExitDamaged  = 6 // damaged, verification failed, or (where said) held or refused
)

var exitByKind = map[fault.Kind]int{
	fault.Invalid:  ExitUsage,
	fault.NotFound: ExitNotFound,
	fault.Denied:   ExitDenied,
	fault.Locked:   ExitDenied,
	fault.Damaged:  ExitDamaged,
}

// Outcome is what becomes of an error: the exit code, the kind of problem, and what a
// person is told.
type Outcome struct {
	Code     int
	Kind     string
	Text     string
	wrongUse bool
}

// OutcomeOf is what becomes of an error that no program knows more about.
func OutcomeOf(err error) Outcome {
	kind := fault.KindOf(err)
	o := Outcome{Code: ExitFailed, Kind: kind.String(), Text: sentence(err)}
	if code, ok := exitByKind[kind]; ok {
		o.Code = code
	}
	var e *exit
	if errors.As(err, &e) {
		o.Code, o.Kind, o.wrongUse = e.code, e.kind, e.code == ExitUsage
	}
	return o
}

// exit gives an error an exit code and a problem type that no kind of fault tells.
type exit struct {
	code int
	kind string
	err  error
}

func (e *exit) Error() string { return e.err.Error() }
func (e *exit) Unwrap() error { return e.err }

// Exit returns an error with an exit code and a problem type of its own.
func Exit(code int, kind, format string, args ...any) error {
	return &exit{code, kind, fmt.Errorf(format, args...)}
}

// Usage marks an error as wrong use of the command line.
func Usage(err error) error { return &exit{ExitUsage, "invalid", err} }

// sentence is what a person is told. The people of the command line run the machine, so
// that for trouble of our own they get the cause as well.
func sentence(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error()
	}
	text := fault.Message(err)
	if cause := innermost(err); cause != "" && !strings.Contains(text, cause) {
		text = fmt.Sprintf("%s (%s)", text, cause)
	}
	return text
}

// innermost is the text of the innermost cause that is no fault.
func innermost(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return ""
		}
		var f *fault.Error
		if !errors.As(next, &f) {
			return next.Error()
		}
		err = next
	}
}
