package use

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

func (a *app) certificateCommand() *cobra.Command {
	return cli.Group("certificate", "The first half of the lock", a.certificateList(), a.certificateShow(), a.certificateExport())
}

func (a *app) certificateList() *cobra.Command {
	return &cobra.Command{
		Use:               "ls ACCOUNT",
		Short:             "List the certificates of an account",
		Example:           cli.Examples("certificate ls acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeAccount,
		RunE: func(cmd *cobra.Command, args []string) error {
			return get(cmd.Context(), a, accountPath(args[0], "certificates"), func(w io.Writer, list []portal.Certificate) error {
				t := terminal.NewTable("FINGERPRINT", "CURRENT", "ALGORITHM", "SUBJECT", "VALID UNTIL", "KEY HERE")
				for _, c := range list {
					t.Row(c.Fingerprint, cli.Yes(c.Current), c.Algorithm, c.Subject, terminal.Time(c.NotAfter), cli.Yes(c.KeyHere))
				}
				return cli.WriteTable(w, t)
			})
		},
	}
}

func (a *app) certificateShow() *cobra.Command {
	return &cobra.Command{
		Use:               "show ACCOUNT",
		Short:             "Show the current certificate of an account",
		Example:           cli.Examples("certificate show acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeAccount,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.showCertificate(cmd.Context(), args[0])
		},
	}
}

func (a *app) showCertificate(ctx context.Context, account string) error {
	gw, err := a.Gateway()
	if err != nil {
		return err
	}
	var list []portal.Certificate
	if err := gw.Get(ctx, accountPath(account, "certificates"), nil, &list); err != nil {
		return err
	}
	for _, c := range list {
		if !c.Current {
			continue
		}
		return a.Print(c, func(w io.Writer) error {
			t := terminal.NewTable("FINGERPRINT", c.Fingerprint)
			t.Row("subject", c.Subject)
			t.Row("algorithm", c.Algorithm)
			t.Row("valid from", terminal.Time(c.NotBefore))
			t.Row("valid until", terminal.Time(c.NotAfter))
			t.Row("key here", cli.Yes(c.KeyHere))
			if err := cli.WriteTable(w, t); err != nil {
				return err
			}
			_, err := io.WriteString(w, c.PEM)
			return err
		})
	}
	return fault.New(fault.NotFound, "certificate", "the account %s has no certificate", account)
}

func (a *app) certificateExport() *cobra.Command {
	var out string
	var withKey bool
	cmd := &cobra.Command{
		Use:   "export ACCOUNT [FINGERPRINT]",
		Short: "Write a certificate, or certificate and key, to a file",
		Long: "Write the newest certificate of an account, or the one named, to a new file of mode 0600.\n" +
			"With --with-key the private key stands behind it; that is audited, and refused for a key in a\n" +
			"token and where keys.export is never.",
		Example:           cli.Examples("certificate export acme -o acme.pem", "certificate export acme --with-key -o acme.key.pem"),
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.completeAccount,
		RunE: func(cmd *cobra.Command, args []string) error {
			in := map[string]any{"with_key": withKey}
			if len(args) == 2 {
				in["fingerprint"] = args[1]
			}
			return a.export(cmd.Context(), accountPath(args[0], "certificates", "export"), in, out)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write")
	cmd.Flags().BoolVar(&withKey, "with-key", false, "with its private key")
	cli.Required(cmd, "output")
	return cmd
}

// exported is what an export prints with --json.
type exported struct {
	Output string `json:"output"`
	Public string `json:"public,omitempty"`
}

// export asks for key material and writes it to new files.
func (a *app) export(ctx context.Context, path string, in any, out string) error {
	gw, err := a.Gateway()
	if err != nil {
		return err
	}
	if err := cli.Absent(out, out+".pub"); err != nil {
		return err // before the export is on record
	}
	var e portal.Export
	if err := gw.Post(ctx, path, in, &e); err != nil {
		return err
	}
	wrote := exported{Output: out}
	if err := cli.WriteSecret(out, []byte(e.PEM)); err != nil {
		return err
	}
	if e.Public != "" {
		wrote.Public = out + ".pub"
		if err := cli.WriteSecret(wrote.Public, []byte(e.Public)); err != nil {
			return err
		}
	}
	return a.Print(wrote, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "wrote %s\n", terminal.Clean(out))
		return err
	})
}
