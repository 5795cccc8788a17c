package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"runtime"
	"strings"

	"github.com/kardianos/service"

	"sealgate/internal/agent/console"
	"sealgate/internal/logging"
)

// idle is a service that is described and not run.
type idle struct{}

func (idle) Start(service.Service) error { return nil }
func (idle) Stop(service.Service) error  { return nil }

// work is what a service does until its context ends; also logs what people who look
// after the machine are to see, where the platform has a log of its own for that.
type work func(ctx context.Context, also slog.Handler) error

// asService runs work until it is told to stop: by a signal, or, as a service of
// Windows, by its service manager. (What systemd starts says everything on standard
// error, which is in the journal then.)
func asService(ctx context.Context, do work) error {
	if runtime.GOOS != "windows" || service.Interactive() {
		return do(ctx, slog.DiscardHandler)
	}
	p := &program{work: do, done: make(chan error, 1)}
	s, err := service.New(p, &service.Config{Name: serviceName})
	if err != nil {
		return err
	}
	if p.events, err = s.Logger(nil); err != nil {
		return err
	}
	p.ctx, p.cancel = context.WithCancel(ctx)
	if err := s.Run(); err != nil {
		return err
	}
	return <-p.done
}

// program is work that a service manager starts and stops.
type program struct {
	ctx    context.Context
	cancel context.CancelFunc
	work   work
	done   chan error
	events service.Logger
}

// Start implements service.Interface: it returns at once.
func (p *program) Start(service.Service) error {
	go func() {
		err := p.work(p.ctx, logging.New(events{p.events}, "warn", false).Handler())
		p.done <- err
		if err != nil && p.ctx.Err() == nil { // it ended by itself: the manager starts it again
			_ = p.events.Error("Connect has ended: " + console.Sentence(err))
			os.Exit(1)
		}
	}()
	return nil
}

// Stop implements service.Interface.
func (p *program) Stop(service.Service) error {
	p.cancel()
	err := <-p.done
	p.done <- err
	return nil
}

// events writes lines of the log to the platform's, the Event Log of Windows.
type events struct{ to service.Logger }

// Write implements io.Writer.
func (e events) Write(line []byte) (int, error) {
	say := e.to.Warning
	if _, rest, _ := bytes.Cut(line, []byte("level=")); bytes.HasPrefix(rest, []byte(slog.LevelError.String())) {
		say = e.to.Error
	}
	return len(line), say(strings.TrimSpace(string(line)))
}
