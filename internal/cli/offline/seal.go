package offline

import (
	"context"
	"crypto/hpke"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/command"
	"sealgate/internal/fault"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/seal"
	"sealgate/internal/seal/sealfile"
	"sealgate/internal/terminal"
)

// sealed describes a sealed or opened file for --json.
type sealed struct {
	Output     string    `json:"output"`
	Name       string    `json:"name"`
	Size       int64     `json:"size"`
	SHA256     string    `json:"sha256"`
	ReceivedAt time.Time `json:"received_at"`
}

func describe(output string, t seal.Trailer) sealed {
	return sealed{Output: output, Name: t.Name, Size: t.Size, SHA256: hex.EncodeToString(t.SHA256[:]), ReceivedAt: t.ReceivedAt.UTC()}
}

func (a *app) sealCommand() *cobra.Command {
	var certs, access []string
	var out string
	cmd := &cobra.Command{
		Use:   "seal FILE",
		Short: "Seal a file for a certificate and an access key",
		Long: "Seal a file so that it opens only with the key of one of the certificates and one of\n" +
			"the access keys together. Needs no gateway.",
		Example: cli.Examples("seal lon.xml --certificate acme.pem --access-key acme.key.pub -o lon.xml.sealed"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.seal(cmd.Context(), args[0], out, certs, access)
		},
	}
	cmd.Flags().StringArrayVar(&certs, "certificate", nil, "certificate, PEM (repeat for several)")
	cmd.Flags().StringArrayVar(&access, "access-key", nil, "public half of an access key (repeat for several)")
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write")
	command.Required(cmd, "certificate", "access-key", "output")
	return cmd
}

func (a *app) seal(ctx context.Context, name, out string, certFiles, keyFiles []string) error {
	var certs []*x509.Certificate
	for _, file := range certFiles {
		cert, err := command.ReadKey(file, keyfile.ParseCertificate)
		if err != nil {
			return err
		}
		certs = append(certs, cert)
	}
	var access []hpke.PublicKey
	for _, file := range keyFiles {
		key, err := command.ReadKey(file, keyfile.ParseAccessPublicKey)
		if err != nil {
			return err
		}
		access = append(access, key)
	}
	f, size, err := command.OpenLocal(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r, done := terminal.Progress(a.Err, f, size, "sealing")
	defer done()
	src := sealfile.Source{Content: r, Name: filepath.Base(name), Received: a.Now()}
	t, err := sealfile.SealFile(ctx, src, out, certs, access)
	if err != nil {
		return err
	}
	return a.Print(describe(out, t), func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "sealed %s, SHA-256 %x, to %s\n", terminal.Size(t.Size), t.SHA256, terminal.Clean(out))
		return err
	})
}

func (a *app) openCommand() *cobra.Command {
	var certKey, accessKey, out string
	var force, passphrase bool
	cmd := &cobra.Command{
		Use:   "open FILE",
		Short: "Open a sealed file with a certificate's key and an access key",
		Long: "Open a sealed file. Without -o it gets the name it was received under, in the current\n" +
			"directory. Nothing is overwritten without --force, and the file appears only when all of\n" +
			"it is verified. Exit code 4: not sealed for one of the keys, or another passphrase than the\n" +
			"access key's; 6: damaged. Needs no gateway.",
		Example: cli.Examples("open lon.xml.sealed --certificate-key acme.key.pem --access-key acme.key",
			"open lon.xml.sealed --certificate-key acme.key.pem --access-key acme.key --passphrase-stdin < passphrase"),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if certKey == "" || accessKey == "" {
				return fault.New(fault.Locked, "open", "both keys of the lock are needed: --certificate-key and --access-key")
			}
			access, err := a.readAccessKey(accessKey, passphrase)
			if err != nil {
				return err
			}
			return a.open(cmd.Context(), args[0], out, force, certKey, access)
		},
	}
	cmd.Flags().StringVar(&certKey, "certificate-key", "", "private key of the certificate, PKCS#8 PEM")
	cmd.Flags().StringVar(&accessKey, "access-key", "", "access key")
	cmd.Flags().BoolVar(&passphrase, "passphrase-stdin", false, "passphrase of the access key (asked for, or the first line of standard input)")
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write (else the name in the sealed file)")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite")
	return cmd
}

func (a *app) open(ctx context.Context, name, out string, force bool, certFile string, access hpke.PrivateKey) error {
	certKey, err := command.ReadKey(certFile, keyfile.ParseCertificateKey)
	if err != nil {
		return err
	}
	written, t, err := sealfile.OpenFile(ctx, name, out, force, certKey, access)
	if err != nil {
		return command.Local(name, err)
	}
	return a.Print(describe(written, t), func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "opened %s, SHA-256 %x, to %s\n", terminal.Size(t.Size), t.SHA256, terminal.Clean(written))
		return err
	})
}
