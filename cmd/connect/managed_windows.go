package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"

	"sealgate/internal/agent/console"
	"sealgate/internal/command"
	"sealgate/internal/logging"
)

// asService runs work until the service manager ends it; and, when none has started
// this process, until a signal does. Only the manager's answer tells which.
func asService(ctx context.Context, do work) error {
	s, err := service.New(idle{}, &service.Config{Name: serviceName})
	if err != nil {
		return err
	}
	p := &program{ctx: ctx, work: do}
	p.events, err = s.SystemLogger(nil)
	if err != nil {
		p.events = service.ConsoleLogger // without an Event Log it works all the same
	}
	err = svc.Run(serviceName, p)
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return do(ctx, slog.DiscardHandler)
	}
	return err
}

// stopping is how long a stop may take: what is under way ends properly.
const stopping = 45 * time.Second

// program is work that a service manager starts and stops.
type program struct {
	ctx    context.Context
	work   work
	events service.Logger
}

// Execute implements svc.Handler.
func (p *program) Execute(_ []string, orders <-chan svc.ChangeRequest, state chan<- svc.Status) (bool, uint32) {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- p.work(ctx, logging.New(newEvents(p.events), "warn", false).Handler()) }()
	state <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	for {
		select {
		case err := <-done:
			if err == nil {
				return false, 0
			}
			_ = p.events.Error("Connect has ended: " + console.Sentence(err))
			if code := hopeless(err); code != 0 {
				return true, code // it has stopped, and says so: the manager leaves it alone
			}
			os.Exit(command.ExitFailed) // without having said that it stops: so the manager starts it again
		case order := <-orders:
			switch order.Cmd {
			case svc.Interrogate:
				state <- order.CurrentStatus
			case svc.Stop, svc.Shutdown:
				cancel()
				state <- svc.Status{State: svc.StopPending, WaitHint: uint32(stopping.Milliseconds())}
			}
		}
	}
}
