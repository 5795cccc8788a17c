package main

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
	exitDone     = 0
	exitFailed   = 1 // a timeout, too
	exitUsage    = 2
	exitNotFound = 3
	exitDenied   = 4 // not allowed, or locked: a key is missing
	exitNoAnswer = 5 // no gateway answers
	exitDamaged  = 6 // damaged, verification failed, or (where said) held or refused
)

var exitByKind = map[fault.Kind]int{
	fault.Invalid:  exitUsage,
	fault.NotFound: exitNotFound,
	fault.Denied:   exitDenied,
	fault.Locked:   exitDenied,
	fault.Damaged:  exitDamaged,
}

// exitError gives an error an exit code and a problem type that no kind of fault
// tells.
type exitError struct {
	code int
	kind string
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usage marks an error as wrong use of the command line.
func usage(err error) error {
	return &exitError{exitUsage, "invalid", err}
}

func exitCode(err error) int {
	var e *exitError
	switch {
	case errors.As(err, &e):
		return e.code
	case errors.Is(err, client.ErrNoAnswer):
		return exitNoAnswer
	}
	if code, ok := exitByKind[fault.KindOf(err)]; ok {
		return code
	}
	return exitFailed
}

// report tells standard error what went wrong, for people or for programs.
func (a *app) report(err error) {
	text := sentence(err)
	if a.json {
		kind := fault.KindOf(err).String()
		var e *exitError
		switch {
		case errors.As(err, &e):
			kind = e.kind
		case errors.Is(err, client.ErrNoAnswer):
			kind = "no-answer"
		}
		_ = json.NewEncoder(a.err).Encode(portal.Problem{Type: portal.ProblemType + kind, Title: kind, Detail: text})
		return
	}
	a.say("gateway: %s", text)
	var e *exitError
	if errors.As(err, &e) && e.code == exitUsage {
		a.say("See gateway --help.")
	}
}

// sentence is what a person is told. The people of the command line run the
// machine, so that for trouble of our own they get the cause as well.
func sentence(err error) string {
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
	if cause := root(err); cause != "" && !strings.Contains(text, cause) {
		text = fmt.Sprintf("%s (%s)", text, cause)
	}
	return text
}

// root is the text of the innermost cause that is no fault.
func root(err error) string {
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
