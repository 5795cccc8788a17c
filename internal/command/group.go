package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

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
