package use

import (
	"errors"
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

func (a *app) tokenCommand() *cobra.Command {
	return command.Group("token", "What lets programs in by HTTPS", a.tokenAdd(), a.tokenList(), a.tokenRemove())
}

// tokensOf is whose tokens a command is about: the first argument's, or with
// --operator those of who runs the gateway. It returns where they lie and the
// other arguments.
func tokensOf(operator bool, args []string, others int) (path string, rest []string, err error) {
	switch {
	case operator && len(args) == others:
		return "/tokens", args, nil
	case !operator && len(args) == others+1:
		return ask.Account(args[0], "tokens"), args[1:], nil
	}
	return "", nil, command.Usage(errors.New("say whose token: ACCOUNT, or --operator for who runs the gateway"))
}

func operatorFlag(cmd *cobra.Command, operator *bool) {
	cmd.Flags().BoolVar(operator, "operator", false, "of who runs the gateway, not of an account")
}

func (a *app) tokenAdd() *cobra.Command {
	var operator bool
	var in portal.NewToken
	cmd := &cobra.Command{
		Use:   "add ACCOUNT NAME | add --operator NAME",
		Short: "Make a token; it is shown this once",
		Long: "Make a token. A program shows it with each request: Authorization: Bearer TOKEN. It may do\n" +
			"what its role may, for its account only, until it expires or is removed.",
		Example:           cli.Examples("token add acme erp", "token add acme books --role reader --expires 366d", "token add --operator monitoring"),
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, rest, err := tokensOf(operator, args, 1)
			if err != nil {
				return err
			}
			in.Name = rest[0]
			return ask.Post(cmd.Context(), a.App, path, in, writeToken)
		},
	}
	operatorFlag(cmd, &operator)
	cmd.Flags().StringVar(&in.Role, "role", "", "uploader (default), reader, approver or admin")
	cmd.Flags().Var(&in.For, "expires", "how long it is good, 90d unless told, 366d at most")
	return cmd
}

func writeToken(w io.Writer, t portal.TokenMade) error {
	_, err := fmt.Fprintf(w, "token    %s\nrole     %s\nexpires  %s\n(shown this once)\n", t.Secret, t.Role, terminal.Time(t.Until))
	return err
}

func (a *app) tokenList() *cobra.Command {
	var operator bool
	cmd := &cobra.Command{
		Use:               "ls ACCOUNT | ls --operator",
		Short:             "List tokens",
		Example:           cli.Examples("token ls acme", "token ls --operator"),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, _, err := tokensOf(operator, args, 0)
			if err != nil {
				return err
			}
			return ask.Get(cmd.Context(), a.App, path, func(w io.Writer, list []portal.Token) error {
				t := terminal.NewTable("NAME", "ROLE", "ID", "CREATED", "EXPIRES", "LAST USED")
				for _, k := range list {
					t.Row(cli.OrUnreadable(k.Name), k.Role, k.ID, terminal.Time(k.CreatedAt), terminal.Time(k.Until), cli.Moment(k.LastUsed))
				}
				return cli.WriteTable(w, t)
			})
		},
	}
	operatorFlag(cmd, &operator)
	return cmd
}

func (a *app) tokenRemove() *cobra.Command {
	var operator bool
	cmd := &cobra.Command{
		Use:               "rm ACCOUNT TOKEN | rm --operator TOKEN",
		Short:             "End a token, by its name or id: the next request with it is refused",
		Example:           cli.Examples("token rm acme erp", "token rm --operator monitoring"),
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, rest, err := tokensOf(operator, args, 1)
			if err != nil {
				return err
			}
			return ask.Remove(cmd.Context(), a.App, path+"/"+url.PathEscape(rest[0]), "", "removed "+rest[0])
		},
	}
	operatorFlag(cmd, &operator)
	return cmd
}
