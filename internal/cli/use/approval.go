package use

import (
	"io"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/cli/ask"
	"sealgate/internal/command"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

// accountAccess is what operators ask an account that wants to be asked.
func (a *app) accountAccess() *cobra.Command {
	return command.Group("access", "Ask an account for a look at its contents, where its operator-access is asked",
		a.accessAsk(), a.accessList(),
		a.accessAnswer("allow", "allow", "Write down that the account allows it",
			"An admin of the account allows it in the portal. Here, on the gateway's machine, somebody writes down\nan approval that came another way; the account's audit log says that it was done here."),
		a.accessAnswer("deny", "refuse", "Write down that the account refuses it", ""),
		a.accessAnswer("end", "end", "End it before its time, or take a request back", ""),
	)
}

func (a *app) accessAsk() *cobra.Command {
	var in portal.NewApproval
	cmd := &cobra.Command{
		Use:   "ask ACCOUNT",
		Short: "Ask the people of an account",
		Long: "Ask the people of an account to let operators see its contents: payments, receipts, contents of files.\n" +
			"An admin there sees the reason, and allows or refuses it in the portal. It lasts from then on, for as\n" +
			"long as was asked for. Each use is in the account's audit log.",
		Example:           cli.Examples(`account access ask acme --reason "Ticket 4711: the file of 3 November looks empty"`, `account access ask acme --reason "Ticket 4712" --for 1h`),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Post(cmd.Context(), a.App, ask.Account(args[0], "approvals"), in, func(w io.Writer, v portal.Approval) error {
				return writeApprovals(w, []portal.Approval{v})
			})
		},
	}
	cmd.Flags().StringVar(&in.Reason, "reason", "", "why, in a sentence that the account reads")
	cmd.Flags().Var(&in.For, "for", "how long (default 8h, at most 7d)")
	command.NoDefault(cmd.Flags(), "for")
	cobra.CheckErr(cmd.MarkFlagRequired("reason"))
	return cmd
}

func (a *app) accessList() *cobra.Command {
	return &cobra.Command{
		Use:               "ls ACCOUNT",
		Short:             "What was asked and how it was answered, newest first",
		Example:           cli.Examples("account access ls acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Get(cmd.Context(), a.App, ask.Account(args[0], "approvals"), writeApprovals)
		},
	}
}

func (a *app) accessAnswer(word, verb, short, long string) *cobra.Command {
	return &cobra.Command{
		Use:               word + " ACCOUNT ID",
		Short:             short,
		Long:              long,
		Example:           cli.Examples("account access " + word + " acme ID"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.Gateway()
			if err != nil {
				return err
			}
			var v portal.Approval
			if err := c.Post(cmd.Context(), ask.Account(args[0], "approvals", args[1], verb), nil, &v); err != nil {
				return err
			}
			return a.Print(v, func(w io.Writer) error { return writeApprovals(w, []portal.Approval{v}) })
		},
	}
}

func writeApprovals(w io.Writer, list []portal.Approval) error {
	t := terminal.NewTable("ID", "STATE", "ASKED", ">FOR", "UNTIL", "REASON")
	for _, v := range list {
		reason := "(unreadable)"
		if v.Reason != nil {
			reason = *v.Reason
		}
		t.Row(v.ID, v.State, terminal.Time(v.AskedAt), v.For.String(), terminal.Time(v.Until), reason)
	}
	return cli.WriteTable(w, t)
}
