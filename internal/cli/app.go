// Package cli is what all commands of the gateway's command line have in common: one run
// of the program with its flags (App), the way to the running gateway, and how values
// are shown to people. What it shares with connect is in package command.
//
// The commands stand in cli/use and, those about keys, in cli/locks (clients of the
// running gateway), in cli/offline (work on files here), and in cmd/gateway (the
// server and its data directory).
package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"sealgate/internal/command"
	"sealgate/internal/config"
	"sealgate/internal/fault"
	"sealgate/internal/portal/client"
	"sealgate/internal/terminal"
)

// App is one run of the program, and the flags that every command has.
type App struct {
	command.Program
	Environ func() []string
	Locale  terminal.Locale

	Data string // --data
}

// Run runs the command that args name, and returns the exit code.
func (a *App) Run(ctx context.Context, root *cobra.Command, args []string) int {
	a.Name, a.Outcome = "gateway", outcome
	root.PersistentFlags().StringVar(&a.Data, "data", "", "data directory (else $SEALGATE_DATA, else ./sealgate-data)")
	_ = root.MarkPersistentFlagDirname("data")
	return a.Program.Run(ctx, root, args)
}

func outcome(err error) command.Outcome {
	o := command.OutcomeOf(err)
	if errors.Is(err, client.ErrNoAnswer) {
		o.Code, o.Kind = command.ExitNoAnswer, "no-answer"
		o.Text = "no gateway answers; start one with gateway serve, or name its data directory with --data"
	}
	return o
}

// Sentence is what a person is told of an error.
func Sentence(err error) string { return outcome(err).Text }

// Gateway is a client of the running gateway.
func (a *App) Gateway() (*client.Client, error) {
	dir, err := a.DataDir()
	if err != nil {
		return nil, err
	}
	return client.New(dir), nil
}

// DataDir is the data directory in force.
func (a *App) DataDir() (string, error) {
	return config.DataDir(a.Data, a.Getenv("SEALGATE_DATA"))
}

// Examples indents and prefixes the lines of an example.
func Examples(lines ...string) string {
	return "  gateway " + strings.Join(lines, "\n  gateway ")
}

// Unconfirmed adds to the sentence about what would be lost how to do it.
func Unconfirmed(err error, given, want string) error {
	if given != "" || !fault.Is(err, fault.Invalid) {
		return err
	}
	return fault.New(fault.Invalid, "confirm", "%s (add --confirm %s)", fault.Message(err), want)
}
