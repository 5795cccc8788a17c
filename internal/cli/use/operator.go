package use

import (
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/cli/ask"
	"sealgate/internal/command"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

func (a *app) operatorCommand() *cobra.Command {
	return command.Group("operator", "Who runs the gateway", a.operatorAdd(), a.operatorList(), a.operatorRemove(), a.operatorReset())
}

func (a *app) operatorAdd() *cobra.Command {
	return &cobra.Command{
		Use:     "add EMAIL",
		Short:   "Add an operator and print a one-time link",
		Example: cli.Examples("operator add you@example.com"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Post(cmd.Context(), a.App, "/operators", map[string]string{"email": args[0]}, writeLink)
		},
	}
}

func (a *app) operatorReset() *cobra.Command {
	var factor bool
	cmd := &cobra.Command{
		Use:   "reset EMAIL",
		Short: "Print a new one-time link; the operator's password is void",
		Long: "Print a new one-time link. The operator's password is void and all sessions end. The second\n" +
			"factor stays and is asked for after the link; who has lost it and the recovery codes needs\n" +
			"--second-factor.",
		Example: cli.Examples("operator reset you@example.com"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Post(cmd.Context(), a.App, "/operators/"+url.PathEscape(args[0])+"/reset"+factorQuery(factor), nil, writeLink)
		},
	}
	factorFlag(cmd, &factor)
	return cmd
}

func writeLink(w io.Writer, l portal.Link) error {
	if l.Mailed {
		_, err := fmt.Fprintf(w, "a one-time link is on its way by mail (good until %s)\n", terminal.Time(l.Until))
		return err
	}
	_, err := fmt.Fprintf(w, "%s\n(works once, until %s, behind the gateway's https address)\n", l.Path, terminal.Time(l.Until))
	return err
}

func (a *app) operatorList() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List operators",
		Example: cli.Examples("operator ls"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask.Get(cmd.Context(), a.App, "/operators", func(w io.Writer, list []portal.Operator) error {
				t := terminal.NewTable("EMAIL", "CREATED", "LAST SEEN")
				for _, o := range list {
					t.Row(o.Email, terminal.Time(o.CreatedAt), cli.Moment(o.LastSeen))
				}
				return cli.WriteTable(w, t)
			})
		},
	}
}

func (a *app) operatorRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "rm EMAIL",
		Short:   "Remove an operator",
		Example: cli.Examples("operator rm you@example.com"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Remove(cmd.Context(), a.App, "/operators/"+url.PathEscape(args[0]), "", "removed "+args[0])
		},
	}
}
