package locks

import (
	"context"
	"crypto/hpke"
	"encoding/pem"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/cli/ask"
	"sealgate/internal/command"
	"sealgate/internal/fault"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/portal"
	"sealgate/internal/portal/client"
	"sealgate/internal/terminal"
)

func (a *app) accessKeyAdd() *cobra.Command {
	var public, period string
	var passphrase bool
	cmd := &cobra.Command{
		Use:   "add ACCOUNT",
		Short: "Add an access key to an account",
		Long: "Add an access key; new files are sealed for it as well. Without --public and\n" +
			"--passphrase-stdin the gateway makes one and holds it, unless the customer holds his keys himself.\n" +
			"With --public the customer keeps the private half; it is used once he has proved that he has it:\n" +
			"access-key challenge, answer, confirm. With --passphrase-stdin it is made here, in this program,\n" +
			"and the gateway gets the private half only as encrypted under the passphrase: it is used at once,\n" +
			"and whoever forgets the passphrase has lost it.",
		Example:           cli.Examples("access-key add acme", "access-key add acme --public acme-2027.key.pub --period 2027", "access-key add acme --passphrase-stdin < passphrase"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := portal.NewAccessKey{Period: period}
			switch {
			case public != "":
				var err error
				if in.Public, err = ReadPublic(public); err != nil {
					return err
				}
			case passphrase:
				return a.addWithPassphrase(cmd.Context(), args[0], in)
			}
			return ask.Post(cmd.Context(), a.App, ask.Account(args[0], "access-keys"), in, func(w io.Writer, k portal.AccessKey) error {
				return writeAddedKey(w, args[0], k)
			})
		},
	}
	cmd.Flags().StringVar(&public, "public", "", "public half of a key that the customer holds")
	cmd.Flags().BoolVar(&passphrase, "passphrase-stdin", false, "make a key under a passphrase (asked for, or the first line of standard input)")
	cmd.Flags().StringVar(&period, "period", "", "the year whose files it locks, for accounts with a key for each year")
	cmd.MarkFlagsMutuallyExclusive("public", "passphrase-stdin")
	return cmd
}

// ReadPublic reads the public half of an access key. Who names the private half by
// mistake has not sent it anywhere.
func ReadPublic(name string) (string, error) {
	key, err := command.ReadKey(name, keyfile.ParseAccessPublicKey)
	if err != nil {
		return "", err
	}
	return string(keyfile.MarshalAccessPublicKey(key)), nil
}

// onlyAnswer takes the answer out of a file, and nothing else that lies in it: who
// names his private key by mistake has not sent it anywhere.
func onlyAnswer(text []byte) (string, error) {
	for {
		block, rest := pem.Decode(text)
		switch {
		case block == nil:
			return "", fault.New(fault.Invalid, "confirm", "there is no answer to a challenge in it (PEM block \"SEALGATE ANSWER\"); nothing was sent")
		case block.Type == "SEALGATE ANSWER":
			return string(pem.EncodeToMemory(block)), nil
		}
		text = rest
	}
}

// addWithPassphrase makes an access key in this process. What goes to the gateway
// is its public half, and its private half encrypted. Then what the gateway keeps
// is fetched again, opened, and used to answer its challenge: a key that does not
// come back is never used for a file.
func (a *app) addWithPassphrase(ctx context.Context, account string, in portal.NewAccessKey) error {
	c, err := a.Gateway()
	if err != nil {
		return err
	}
	passphrase, err := a.NewPassphrase("Passphrase of the access key: ")
	if err != nil {
		return err
	}
	defer clear(passphrase)
	key, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return err
	}
	encrypted, err := keyfile.EncryptAccessKey(key, passphrase)
	if err != nil {
		return err
	}
	in.Public, in.Encrypted = string(keyfile.MarshalAccessPublicKey(key.PublicKey())), string(encrypted.Marshal())
	var k portal.AccessKey
	if err := c.Post(ctx, ask.Account(account, "access-keys"), in, &k); err != nil {
		return err
	}
	if err := proveStored(ctx, c, account, k.ID, passphrase); err != nil {
		a.Say("the key %s was added, but not confirmed; it is not used for any file", k.ID)
		return err
	}
	k.Confirmed = true
	return a.Print(k, func(w io.Writer) error { return writeAddedKey(w, account, k) })
}

// proveStored answers the gateway's challenge with the key that the gateway keeps.
func proveStored(ctx context.Context, c *client.Client, account, id string, passphrase []byte) error {
	private, err := fetchEncrypted(ctx, c, account, id, passphrase)
	if err != nil {
		return err
	}
	var challenge portal.Challenge
	if err := c.Post(ctx, ask.Account(account, "access-keys", id, "challenge"), nil, &challenge); err != nil {
		return err
	}
	answer, err := keyfile.AnswerChallenge([]byte(challenge.Challenge), private)
	if err != nil {
		return err
	}
	return c.Post(ctx, ask.Account(account, "access-keys", id, "confirm"), portal.Answer{Answer: string(answer)}, nil)
}

