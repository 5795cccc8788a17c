package locks

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/cli/ask"
	"sealgate/internal/command"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

func (a *app) certificateCommand() *cobra.Command {
	return command.Group("certificate", "The first half of the lock",
		a.certificateList(), a.certificateShow(), a.certificateRenew(), a.certificateImport(), a.certificateExport(), a.certificateRemove())
}

func (a *app) certificateList() *cobra.Command {
	return &cobra.Command{
		Use:               "ls ACCOUNT",
		Short:             "List the certificates of an account",
		Long:              "List the certificates of an account, with the number of files that are sealed under each.",
		Example:           cli.Examples("certificate ls acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Get(cmd.Context(), a.App, ask.Account(args[0], "certificates"), func(w io.Writer, list []portal.Certificate) error {
				t := terminal.NewTable("FINGERPRINT", "STATE", "ALGORITHM", "SUBJECT", "VALID UNTIL", ">FILES", "KEY HERE")
				for _, c := range list {
					t.Row(c.Fingerprint, certificateState(c), c.Algorithm, c.Subject, terminal.Time(c.NotAfter), a.Locale.Count(c.Files), keyPlace(c))
				}
				return cli.WriteTable(w, t)
			})
		},
	}
}

// certificateState says what a certificate is used for.
func certificateState(c portal.Certificate) string {
	switch {
	case c.RemovedAt != nil:
		return "removed " + terminal.Time(*c.RemovedAt)
	case c.RemoveAt != nil:
		return "to be removed " + terminal.Time(*c.RemoveAt)
	case c.Current:
		return "current"
	}
	return "old files"
}

func keyPlace(c portal.Certificate) string {
	if c.Token != "" {
		return "in a token"
	}
	return cli.Yes(c.KeyHere)
}

