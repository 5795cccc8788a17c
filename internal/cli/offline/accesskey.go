package offline

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/keys"
	"sealgate/internal/terminal"
)

// newKey is what access-key new prints with --json.
type newKey struct {
	Key         string `json:"key"`
	Public      string `json:"public"`
	Fingerprint string `json:"fingerprint"`
}

func (a *app) accessKeyNew() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:     "new",
		Short:   "Make an access key (offline)",
		Long:    "Make an access key: the private half in the file named with -o, mode 0600, and the public\nhalf beside it with .pub behind. Neither is overwritten. Needs no gateway.",
		Example: cli.Examples("access-key new -o acme.key"),
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			key, err := keys.NewAccessKey()
			if err != nil {
				return err
			}
			private, err := keys.MarshalAccessKey(key.Private)
			if err != nil {
				return err
			}
			defer clear(private)
			if err := cli.Absent(out, out+".pub"); err != nil {
				return err
			}
			if err := cli.WriteSecret(out, private); err != nil {
				return err
			}
			if err := cli.WriteSecret(out+".pub", keys.MarshalAccessPublicKey(key.Public)); err != nil {
				return err
			}
			made := newKey{Key: out, Public: out + ".pub", Fingerprint: key.Fingerprint.String()}
			return a.Print(made, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "wrote %s and %s, fingerprint %s\n", terminal.Clean(made.Key), terminal.Clean(made.Public), made.Fingerprint)
				return err
			})
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file for the private half")
	cli.Required(cmd, "output")
	return cmd
}
