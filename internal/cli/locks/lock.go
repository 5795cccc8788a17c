package locks

import (
	"context"
	"crypto/hpke"
	"fmt"
	"io"
	"strings"
	"time"

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

func (a *app) accountUnlock() *cobra.Command {
	var keyFile string
	var passphrase bool
	var lend portal.Duration
	cmd := &cobra.Command{
		Use:   "unlock NAME",
		Short: "Lend the gateway the customer's access key for some hours",
		Long: "Lend the gateway an access key that the customer holds. It is kept in memory only, until the\n" +
			"time is over, account lock, or the end of the program. Until then the gateway opens kept files of\n" +
			"the account, and files that were locked are looked at again. A passphrase is used here, in\n" +
			"this program; the gateway never gets it.",
		Example: cli.Examples("account unlock acme --access-key acme.key --for 1h", "account unlock acme --passphrase-stdin",
			"account unlock acme --access-key acme.encrypted.key --passphrase-stdin"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			if keyFile == "" && !passphrase {
				return command.Usage(fmt.Errorf("a key is needed: --access-key FILE, --passphrase-stdin, or both"))
			}
			c, err := a.Gateway()
			if err != nil {
				return err
			}
			lent, err := a.lentKeys(cmd.Context(), c, args[0], keyFile, passphrase)
			if err != nil {
				return err
			}
			var u portal.Unlocked
			for _, key := range lent {
				if err := lendKey(cmd.Context(), c, args[0], key, lend, &u); err != nil {
					return err
				}
			}
			return a.Print(u, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "unlocked %s until %s\n", terminal.Clean(args[0]), terminal.Time(u.Until))
				return err
			})
		},
	}
	cmd.Flags().StringVar(&keyFile, "access-key", "", "the access key")
	cmd.Flags().BoolVar(&passphrase, "passphrase-stdin", false, "passphrase of the access key (asked for, or the first line of standard input)")
	cmd.Flags().Var(&lend, "for", "how long (default 8h, at most 24h)")
	command.NoDefault(cmd.Flags(), "for")
	return cmd
}

func lendKey(ctx context.Context, c *client.Client, account string, key hpke.PrivateKey, lend portal.Duration, out *portal.Unlocked) error {
	text, err := keyfile.MarshalAccessKey(key)
	if err != nil {
		return err
	}
	defer clear(text)
	return c.Post(ctx, ask.Account(account, "unlock"), portal.Unlock{AccessKey: string(text), For: lend}, out)
}

// lentKeys reads the key of a file, or opens those that the gateway keeps under the
// customer's passphrase: all that this passphrase opens.
func (a *app) lentKeys(ctx context.Context, c *client.Client, account, keyFile string, withPassphrase bool) ([]hpke.PrivateKey, error) {
	if !withPassphrase {
		key, err := command.ReadKey(keyFile, keyfile.ParseAccessKey)
		return []hpke.PrivateKey{key}, err
	}
	passphrase, err := a.Passphrase("Passphrase of the access key: ")
	if err != nil {
		return nil, err
	}
	defer clear(passphrase)
	if keyFile != "" {
		key, err := command.ReadKey(keyFile, func(text []byte) (hpke.PrivateKey, error) {
			encrypted, err := keyfile.ParseEncryptedAccessKey(text)
			if err != nil {
				return nil, err
			}
			return encrypted.Open(passphrase)
		})
		return []hpke.PrivateKey{key}, err
	}
	var list []portal.AccessKey
	if err := c.Get(ctx, ask.Account(account, "access-keys"), nil, &list); err != nil {
		return nil, err
	}
	var open []hpke.PrivateKey
	refused := fault.New(fault.NotFound, "unlock", "the account %s has no access key under a passphrase; give --access-key", account)
	for _, k := range list {
		if k.Held != "passphrase" || k.RemovedAt != nil {
			continue
		}
		key, err := fetchEncrypted(ctx, c, account, k.ID, passphrase)
		switch {
		case fault.Is(err, fault.Locked):
			refused = err
		case err != nil:
			return nil, err
		default:
			open = append(open, key)
		}
	}
	if len(open) == 0 {
		return nil, refused
	}
	return open, nil
}