func (a *app) certificateShow() *cobra.Command {
	return &cobra.Command{
		Use:               "show ACCOUNT",
		Short:             "Show the current certificate of an account",
		Example:           cli.Examples("certificate show acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
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
	if err := gw.Get(ctx, ask.Account(account, "certificates"), nil, &list); err != nil {
		return err
	}
	for _, c := range list {
		if !c.Current {
			continue
		}
		return a.Print(c, func(w io.Writer) error {
			t := terminal.NewTable("FINGERPRINT", c.Fingerprint)
			t.Row("subject", c.Subject)
			t.Row("state", certificateState(c))
			t.Row("files", a.Locale.Count(c.Files))
			t.Row("algorithm", c.Algorithm)
			t.Row("valid from", terminal.Time(c.NotBefore))
			t.Row("valid until", terminal.Time(c.NotAfter))
			t.Row("key here", keyPlace(c))
			if err := cli.WriteTable(w, t); err != nil {
				return err
			}
			_, err := io.WriteString(w, c.PEM)
			return err
		})
	}
	return fault.New(fault.NotFound, "certificate", "the account %s has no certificate", account)
}

func (a *app) certificateRenew() *cobra.Command {
	return &cobra.Command{
		Use:   "renew ACCOUNT",
		Short: "Make a new certificate for new files; old ones still open",
		Long: "Make a new certificate (EC P-256) for an account. New files are sealed under it. The older ones\n" +
			"stay, because older files need them: certificate ls says how many. gateway account reseal\n" +
			"seals these for the new certificate, too. A closed account is open again afterwards; what was\n" +
			"lost when it was closed stays lost.",
		Example:           cli.Examples("certificate renew acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Post(cmd.Context(), a.App, ask.Account(args[0], "certificates", "renew"), nil, writeNewCertificate)
		},
	}
}

func (a *app) certificateImport() *cobra.Command {
	var in portal.NewCertificate
	var cert, key string
	cmd := &cobra.Command{
		Use:   "import ACCOUNT",
		Short: "Bring a certificate with its key for new files",
		Long: "Bring a certificate: RSA of 3072 bits or more, EC P-256 or P-384, valid now, not forbidden to\n" +
			"encipher keys; intermediates in the same file are checked. Its key is PKCS#8 PEM, not encrypted,\n" +
			"or the pkcs11: URI (RFC 7512) of a key in a token, when the gateway was built for that. It is\n" +
			"accepted once it has opened something sealed for it. New files are then sealed under it; with\n" +
			"--also under the present one as well, so that either of the two keys opens them.",
		Example: cli.Examples("certificate import acme --certificate acme.pem --certificate-key acme.key.pem",
			"certificate import acme --certificate escrow.pem --certificate-key escrow.key.pem --also",
			"certificate import acme --certificate acme.pem --certificate-key 'pkcs11:token=hsm;object=acme?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/sealgate/pin'"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if in.Certificate, err = command.ReadText(cert); err != nil {
				return err
			}
			if in.Key, err = ReadKeyOrToken(key); err != nil {
				return err
			}
			return ask.Post(cmd.Context(), a.App, ask.Account(args[0], "certificates"), in, writeNewCertificate)
		},
	}
	cmd.Flags().StringVar(&cert, "certificate", "", "the certificate, PEM")
	cmd.Flags().StringVar(&key, "certificate-key", "", "its private key: PKCS#8 PEM file, or pkcs11: URI")
	cmd.Flags().BoolVar(&in.Also, "also", false, "beside the present certificate, not in its place")
	command.Required(cmd, "certificate", "certificate-key")
	return cmd
}

// ReadKeyOrToken reads a key file; the URI of a key in a token stands for itself.
func ReadKeyOrToken(name string) (string, error) {
	if strings.HasPrefix(name, "pkcs11:") {
		return name, nil
	}
	return command.ReadText(name)
}

func writeNewCertificate(w io.Writer, c portal.Certificate) error {
	t := terminal.NewTable("FINGERPRINT", c.Fingerprint)
	t.Row("state", certificateState(c))
	t.Row("subject", c.Subject)
	t.Row("algorithm", c.Algorithm)
	t.Row("valid until", terminal.Time(c.NotAfter))
	t.Row("key here", keyPlace(c))
	if err := cli.WriteTable(w, t); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "\nThe copy of the keys has it, if that could be reached: gateway doctor says so.")
	return err
}

func (a *app) certificateRemove() *cobra.Command {
	var r removal
	cmd := &cobra.Command{
		Use:   "rm ACCOUNT FINGERPRINT",
		Short: "Destroy a certificate's key: what is sealed under it alone is lost for ever",
		Long: "Destroy a certificate's key. Files that no other certificate of the account opens can never be\n" +
			"read again, here and in every backup. Without its last certificate the account is closed: its\n" +
			"file names and usernames are lost as well." + removalHelp,
		Example: cli.Examples("certificate rm acme 3f2a91c4", "certificate rm acme 3f2a91c4 --confirm acme -o removed.statement",
			"certificate rm acme 3f2a91c4 --confirm acme --after 14d", "certificate rm acme 3f2a91c4 --cancel"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.run(cmd.Context(), a, args[0], "certificate", args[1])
		},
	}
	r.flags(cmd)
	return cmd
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
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := map[string]any{"with_key": withKey}
			if len(args) == 2 {
				in["fingerprint"] = args[1]
			}
			return a.export(cmd.Context(), ask.Account(args[0], "certificates", "export"), in, out)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write")
	cmd.Flags().BoolVar(&withKey, "with-key", false, "with its private key")
	command.Required(cmd, "output")
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
	if err := command.Absent(out, out+".pub"); err != nil {
		return err // before the export is on record
	}
	var e portal.Export
	if err := gw.Post(ctx, path, in, &e); err != nil {
		return err
	}
	wrote := exported{Output: out}
	if err := command.WriteSecret(out, []byte(e.PEM)); err != nil {
		return err
	}
	if e.Public != "" {
		wrote.Public = out + ".pub"
		if err := command.WriteSecret(wrote.Public, []byte(e.Public)); err != nil {
			return err
		}
	}
	return a.Print(wrote, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "wrote %s\n", terminal.Clean(out))
		return err
	})
}
