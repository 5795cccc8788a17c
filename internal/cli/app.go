// Package cli is what all commands of the command line have in common: one run of
// the program with its flags (App), exit codes, problem objects, groups of commands,
// and how values are shown to people.
//
// Standard output carries data only: tables for people, or with --json one JSON
// value. Everything else goes to standard error. The exit code tells scripts what
// happened: see exit.go.
//
// The commands stand in cli/use and, those about keys, in cli/locks (clients of the
// running gateway), in cli/offline (work on files here), and in cmd/gateway (the
// server and its data directory).
package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sealgate/internal/config"
	"sealgate/internal/fault"
	"sealgate/internal/portal/client"
	"sealgate/internal/terminal"
)

// App is one run of the program: where it reads and writes, and the flags that
// every command has.
type App struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	Environ  func() []string
	Now      func() time.Time
	Locale   terminal.Locale

	JSON    bool   // --json
	Data    string // --data
	started bool   // flags and arguments were right, a command began
}

// Run runs the command that args name, and returns the exit code.
func (a *App) Run(ctx context.Context, root *cobra.Command, args []string) int {
	flags := root.PersistentFlags()
	flags.StringVar(&a.Data, "data", "", "data directory (else $SEALGATE_DATA, else ./sealgate-data)")
	flags.BoolVar(&a.JSON, "json", false, "print one JSON value, and errors as problem objects")
	_ = root.MarkPersistentFlagDirname("data")
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetArgs(args)
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	a.watch(root)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitDone
	}
	if !a.started {
		err = Usage(err)
		a.JSON = a.JSON || wantsJSON(args)
	}
	a.Report(err)
	return ExitCode(err)
}

// wantsJSON reports whether --json stands behind the argument at which reading the
// others ended.
func wantsJSON(args []string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return slices.Contains(args, "--json")
}

// Gateway is a client of the running gateway.
func (a *App) Gateway() (*client.Client, error) {
	dir, err := a.DataDir()
	if err != nil {
		return nil, err
	}
	return client.New(dir), nil
}

// Done tells people that an act without data went well; with --json it is an empty
// object, so that there is always one value.
func (a *App) Done(text string) error {
	return a.Print(struct{}{}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, terminal.Clean(text))
		return err
	})
}

// ReadSecret reads the next line of standard input, and nothing after it: a
// command may ask for two.
func (a *App) ReadSecret() (string, error) {
	var text []byte
	b := make([]byte, 1)
	for len(text) < maxSecret {
		n, err := a.In.Read(b)
		if n == 0 && err == io.EOF || n == 1 && b[0] == '\n' {
			break
		}
		if n == 0 && err != nil {
			return "", fault.Wrap(fault.Internal, "read secret", err)
		}
		text = append(text, b[:n]...)
	}
	text = bytes.TrimRight(text, "\r")
	if len(text) == 0 {
		return "", Usage(fmt.Errorf("nothing came on standard input"))
	}
	return string(text), nil
}

// maxSecret bounds a line with a secret.
const maxSecret = 4096

// Print writes a command's data: v as one JSON value with --json, else what
// human writes.
func (a *App) Print(v any, human func(w io.Writer) error) error {
	if a.JSON {
		return a.PrintJSON(v)
	}
	return human(a.Out)
}

// PrintJSON writes one JSON value.
func (a *App) PrintJSON(v any) error {
	enc := json.NewEncoder(a.Out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Say tells a person something that is not data. What is put into the sentence may
// come from a stranger (a file's name, a far server's answer): it reaches the
// terminal clean.
func (a *App) Say(format string, args ...any) {
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			args[i] = terminal.Clean(v)
		case error:
			args[i] = terminal.Clean(v.Error())
		case fmt.Stringer:
			args[i] = terminal.Clean(v.String())
		}
	}
	fmt.Fprintf(a.Err, format+"\n", args...)
}

// DataDir is the data directory in force.
func (a *App) DataDir() (string, error) {
	return config.DataDir(a.Data, a.Getenv("SEALGATE_DATA"))
}

// Passphrase asks on the terminal, or reads the first line of standard input.
func (a *App) Passphrase(prompt string) ([]byte, error) {
	if in, ok := a.In.(*os.File); ok && terminal.IsTerminal(in) {
		if _, err := a.Err.Write([]byte(prompt)); err != nil {
			return nil, err
		}
		text, err := term.ReadPassword(int(in.Fd()))
		a.Say("")
		return text, err
	}
	text, err := a.ReadSecret()
	return []byte(text), err
}

// NewPassphrase asks for a passphrase that is to be remembered: on the terminal
// twice.
func (a *App) NewPassphrase(prompt string) ([]byte, error) {
	first, err := a.Passphrase(prompt)
	if err != nil {
		return nil, err
	}
	if in, ok := a.In.(*os.File); !ok || !terminal.IsTerminal(in) {
		return first, nil
	}
	again, err := a.Passphrase("The same again: ")
	defer clear(again)
	if err == nil && !bytes.Equal(first, again) {
		err = Usage(fmt.Errorf("the two are not the same; nothing was done"))
	}
	if err != nil {
		clear(first)
		return nil, err
	}
	return first, nil
}
