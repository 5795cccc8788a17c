package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sealgate/internal/config"
)

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "gateway",
		Short:         "Payment files in, indexed, then deleted or kept sealed",
		Long:          "gateway takes payment files in by SFTP, makes each durable before it says OK, indexes\nthe payments in it, and then deletes the file or keeps it sealed.",
		Example:       "  gateway init --operator you@example.com\n  gateway serve\n  gateway account add acme\n  gateway login add acme erp",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetVersionTemplate("gateway {{.Version}}\n")
	flags := root.PersistentFlags()
	flags.StringVar(&a.data, "data", "", "data directory (else $SEALGATE_DATA, else ./sealgate-data)")
	flags.BoolVar(&a.json, "json", false, "print one JSON value, and errors as problem objects")
	_ = root.MarkPersistentFlagDirname("data")

	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run a gateway:"},
		&cobra.Group{ID: "use", Title: "Talk to the running gateway:"},
		&cobra.Group{ID: "offline", Title: "Work on files here, without a gateway:"},
	)
	root.AddCommand(
		inGroup("run", a.initCommand()),
		inGroup("run", a.serveCommand()),
		inGroup("run", a.doctorCommand()),
		inGroup("run", a.keysCommand()),
		inGroup("run", a.backupCommand()),
		inGroup("run", a.restoreCommand()),
		inGroup("use", a.accountCommand()),
		inGroup("use", a.loginCommand()),
		inGroup("use", a.operatorCommand()),
		inGroup("use", a.fileCommand()),
		inGroup("use", a.outboxCommand()),
		inGroup("use", a.paymentCommand()),
		inGroup("use", a.certificateCommand()),
		inGroup("use", a.auditCommand()),
		inGroup("offline", a.indexCommand()),
		inGroup("offline", a.sealCommand()),
		inGroup("offline", a.openCommand()),
		inGroup("use", a.accessKeyCommand()),
	)
	a.watch(root)
	return root
}

// watch notes when a command begins, which is what tells wrong use from failure,
// and says how a command is used when its arguments are wrong.
func (a *app) watch(cmd *cobra.Command) {
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

func inGroup(id string, cmd *cobra.Command) *cobra.Command {
	cmd.GroupID = id
	return cmd
}

// group is a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(fmt.Errorf("%s needs one of: %s", cmd.Name(), childNames(cmd)))
			}
			hint := ""
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = "; did you mean " + strings.Join(near, " or ") + "?"
			}
			return usage(fmt.Errorf("%s has no command %q%s", cmd.Name(), args[0], hint))
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

// examples indents and prefixes the lines of an example.
func examples(lines ...string) string {
	return "  gateway " + strings.Join(lines, "\n  gateway ")
}

// print writes a command's data: v as one JSON value with --json, else what
// human writes.
func (a *app) print(v any, human func(w io.Writer) error) error {
	if a.json {
		return a.printJSON(v)
	}
	return human(a.out)
}

func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// say tells a person something that is not data.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.err, format+"\n", args...)
}

// dataDir is the data directory in force.
func (a *app) dataDir() (string, error) {
	return config.DataDir(a.data, a.getenv("SEALGATE_DATA"))
}
