package offline

import (
	"crypto/hpke"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/command"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/keys/paper"
	"sealgate/internal/seal"
	"sealgate/internal/terminal"
)

// newKey is what access-key new and from-words print with --json.
type newKey struct {
	Key         string   `json:"key"`
	Public      string   `json:"public"`
	Fingerprint string   `json:"fingerprint"`
	Encrypted   bool     `json:"encrypted"`       // under a passphrase
	Words       []string `json:"words,omitempty"` // where they were asked for
}

// target is where a new access key goes: the private half to a file, and the
// public half beside it.
type target struct {
	file       string
	force      bool
	passphrase bool
}

func (t *target) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&t.file, "output", "o", "", "file for the private half")
	f.BoolVar(&t.force, "force", false, "overwrite; what was sealed for the key in that file may never open again")
	f.BoolVar(&t.passphrase, "passphrase-stdin", false, "encrypt the file under a passphrase (asked for, or the first line of standard input)")
	command.Required(cmd, "output")
}

func (a *app) accessKeyNew() *cobra.Command {
	var to target
	var words bool
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Make an access key (offline)",
		Long: "Make an access key: the private half in the file named with -o, mode 0600, and the public\n" +
			"half beside it with .pub behind. The gateway gets the public half; whoever has the private\n" +
			"half, and the key of the account's certificate, can open its kept files. Neither file is\n" +
			"overwritten without --force. With --passphrase-stdin the file opens only with a passphrase\n" +
			"of 12 characters or more. With --words the 24 recovery words are shown, this once, for the\n" +
			"safe (access-key words shows them again while the file is there). Needs no gateway.",
		Example: cli.Examples("access-key new -o acme.key", "access-key new -o acme.key --words --passphrase-stdin"),
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.writeKey(to, words, func() (hpke.PrivateKey, error) {
				key, err := keys.NewAccessKey()
				if err != nil {
					return nil, err
				}
				return key.Private, nil
			})
		},
	}
	to.flags(cmd)
	cmd.Flags().BoolVar(&words, "words", false, "show the 24 recovery words, for paper")
	return cmd
}

// writeKey writes both halves of a key, and says what it wrote. It looks for room,
// and asks for the passphrase, before it gets the key.
func (a *app) writeKey(to target, words bool, get func() (hpke.PrivateKey, error)) error {
	if !to.force {
		if err := command.Absent(to.file, to.file+".pub"); err != nil {
			return err
		}
	}
	var passphrase []byte // nil: the key is not encrypted
	if to.passphrase {
		var err error
		if passphrase, err = a.NewPassphrase("New passphrase: "); err != nil {
			return err
		}
		defer clear(passphrase)
	}
	key, err := get()
	if err != nil {
		return err
	}
	private, err := marshalKey(key, passphrase)
	if err != nil {
		return err
	}
	defer clear(private)
	public := to.file + ".pub"
	made := newKey{Key: to.file, Public: public, Fingerprint: seal.AccessKeyFingerprint(key.PublicKey()).String(), Encrypted: to.passphrase}
	var form []string
	if words {
		if form, err = paper.Words(key); err != nil {
			return err
		}
	}
	if err := put(to.file, private, to.force); err != nil {
		return err
	}
	if err := put(public, keyfile.MarshalAccessPublicKey(key.PublicKey()), to.force); err != nil {
		return err
	}
	if a.JSON {
		made.Words = form
	} else if words {
		if err := a.writeForm(a.Err, made.Fingerprint, form); err != nil {
			return err
		}
	}
	return a.Print(made, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "wrote %s and %s, fingerprint %s\n", terminal.Clean(made.Key), terminal.Clean(made.Public), made.Fingerprint)
		return err
	})
}

func marshalKey(key hpke.PrivateKey, passphrase []byte) ([]byte, error) {
	if passphrase == nil {
		return keyfile.MarshalAccessKey(key)
	}
	encrypted, err := keyfile.EncryptAccessKey(key, passphrase)
	if err != nil {
		return nil, err
	}
	return encrypted.Marshal(), nil
}

// readAccessKey reads the private half of an access key. The passphrase of an
// encrypted one is the first line of standard input when the flag says so; on a
// terminal it is asked for in any case.
func (a *app) readAccessKey(file string, passphrase bool) (hpke.PrivateKey, error) {
	var encrypted *keyfile.EncryptedAccessKey
	key, err := command.ReadKey(file, func(text []byte) (key hpke.PrivateKey, err error) {
		switch {
		case !keyfile.IsEncrypted(text):
			return keyfile.ParseAccessKey(text)
		case !passphrase && !a.AtTerminal():
			return nil, fault.New(fault.Locked, "key", "the access key is encrypted; give its passphrase with --passphrase-stdin")
		}
		encrypted, err = keyfile.ParseEncryptedAccessKey(text)
		return nil, err
	})
	if err != nil || encrypted == nil {
		return key, err
	}
	text, err := a.Passphrase("Passphrase of " + terminal.Clean(file) + ": ")
	if err != nil {
		return nil, err
	}
	defer clear(text)
	if key, err = encrypted.Open(text); err != nil {
		return nil, fault.New(fault.KindOf(err), "key", "%s: %s", file, fault.Message(err))
	}
	return key, nil
}

func (a *app) accessKeyAnswer() *cobra.Command {
	var keyFile, out string
	var passphrase, force bool
	cmd := &cobra.Command{
		Use:   "answer CHALLENGE",
		Short: "Answer the gateway's challenge with an access key (offline)",
		Long: "Prove to a gateway that you can open what it will seal for your access key: take the\n" +
			"challenge that access-key challenge wrote, answer it here, where the private half is, and\n" +
			"give the answer to access-key confirm. The answer gives nothing of the key away. Exit code 4:\n" +
			"the challenge is for another key; 6: it is damaged. Needs no gateway.",
		Example: cli.Examples("access-key answer challenge.pem --access-key acme.key -o answer.pem"),
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := a.readAccessKey(keyFile, passphrase)
			if err != nil {
				return err
			}
			answer, err := command.ReadKey(args[0], func(text []byte) ([]byte, error) { return keyfile.AnswerChallenge(text, key) })
			if err != nil {
				return err
			}
			if err := put(out, answer, force); err != nil {
				return err
			}
			return a.Print(map[string]string{"output": out}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "wrote %s; give it to access-key confirm\n", terminal.Clean(out))
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&keyFile, "access-key", "", "access key")
	f.BoolVar(&passphrase, "passphrase-stdin", false, "passphrase of the access key (asked for, or the first line of standard input)")
	f.StringVarP(&out, "output", "o", "", "file to write")
	f.BoolVar(&force, "force", false, "overwrite")
	command.Required(cmd, "access-key", "output")
	return cmd
}

// put writes a file of mode 0600. What is there already is replaced in one step,
// and only when force says so.
func put(name string, text []byte, force bool) error {
	if !force {
		return command.WriteSecret(name, text)
	}
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return fault.New(fault.Invalid, "write", "%s is not a file, and is not overwritten", name)
	}
	next := name + ".new"
	if err := command.WriteSecret(next, text); err != nil {
		return err
	}
	if err := os.Rename(next, name); err != nil {
		return command.Local(name, err)
	}
	return nil
}
