package offline

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/command"
	"sealgate/internal/fault"
	"sealgate/internal/statement"
	"sealgate/internal/terminal"
)

// verified is what receipt verify prints with --json.
type verified struct {
	SignedBy string              `json:"signed_by"`
	Expected bool                `json:"expected"` // it is the identity that was asked for
	Document *statement.Document `json:"document"`
}

// VerifyReceipt is receipt verify.
func VerifyReceipt(c *cli.App) *cobra.Command {
	a := &app{c}
	var identity string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check a receipt or a statement (offline)",
		Long: "Check the signature of a receipt, or of a statement about a destroyed key or an erased file, and\n" +
			"print what it says. Exit code 6: it was changed, or another identity signed it. Without\n" +
			"--identity it proves that nobody changed it since SHA256:… signed it: compare that fingerprint\n" +
			"with the one the gateway's operator has given you (gateway keys show). Needs no gateway.",
		Example: cli.Examples("receipt verify lon.receipt.json --identity SHA256:…", "receipt verify removed.statement --json"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("identity") {
				if err := checkIdentity(identity); err != nil {
					return command.Usage(err)
				}
			}
			text, err := command.ReadLimited(args[0], maxStatement)
			if err != nil {
				return err
			}
			d, err := statement.Verify(text, identity)
			if err != nil {
				return fault.New(fault.KindOf(err), "receipt", "%s: %s", args[0], fault.Message(err))
			}
			v := verified{SignedBy: d.SignedBy(), Expected: identity != "", Document: d}
			return a.Print(v, func(w io.Writer) error { return a.describeStatement(w, v) })
		},
	}
	cmd.Flags().StringVar(&identity, "identity", "", "fingerprint of the gateway's identity, SHA256:…")
	return cmd
}

// checkIdentity refuses what is no fingerprint of an identity. An empty one, of a
// variable that was never set, must not mean that anybody's signature is right.
func checkIdentity(text string) error {
	sum, ok := strings.CutPrefix(strings.TrimRight(text, "="), "SHA256:")
	b, err := base64.RawStdEncoding.Strict().DecodeString(sum)
	if !ok || err != nil || len(b) != sha256.Size {
		return fmt.Errorf("--identity %q is no fingerprint of an identity, SHA256: and 43 characters", text)
	}
	return nil
}

// maxStatement is what is read of a file that may be one.
const maxStatement = 8 << 20

func (a *app) describeStatement(w io.Writer, v verified) error {
	d := v.Document
	t := terminal.NewTable("VERIFIED", d.Kind)
	signer := v.SignedBy
	if !v.Expected {
		signer += "  (is this your gateway? compare with gateway keys show)"
	}
	t.Row("signed by", signer)
	t.Row("account", d.Account)
	t.Row("issued", terminal.Time(d.IssuedAt))
	switch {
	case d.Receipt != nil:
		a.receiptRows(t, d.Receipt)
	case d.Removal != nil:
		a.removalRows(t, d.Removal)
	case d.Erasure != nil:
		t.Row("file", d.Erasure.File)
		t.Row("erased", terminal.Time(d.Erasure.ErasedAt)+" ("+d.Erasure.Reason+")")
		t.Row("says", d.Erasure.Sentence)
	}
	return cli.WriteTable(w, t)
}

func (a *app) receiptRows(t *terminal.Table, r *statement.Receipt) {
	t.Row("file", r.File)
	t.Row("name", cli.OrUnreadable(r.Name))
	t.Row("received", terminal.Time(r.ReceivedAt)+" by "+r.Source)
	t.Row("size", fmt.Sprintf("%s bytes", a.Locale.Count(r.Size)))
	t.Row("SHA-256", cli.OrUnreadable(r.SHA256))
	if k := r.SealedFor; k != nil {
		t.Row("certificates", strings.Join(k.Certificates, " "))
		t.Row("access keys", strings.Join(k.AccessKeys, " "))
	}
	if x := r.Index; x != nil {
		t.Row("indexed", terminal.Time(x.IndexedAt)+", "+x.State)
		t.Row("format", cli.Format(x.Format, x.Variant))
		t.Row("payments", a.Locale.Count(x.PaymentCount))
		t.Row("sums", a.Sums(x.Sums))
		t.Row("findings", a.Locale.Count(int64(len(x.Findings))))
	}
}

func (a *app) removalRows(t *terminal.Table, r *statement.Removal) {
	t.Row("destroyed", r.Object)
	t.Row("at", terminal.Time(r.RemovedAt))
	t.Row("says", r.Sentence)
	t.Row("files", a.Locale.Count(r.Files)+between(r.Oldest, r.Newest))
	t.Row("still open", a.Locale.Count(r.StillOpen))
	t.Row("copy of keys", r.Copy)
	t.Row("limits", r.Note)
}

func between(oldest, newest *time.Time) string {
	if oldest == nil || newest == nil {
		return ""
	}
	return ", received from " + terminal.Time(*oldest) + " to " + terminal.Time(*newest)
}
