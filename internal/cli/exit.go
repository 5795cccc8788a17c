package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/client"
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

// ExitError gives an error an exit code and a problem type that no kind of fault
// tells.
type ExitError struct {
	Code int
	Kind string // of problem
	Err  error
}

// Error implements error.
func (e *ExitError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ExitError) Unwrap() error { return e.Err }

// Exit returns an error with an exit code and a problem type of its own.
func Exit(code int, kind, format string, args ...any) error {
	return &ExitError{Code: code, Kind: kind, Err: fmt.Errorf(format, args...)}
}

// Usage marks an error as wrong use of the command line.
func Usage(err error) error {
	return &ExitError{Code: ExitUsage, Kind: "invalid", Err: err}
}

// ExitCode is the exit code of an error.
func ExitCode(err error) int {
	var e *ExitError
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, client.ErrNoAnswer):
		return ExitNoAnswer
	}
	if code, ok := exitByKind[fault.KindOf(err)]; ok {
		return code
	}
	return ExitFailed
}

// Report tells standard error what went wrong, for people or for programs.
func (a *App) Report(err error) {
	text := Sentence(err)
	if a.JSON {
		kind := fault.KindOf(err).String()
		var e *ExitError
		switch {
		case errors.As(err, &e):
			kind = e.Kind
		case errors.Is(err, client.ErrNoAnswer):
			kind = "no-answer"
		}
		_ = json.NewEncoder(a.Err).Encode(portal.Problem{Type: portal.ProblemType + kind, Title: kind, Detail: text})
		return
	}
	a.Say("gateway: %s", strings.ReplaceAll(text, "\n", "; "))
	var e *ExitError
	if errors.As(err, &e) && e.Code == ExitUsage {
		a.Say("See gateway --help.")
	}
}

// Sentence is what a person is told. The people of the command line run the
// machine, so that for trouble of our own they get the cause as well.
func Sentence(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.Is(err, client.ErrNoAnswer):
		return "no gateway answers; start one with gateway serve, or name its data directory with --data"
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
			break
		}
		var f *fault.Error
		if !errors.As(next, &f) {
			return next.Error()
		}
		err = next
	}
	return ""
}