func (a *app) accountLock() *cobra.Command {
	return &cobra.Command{
		Use:               "lock NAME",
		Short:             "Forget the access key that account unlock has lent",
		Example:           cli.Examples("account lock acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.Gateway()
			if err != nil {
				return err
			}
			if err := c.Post(cmd.Context(), ask.Account(args[0], "lock"), nil, nil); err != nil {
				return err
			}
			return a.Done("locked " + args[0])
		},
	}
}

func (a *app) accountReseal() *cobra.Command {
	var detach bool
	cmd := &cobra.Command{
		Use:   "reseal NAME",
		Short: "Seal existing files for the account's present certificate and access keys",
		Long: "Give every kept file of an account a new head, for the certificate and access keys that new files\n" +
			"get; the contents are copied, not encrypted again. Afterwards older keys can be removed without\n" +
			"losing a file. Both keys of each file must be here: of an account that holds its own access\n" +
			"key, unlock it first. It goes on after an interruption; --detach does not wait.",
		Example:           cli.Examples("account reseal acme", "account reseal acme --detach --json"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.Gateway()
			if err != nil {
				return err
			}
			var now portal.Reseal
			if err := c.Post(cmd.Context(), ask.Account(args[0], "reseal"), nil, &now); err != nil {
				return err
			}
			if !detach {
				if now, err = a.awaitReseal(cmd.Context(), c, args[0], now); err != nil {
					return err
				}
			}
			err = a.Print(now, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, a.describeReseal(now))
				return err
			})
			if err != nil || detach {
				return err
			}
			return resealed(now)
		},
	}
	cmd.Flags().BoolVar(&detach, "detach", false, "do not wait for the end")
	return cmd
}

// lookEvery is the time between two looks at work that the gateway does.
const lookEvery = 300 * time.Millisecond

// awaitReseal looks how far the work is until it ends, or waits for something.
func (a *app) awaitReseal(ctx context.Context, c *client.Client, account string, now portal.Reseal) (portal.Reseal, error) {
	step, done := terminal.Counter(a.Err, "resealing")
	defer done()
	all := now.Left
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for now.Running && now.Waiting == "" {
		select {
		case <-ctx.Done():
			return now, ctx.Err()
		case <-look.C:
		}
		now = portal.Reseal{}
		if err := c.Get(ctx, ask.Account(account, "reseal"), nil, &now); err != nil {
			return now, err
		}
		all = max(all, now.Left)
		step(all-now.Left, all)
	}
	return now, nil
}

// describeReseal says what was done and what is left.
func (a *app) describeReseal(now portal.Reseal) string {
	if now.Left == 0 {
		return "every file is sealed for the account's present keys"
	}
	var why []string
	for _, part := range []struct {
		n   int64
		why string
	}{
		{now.Unreachable, "with a key that is not here any more"},
		{now.Damaged, "whose bodies are damaged"},
		{now.Unfinished, "still on their way"},
	} {
		if part.n > 0 {
			why = append(why, fmt.Sprintf("%s %s", a.Locale.Count(part.n), part.why))
		}
	}
	if now.Waiting != "" {
		why = append(why, "it waits: "+waiting(now.Waiting))
	}
	if now.Running {
		why = append(why, "it goes on in the background")
	}
	return strings.Join(append([]string{a.Locale.Count(now.Left) + " files are sealed for other keys"}, why...), "; ")
}

// waiting says in words what the gateway waits for.
func waiting(word string) string {
	switch word {
	case "full":
		return "there is no room on the disk"
	case "locked":
		return "a key is missing; unlock the account"
	case "try-later":
		return "the gateway is busy"
	}
	return "something went wrong (" + terminal.Clean(word) + "); see the gateway's log"
}

// resealed turns what is left into an exit code.
func resealed(now portal.Reseal) error {
	switch {
	case now.Damaged > 0:
		return command.Exit(command.ExitDamaged, "damaged", "%d files could not be resealed: their bodies are damaged", now.Damaged)
	case now.Unreachable > 0:
		return command.Exit(command.ExitDenied, "locked", "%d files could not be resealed: a key is missing", now.Unreachable)
	case now.Waiting == "locked":
		return command.Exit(command.ExitDenied, "locked", "%d files are not resealed yet: %s", now.Left, waiting(now.Waiting))
	case now.Waiting != "":
		return command.Exit(command.ExitFailed, now.Waiting, "%d files are not resealed yet: %s; it goes on by itself", now.Left, waiting(now.Waiting))
	}
	return nil
}
