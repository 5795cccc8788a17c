// Package command is what the commands of both programs, gateway and connect, have in
// common: one run of the program (Program), exit codes and problem objects (Outcome),
// groups of commands, secrets that are typed, and files that are named on the command
// line.
//
// Standard output carries data only: tables for people, or with --json one JSON value.
// Everything else goes to standard error. The exit code tells scripts what happened: see
// outcome.go. What a program says about its own world it adds itself: package cli for the
// gateway, agent/console for connect.
package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sealgate/internal/fault"
	"sealgate/internal/terminal"
)

// Program is one run of a program: where it reads and writes, and --json.
type Program struct {
	Name     string
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	Now      func() time.Time
	Outcome  func(error) Outcome // nil: OutcomeOf

	JSON    bool // --json
	started bool // flags and arguments were right, a command began
}

// Run runs the command that args name, and returns the exit code.
func (p *Program) Run(ctx context.Context, root *cobra.Command, args []string) int {
	root.PersistentFlags().BoolVar(&p.JSON, "json", false, "print one JSON value, and errors as problem objects")
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetArgs(args)
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	p.watch(root)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitDone
	}
	if !p.started {
		err = Usage(err)
		p.JSON = p.JSON || wantsJSON(args)
	}
	return p.Report(err)
}

// watch notes when a command begins, which is what tells wrong use from failure,
// and says how a command is used when its arguments are wrong.
func (p *Program) watch(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			p.started = true
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
		p.watch(child)
	}
}

// wantsJSON reports whether --json stands behind the argument at which reading the
// others ended.
func wantsJSON(args []string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return slices.Contains(args, "--json")
}

// Report tells standard error what went wrong, for people or for programs, and returns
// the exit code.
func (p *Program) Report(err error) int {
	outcome := OutcomeOf
	if p.Outcome != nil {
		outcome = p.Outcome
	}
	o := outcome(err)
	if p.JSON {
		_ = json.NewEncoder(p.Err).Encode(problem{Type: fault.ProblemType + o.Kind, Title: o.Kind, Detail: o.Text})
		return o.Code
	}
	p.Say("%s: %s", p.Name, strings.ReplaceAll(o.Text, "\n", "; "))
	if o.wrongUse {
		p.Say("See %s --help.", p.Name)
	}
	return o.Code
}

// problem is an error as RFC 9457 has it, with the types that the API knows.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
}

// Print writes a command's data: v as one JSON value with --json, else what
// human writes.
func (p *Program) Print(v any, human func(w io.Writer) error) error {
	if p.JSON {
		return p.PrintJSON(v)
	}
	return human(p.Out)
}

// PrintJSON writes one JSON value.
func (p *Program) PrintJSON(v any) error {
	enc := json.NewEncoder(p.Out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Done tells people that an act without data went well; with --json it is an empty
// object, so that there is always one value.
func (p *Program) Done(text string) error {
	return p.Print(struct{}{}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, terminal.Clean(text))
		return err
	})
}

// Say tells a person something that is not data. What is put into the sentence may
// come from a stranger (a file's name, a far server's answer): it reaches the
// terminal clean.
func (p *Program) Say(format string, args ...any) {
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
	fmt.Fprintf(p.Err, format+"\n", args...)
}
