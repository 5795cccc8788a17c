// Package console is what all commands of connect have in common: one run of the program
// with its flags (App), and what becomes of errors from the gateway and from the running
// agent. What it shares with the gateway's command line is in package command.
package console

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"sealgate/internal/agent/control"
	"sealgate/internal/agent/home"
	"sealgate/internal/command"
	"sealgate/internal/connect"
)

// App is one run of the program, and the flags that every command has.
type App struct {
	command.Program
	Version string

	Dir string // --dir
}

// Run runs the command that args name, and returns the exit code.
func (a *App) Run(ctx context.Context, root *cobra.Command, args []string) int {
	a.Name, a.Outcome = "connect", outcome
	root.PersistentFlags().StringVar(&a.Dir, "dir", "", "directory of Connect (else $SEALGATE_CONNECT_DIR, else the platform's place)")
	_ = root.MarkPersistentFlagDirname("dir")
	return a.Program.Run(ctx, root, args)
}

// ErrNoAnswer marks errors that say that no gateway answers.
var ErrNoAnswer = errors.New("no gateway answers")

func outcome(err error) command.Outcome {
	o := command.OutcomeOf(err)
	var spoken interface{ Spoken() string }
	var p *connect.Problem
	switch {
	case errors.Is(err, context.Canceled):
	case errors.As(err, &spoken):
		o.Text = spoken.Spoken()
	case errors.As(err, &p):
		o.Text = p.Detail
	}
	switch {
	case errors.As(err, &p):
		o.Kind = string(p.Reason())
	case errors.Is(err, ErrNoAnswer):
		o.Kind = "no-answer"
	}
	if errors.Is(err, ErrNoAnswer) || errors.Is(err, control.ErrStopped) {
		o.Code = command.ExitNoAnswer
	}
	return o
}

// Sentence is what a person is told of an error.
func Sentence(err error) string { return outcome(err).Text }

// Home is the directory in force.
func (a *App) Home() (home.Home, error) { return home.Find(a.Dir, a.Getenv) }

// Examples indents and prefixes the lines of an example.
func Examples(lines ...string) string { return "  connect " + strings.Join(lines, "\n  connect ") }
