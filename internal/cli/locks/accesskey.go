package locks

import (
	"io"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/cli/ask"
	"sealgate/internal/command"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

func (a *app) accessKeyList() *cobra.Command {
	return &cobra.Command{
		Use:               "ls ACCOUNT",
		Short:             "List the access keys of an account",
		Example:           cli.Examples("access-key ls acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Get(cmd.Context(), a.App, ask.Account(args[0], "access-keys"), func(w io.Writer, list []portal.AccessKey) error {
				t := terminal.NewTable("ID", "PERIOD", "HELD BY", "STATE", ">FILES", "FINGERPRINT", "CREATED")
				for _, k := range list {
					t.Row(k.ID, orAll(k.Period), holder(k.Held), accessKeyState(k), a.Locale.Count(k.Files), k.Fingerprint, terminal.Time(k.CreatedAt))
				}
				return cli.WriteTable(w, t)
			})
		},
	}
}

func orAll(period string) string {
	if period == "" {
		return "all"
	}
	return period
}

// holder says in words who holds an access key.
func holder(held string) string {
	if held == "passphrase" {
		return "customer (passphrase)"
	}
	return held
}

func accessKeyState(k portal.AccessKey) string {
	switch {
	case k.RemovedAt != nil:
		return "removed " + terminal.Time(*k.RemovedAt)
	case k.RemoveAt != nil:
		return "to be removed " + terminal.Time(*k.RemoveAt)
	case !k.Confirmed:
		return "not confirmed"
	case k.UnlockedUntil != nil:
		return "unlocked until " + terminal.Time(*k.UnlockedUntil)
	}
	return "in use"
}

func (a *app) accessKeyExport() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "export ACCOUNT [ID]",
		Short: "Write a gateway-held access key to a file",
		Long: "Write the newest access key of an account, or the one named, to a new file of mode 0600, and\n" +
			"its public half beside it with .pub behind. It is audited, and refused for a customer-held key\n" +
			"and where keys.export is never.",
		Example:           cli.Examples("access-key export acme -o acme.key"),
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := map[string]string{}
			if len(args) == 2 {
				in["id"] = args[1]
			}
			return a.export(cmd.Context(), ask.Account(args[0], "access-keys", "export"), in, out)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write")
	command.Required(cmd, "output")
	return cmd
}
