// Command gateway is the Sealgate server and the tool to run it with.
//
// This package has wiring and the commands that work on a gateway's own machine:
// `serve` joins the parts in the order of a file's journey (serve.go); init, doctor,
// keys, backup and restore look after its data directory. It decides nothing about
// files. The other commands stand in internal/cli.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"sealgate/internal/cli"
	"sealgate/internal/command"
	"sealgate/internal/terminal"
)

// version is set when a release is linked.
var version = "unknown"

func main() {
	_ = harden() // most commands hold a key for a moment; serve says when it fails
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // who asks a second time does not wait for anything
	a := &app{App: &cli.App{
		Program: command.Program{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Now: time.Now},
		Environ: os.Environ,
		Locale:  terminal.LocaleOf(os.Getenv),
	}}
	code := a.Run(ctx, a.root(), os.Args[1:])
	stop()
	os.Exit(code)
}

// app is one run of the program; the commands of this package are its methods.
type app struct {
	*cli.App
	typed []byte // the master key's passphrase, between the question and its last use
}
