package locks

import (
	"context"
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

// Statements are statement ls and get.
func Statements(c *cli.App) []*cobra.Command {
	a := &app{c}
	return []*cobra.Command{a.statementList(), a.statementGet()}
}

// Receipt is receipt get.
func Receipt(c *cli.App) *cobra.Command { return (&app{c}).receiptGet() }

func (a *app) statementList() *cobra.Command {
	return &cobra.Command{
		Use:               "ls ACCOUNT",
		Short:             "List the signed statements about what was destroyed",
		Example:           cli.Examples("statement ls acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Get(cmd.Context(), a.App, ask.Account(args[0], "statements"), func(w io.Writer, list []portal.Statement) error {
				t := terminal.NewTable("ID", "KIND", "ABOUT", "MADE", "SIGNED")
				for _, s := range list {
					t.Row(s.ID, s.Kind, s.Object, terminal.Time(s.CreatedAt), cli.Yes(s.Signed))
				}
				return cli.WriteTable(w, t)
			})
		},
	}
}

func (a *app) statementGet() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "get ID",
		Short: "Fetch a signed statement",
		Long: "Fetch a signed statement to a new file, or to standard output. gateway receipt verify checks it,\n" +
			"anywhere and without a gateway.",
		Example: cli.Examples("statement get 0197c2f0-... -o removed.statement"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var s portal.Statement
			return a.fetchNote(cmd.Context(), "/statements/"+url.PathEscape(args[0]), &s, func() string { return s.Text }, out)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write")
	return cmd
}

func (a *app) receiptGet() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "get ID",
		Short: "Fetch the signed receipt of a file",
		Long: "Fetch the receipt of a file, signed by the gateway: when it came, under which name, its size and\n" +
			"SHA-256, and, once it was indexed, what it held. To a new file, or to standard output. gateway\n" +
			"receipt verify checks it, anywhere and without a gateway.",
		Example: cli.Examples("receipt get 0197c2f0-... -o lon.receipt.json"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r portal.Receipt
			return a.fetchNote(cmd.Context(), ask.File(args[0], "receipt"), &r, func() string { return r.Text }, out)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write")
	return cmd
}

// fetchNote asks for a signed note and writes it to a new file, or shows it.
func (a *app) fetchNote(ctx context.Context, path string, v any, text func() string, out string) error {
	c, err := a.Gateway()
	if err != nil {
		return err
	}
	if out != "" {
		if err := command.Absent(out); err != nil {
			return err
		}
	}
	if err := c.Get(ctx, path, nil, v); err != nil {
		return err
	}
	if out == "" {
		return a.Print(v, func(w io.Writer) error {
			_, err := io.WriteString(w, text())
			return err
		})
	}
	if err := command.WriteSecret(out, []byte(text())); err != nil {
		return err
	}
	return a.Print(exported{Output: out}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "wrote %s\n", terminal.Clean(out))
		return err
	})
}
