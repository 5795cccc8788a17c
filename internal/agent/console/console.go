// Package console is what all commands of connect have in common: where they read and
// write, their flags, exit codes, and how errors reach people and programs.
//
// Standard output carries data only; everything else goes to standard error. It says
// what package cli says for the gateway's commands, without the gateway.
package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sealgate/internal/agent/control"
	"sealgate/internal/agent/home"
	"sealgate/internal/connect"
	"sealgate/internal/fault"
	"sealgate/internal/terminal"
)

// App is one run of the program.
type App struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	Now      func() time.Time
	Version  string

	JSON    bool   // --json
	Dir     string // --dir
	started bool   // flags and arguments were right, a command began
}

// The exit codes. They are part of the interface.
const (
	ExitDone     = 0
	ExitFailed   = 1
	ExitUsage    = 2
	ExitNotFound = 3
	ExitDenied   = 4
	ExitNoAnswer = 5
	ExitDamaged  = 6
)

// ErrNoAnswer marks errors that say that no gateway answers.
var ErrNoAnswer = errors.New("no gateway answers")

var exitByKind = map[fault.Kind]int{
	fault.Invalid: ExitUsage, fault.NotFound: ExitNotFound, fault.Denied: ExitDenied, fault.Locked: ExitDenied, fault.Damaged: ExitDamaged,
}

// Run runs the command that args name, and returns the exit code.
func (a *App) Run(ctx context.Context, root *cobra.Command, args []string) int {
	flags := root.PersistentFlags()
	flags.StringVar(&a.Dir, "dir", "", "directory of Connect (else $SEALGATE_CONNECT_DIR, else the platform's place)")
	flags.BoolVar(&a.JSON, "json", false, "print one JSON value, and errors as problem objects")
	_ = root.MarkPersistentFlagDirname("dir")
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
		a.JSON = a.JSON || slices.Contains(args, "--json")
	}
	a.report(err)
	return exitCode(err)
}

// watch notes when a command begins, which is what tells wrong use from failure.
func (a *App) watch(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.started = true
			return run(cmd, args)
		}
	}
	if check := cmd.Args; check != nil && cmd.HasParent() {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if check(cmd, args) != nil {
				return fmt.Errorf("wrong number of arguments; usage: %s", cmd.UseLine())
			}
			return nil
		}
	}
	for _, child := range cmd.Commands() {
		a.watch(child)
	}
}

// exit is an error with an exit code of its own.
type exit struct {
	code int
	kind string
	err  error
}

func (e *exit) Error() string { return e.err.Error() }
func (e *exit) Unwrap() error { return e.err }

// Exit returns an error with an exit code and a problem type of its own.
func Exit(code int, kind, format string, args ...any) error {
	return &exit{code, kind, fmt.Errorf(format, args...)}
}

// Usage marks an error as wrong use of the command line.
func Usage(err error) error { return &exit{ExitUsage, "invalid", err} }

func exitCode(err error) int {
	var e *exit
	switch {
	case errors.As(err, &e):
		return e.code
	case errors.Is(err, ErrNoAnswer), errors.Is(err, control.ErrStopped):
		return ExitNoAnswer
	}
	if code, ok := exitByKind[fault.KindOf(err)]; ok {
		return code
	}
	return ExitFailed
}

// report tells standard error what went wrong.
func (a *App) report(err error) {
	text, kind := Sentence(err), fault.KindOf(err).String()
	var e *exit
	var p *connect.Problem
	switch {
	case errors.As(err, &e):
		kind = e.kind
	case errors.As(err, &p):
		kind = string(p.Reason())
	case errors.Is(err, ErrNoAnswer):
		kind = "no-answer"
	}
	if a.JSON {
		_ = json.NewEncoder(a.Err).Encode(connect.Problem{Type: connect.ProblemType + kind, Title: kind, Detail: text})
		return
	}
	a.Say("connect: %s", strings.ReplaceAll(text, "\n", "; "))
	if e != nil && e.code == ExitUsage {
		a.Say("See connect --help.")
	}
}

// Sentence is what a person is told.
func Sentence(err error) string {
	var spoken interface{ Spoken() string }
	var p *connect.Problem
	var f *fault.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &spoken):
		return spoken.Spoken()
	case errors.As(err, &p):
		return p.Detail
	case !errors.As(err, &f):
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
			return ""
		}
		var f *fault.Error
		if !errors.As(next, &f) {
			return next.Error()
		}
		err = next
	}
}

// Home is the directory in force.
func (a *App) Home() (home.Home, error) { return home.Find(a.Dir, a.Getenv) }

// Print writes a command's data: v as one JSON value with --json, else what human
// writes.
func (a *App) Print(v any, human func(w io.Writer) error) error {
	if !a.JSON {
		return human(a.Out)
	}
	enc := json.NewEncoder(a.Out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Done tells people that an act without data went well.
func (a *App) Done(format string, args ...any) error {
	return a.Print(struct{}{}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, terminal.Clean(fmt.Sprintf(format, args...)))
		return err
	})
}

// Say tells a person something that is not data; what is put into it may come from a
// stranger.
func (a *App) Say(format string, args ...any) {
	fmt.Fprintln(a.Err, terminal.Clean(fmt.Sprintf(format, args...)))
}

// Secret asks on the terminal, or reads the first line of standard input.
func (a *App) Secret(prompt string) ([]byte, error) {
	if in, ok := a.In.(*os.File); ok && terminal.IsTerminal(in) {
		if _, err := a.Err.Write([]byte(prompt)); err != nil {
			return nil, err
		}
		text, err := term.ReadPassword(int(in.Fd()))
		a.Say("")
		return text, err
	}
	const most = 4096
	text, err := io.ReadAll(io.LimitReader(a.In, most))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "console: secret", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimRight(line, "\r"); line == "" {
		return nil, Usage(errors.New("nothing came on standard input"))
	}
	return []byte(line), nil
}

// Examples indents and prefixes the lines of an example.
func Examples(lines ...string) string { return "  connect " + strings.Join(lines, "\n  connect ") }
