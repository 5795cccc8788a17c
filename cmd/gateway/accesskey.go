package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

func (a *app) accessKeyCommand() *cobra.Command {
	return group("access-key", "The second half of the lock", a.accessKeyNew(), a.accessKeyList(), a.accessKeyExport())
}

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
		Example: examples("access-key new -o acme.key"),
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
			if err := absent(out, out+".pub"); err != nil {
				return err
			}
			if err := writeSecret(out, private); err != nil {
				return err
			}
			if err := writeSecret(out+".pub", keys.MarshalAccessPublicKey(key.Public)); err != nil {
				return err
			}
			made := newKey{Key: out, Public: out + ".pub", Fingerprint: key.Fingerprint.String()}
			return a.print(made, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "wrote %s and %s, fingerprint %s\n", terminal.Clean(made.Key), terminal.Clean(made.Public), made.Fingerprint)
				return err
			})
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file for the private half")
	required(cmd, "output")
	return cmd
}

func (a *app) accessKeyList() *cobra.Command {
	return &cobra.Command{
		Use:               "ls ACCOUNT",
		Short:             "List the access keys of an account",
		Example:           examples("access-key ls acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeAccount,
		RunE: func(cmd *cobra.Command, args []string) error {
			return get(cmd.Context(), a, accountPath(args[0], "access-keys"), func(w io.Writer, list []portal.AccessKey) error {
				t := terminal.NewTable("ID", "FINGERPRINT", "HELD BY", "CONFIRMED", "CREATED")
				for _, k := range list {
					t.Row(k.ID, k.Fingerprint, k.Held, yes(k.Confirmed), terminal.Time(k.CreatedAt))
				}
				return writeTable(w, t)
			})
		},
	}
}

func (a *app) accessKeyExport() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "export ACCOUNT [ID]",
		Short: "Write a gateway-held access key to a file",
		Long: "Write the newest access key of an account, or the one named, to a new file of mode 0600, and\n" +
			"its public half beside it with .pub behind. It is audited, and refused for a customer-held key\n" +
			"and where keys.export is never.",
		Example:           examples("access-key export acme -o acme.key"),
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.completeAccount,
		RunE: func(cmd *cobra.Command, args []string) error {
			in := map[string]string{}
			if len(args) == 2 {
				in["id"] = args[1]
			}
			return a.export(cmd.Context(), accountPath(args[0], "access-keys", "export"), in, out)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write")
	required(cmd, "output")
	return cmd
}

// absent refuses names that are taken.
func absent(names ...string) error {
	for _, name := range names {
		if _, err := os.Lstat(name); err == nil {
			return fault.New(fault.Exists, "write", "%s is there already; nothing was overwritten", name)
		}
	}
	return nil
}

// writeSecret makes a new file of mode 0600 and syncs it; one that is there is
// left alone.
func writeSecret(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Exists, "write", "%s is there already; nothing was overwritten", name)
	}
	if err != nil {
		return local(name, err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(name)
		return fault.Wrap(fault.Internal, "write "+name, err)
	}
	return nil
}
