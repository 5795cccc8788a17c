package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/kardianos/service"
	"golang.org/x/time/rate"

	"sealgate/internal/command"
)

// idle is a service that is described and not run.
type idle struct{}

func (idle) Start(service.Service) error { return nil }
func (idle) Stop(service.Service) error  { return nil }

// work is what a service does until its context ends; what it logs to also reaches
// those who look after the machine, where the platform has a log of its own for that.
type work func(ctx context.Context, also slog.Handler) error

// hopeless is the exit code of what does not get better by being started again: a wrong
// setting, or a machine that is not enrolled; of anything else, 0.
func hopeless(err error) uint32 {
	switch code := command.OutcomeOf(err).Code; code {
	case command.ExitUsage, command.ExitNotFound:
		return uint32(code)
	}
	return 0
}

// events writes lines of the log to the platform's, the Event Log of Windows, which other
// programs share: more than a few in a row, or one every ten minutes, stand in
// connect.log only.
type events struct {
	to    service.Logger
	limit *rate.Limiter
}

const inARow = 50

func newEvents(to service.Logger) events {
	return events{to, rate.NewLimiter(rate.Every(10*time.Minute), inARow)}
}

// Write implements io.Writer.
func (e events) Write(line []byte) (int, error) {
	if !e.limit.Allow() {
		return len(line), nil
	}
	say := e.to.Warning
	if _, rest, _ := bytes.Cut(line, []byte("level=")); bytes.HasPrefix(rest, []byte(slog.LevelError.String())) {
		say = e.to.Error
	}
	return len(line), say(strings.TrimSpace(string(line)))
}