// fetchEncrypted opens, here, what the gateway keeps under the customer's passphrase.
func fetchEncrypted(ctx context.Context, c *client.Client, account, id string, passphrase []byte) (hpke.PrivateKey, error) {
	var stored portal.Export
	if err := c.Get(ctx, ask.Account(account, "access-keys", id, "encrypted"), nil, &stored); err != nil {
		return nil, err
	}
	encrypted, err := keyfile.ParseEncryptedAccessKey([]byte(stored.PEM))
	if err != nil {
		return nil, err
	}
	return encrypted.Open(passphrase)
}

func writeAddedKey(w io.Writer, account string, k portal.AccessKey) error {
	t := terminal.NewTable("ACCESS KEY", k.ID)
	t.Row("fingerprint", k.Fingerprint)
	t.Row("period", orAll(k.Period))
	t.Row("held by", holder(k.Held))
	t.Row("state", accessKeyState(k))
	if err := cli.WriteTable(w, t); err != nil {
		return err
	}
	next := "It is used for new files from now on."
	if k.Held != "customer" {
		next += " The copy of the keys has it, if that could be reached: gateway doctor says so."
	}
	if !k.Confirmed {
		next = "It is used once its holder has proved that he has it:\n" +
			"  gateway access-key challenge " + account + " " + k.ID + " -o challenge.pem\n" +
			"  gateway access-key answer challenge.pem --access-key KEY -o answer.pem      (where the key is)\n" +
			"  gateway access-key confirm " + account + " " + k.ID + " answer.pem"
	}
	_, err := fmt.Fprintln(w, "\n"+next)
	return err
}

func (a *app) accessKeyRemove() *cobra.Command {
	var r removal
	cmd := &cobra.Command{
		Use:   "rm ACCOUNT ID",
		Short: "Destroy an access key: what is sealed under it alone is lost for ever",
		Long: "Destroy an access key, named by its id, the beginning of its fingerprint, or its year. Files that\n" +
			"no other access key of the account opens can never be read again, here and in every backup.\n" +
			"Without any access key nothing is accepted until one is added. Of a key that the customer\n" +
			"holds only the public half is here: his own copies are his to destroy." + removalHelp,
		Example: cli.Examples("access-key rm acme 2019", "access-key rm acme 2019 --confirm acme -o 2019.statement",
			"access-key rm acme 2019 --confirm acme --after 14d", "access-key rm acme 2019 --cancel"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.run(cmd.Context(), a, args[0], "access-key", args[1])
		},
	}
	r.flags(cmd)
	return cmd
}

func (a *app) accessKeyChallenge() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "challenge ACCOUNT ID",
		Short: "Ask the holder of an access key to prove that he has it",
		Long: "Write a challenge for the holder of an access key to a new file. He answers it with gateway\n" +
			"access-key answer, where his key is and without a gateway; access-key confirm takes the answer.\n" +
			"It is valid for 7 days, and the last one counts.",
		Example:           cli.Examples("access-key challenge acme 0197c2f0 -o challenge.pem"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.Gateway()
			if err != nil {
				return err
			}
			if err := command.Absent(out); err != nil {
				return err
			}
			var ch portal.Challenge
			if err := c.Post(cmd.Context(), ask.Account(args[0], "access-keys", args[1], "challenge"), nil, &ch); err != nil {
				return err
			}
			if err := command.WriteSecret(out, []byte(ch.Challenge)); err != nil {
				return err
			}
			return a.Print(ch, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "wrote %s, valid until %s\n", terminal.Clean(out), terminal.Time(ch.Until))
				return err
			})
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write")
	command.Required(cmd, "output")
	return cmd
}

func (a *app) accessKeyConfirm() *cobra.Command {
	return &cobra.Command{
		Use:               "confirm ACCOUNT ID FILE",
		Short:             "Take the answer to a challenge: the access key is used from then on",
		Example:           cli.Examples("access-key confirm acme 0197c2f0 answer.pem"),
		Args:              cobra.ExactArgs(3),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := command.ReadKey(args[2], onlyAnswer)
			if err != nil {
				return err
			}
			return ask.Post(cmd.Context(), a.App, ask.Account(args[0], "access-keys", args[1], "confirm"), portal.Answer{Answer: answer},
				func(w io.Writer, k portal.AccessKey) error { return writeAddedKey(w, args[0], k) })
		},
	}
}
