// Command gateway is the Sealgate server and the tool to run it with.
//
// This package has flags, wiring and what people read; it decides nothing about
// files. `serve` joins the parts in the order of a file's journey (serve.go);
// most other commands are clients of the running gateway over its control
// socket; the ones marked offline work on files here and need no gateway.
//
// Standard output carries data only: tables for people, or with --json one JSON
// value. Everything else goes to standard error. The exit code tells scripts what
// happened: see exit.go.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"sealgate/internal/terminal"
)

// version is set when a release is linked.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // who asks a second time does not wait for anything
	a := &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		getenv: os.Getenv, environ: os.Environ, now: time.Now,
		locale: terminal.LocaleOf(os.Getenv),
	}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// app is one run of the program: where it reads and writes, and the flags that
// every command has.
type app struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	environ  func() []string
	now      func() time.Time
	locale   terminal.Locale

	json    bool   // --json
	data    string // --data
	started bool   // flags and arguments were right, a command began
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if !a.started {
		err = usage(err)
	}
	a.report(err)
	return exitCode(err)
}
