package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sealgate/internal/fault"
)

// watch notes when a command begins, which is what tells wrong use from failure,
// and says how a command is used when its arguments are wrong.
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

// InGroup puts a command under a title of the help.
func InGroup(id string, cmd *cobra.Command) *cobra.Command {
	cmd.GroupID = id
	return cmd
}

// Group is a command that only holds others.
func Group(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return Usage(fmt.Errorf("%s needs one of: %s", cmd.Name(), childNames(cmd)))
			}
			hint := ""
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = "; did you mean " + strings.Join(near, " or ") + "?"
			}
			return Usage(fmt.Errorf("%s has no command %q%s", cmd.Name(), args[0], hint))
		},
		SuggestionsMinimumDistance: 2,
	}
	for _, child := range children {
		switch child.Name() {
		case "ls":
			child.Aliases = []string{"list"}
		case "rm":
			child.Aliases = []string{"remove", "delete"}
		}
		cmd.AddCommand(child)
	}
	return cmd
}

func childNames(cmd *cobra.Command) string {
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	return strings.Join(names, ", ")
}

// Examples indents and prefixes the lines of an example.
func Examples(lines ...string) string {
	return "  gateway " + strings.Join(lines, "\n  gateway ")
}

// Required marks flags that a command cannot do without.
func Required(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag's name is wrong in the line above
		}
	}
}

// NoDefault keeps "(default 0s)" out of the help of flags whose absence means
// something else.
func NoDefault(f *pflag.FlagSet, names ...string) {
	for _, name := range names {
		f.Lookup(name).DefValue = ""
	}
}

// Unconfirmed adds to the sentence about what would be lost how to do it.
func Unconfirmed(err error, given, want string) error {
	if given != "" || !fault.Is(err, fault.Invalid) {
		return err
	}
	return fault.New(fault.Invalid, "confirm", "%s (add --confirm %s)", fault.Message(err), want)
}
