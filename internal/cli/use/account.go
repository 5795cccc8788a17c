package use

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sealgate/internal/cli"
	"sealgate/internal/cli/ask"
	"sealgate/internal/cli/locks"
	"sealgate/internal/command"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

func (a *app) accountCommand() *cobra.Command {
	return command.Group("account", "Customers and their policies",
		append(locks.Account(a.App), a.accountAdd(), a.accountList(), a.accountShow(), a.accountSet(), a.accountSignOn(), a.accountAccess(), a.accountRemove())...)
}

// policy are the flags of an account's policy.
type policy struct {
	content, operatorAccess, keyPeriod string
	keepFor, inShowFor, outboxKeepFor  portal.Duration
	receipts, requireFactor            bool
}

func (p *policy) flags(f *pflag.FlagSet) {
	f.StringVar(&p.content, "content", "", "what happens to content after indexing: keep (default) or delete")
	f.Var(&p.keepFor, "keep-for", "how long kept content is kept (default 400d)")
	f.StringVar(&p.keyPeriod, "key-period", "", "none (default), or year: each year's files have access keys of their own, and go with them")
	f.BoolVar(&p.receipts, "receipts", false, "put a signed receipt of each file into the outbox")
	f.BoolVar(&p.requireFactor, "require-second-factor", false, "who signs in to the portal needs a second factor")
	f.StringVar(&p.operatorAccess, "operator-access", "", "whether operators may see contents: on (default), asked or off")
	f.Var(&p.inShowFor, "in-show-for", "how long /in shows what was uploaded (default 7d)")
	f.Var(&p.outboxKeepFor, "outbox-keep-for", "how long the body of a delivered file is kept (default 30d)")
	command.NoDefault(f, "keep-for", "in-show-for", "outbox-keep-for")
}

// change is what the flags that were given ask for.
func (p *policy) change(f *pflag.FlagSet) portal.AccountChange {
	var c portal.AccountChange
	given(f, "content", &c.Content, &p.content)
	given(f, "keep-for", &c.KeepFor, &p.keepFor)
	given(f, "operator-access", &c.OperatorAccess, &p.operatorAccess)
	given(f, "in-show-for", &c.InShowFor, &p.inShowFor)
	given(f, "outbox-keep-for", &c.OutboxKeepFor, &p.outboxKeepFor)
	given(f, "key-period", &c.KeyPeriod, &p.keyPeriod)
	given(f, "receipts", &c.Receipts, &p.receipts)
	given(f, "require-second-factor", &c.RequireFactor, &p.requireFactor)
	return c
}

// given points dst at the value of a flag that was given.
func given[T any](f *pflag.FlagSet, name string, dst **T, value *T) {
	if f.Changed(name) {
		*dst = value
	}
}

func (a *app) accountAdd() *cobra.Command {
	var p policy
	var cert, key, held, accessKey string
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Make an account with its keys",
		Long: "Make an account. The gateway makes its certificate and its access key, unless the customer\n" +
			"brings a certificate with its key (see gateway certificate import). With --keys customer the access key\n" +
			"stays with the customer: the gateway reads a file once, to index it, and never again. Nothing is\n" +
			"accepted until he has confirmed his key (see gateway access-key add).",
		Example: cli.Examples("account add acme", "account add acme --content delete", "account add acme --certificate acme.pem --certificate-key acme.key.pem",
			"account add acme --keys customer --access-key acme.key.pub", "account add acme --key-period year --receipts"),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := portal.NewAccount{Name: args[0], Keys: held, AccountChange: p.change(cmd.Flags())}
			var err error
			if accessKey != "" {
				if in.AccessKey, err = locks.ReadPublic(accessKey); err != nil {
					return err
				}
			}
			if cert != "" {
				if in.Certificate, err = command.ReadText(cert); err != nil {
					return err
				}
				if in.CertificateKey, err = locks.ReadKeyOrToken(key); err != nil {
					return err
				}
			}
			return ask.Post(cmd.Context(), a.App, "/accounts", in, a.writeAccount)
		},
	}
	p.flags(cmd.Flags())
	cmd.Flags().StringVar(&held, "keys", "", "who holds the access key: gateway (default) or customer; it cannot be changed later")
	cmd.Flags().StringVar(&accessKey, "access-key", "", "public half of the customer's access key (with --keys customer)")
	cmd.Flags().StringVar(&cert, "certificate", "", "the customer's certificate, PEM")
	cmd.Flags().StringVar(&key, "certificate-key", "", "its private key: PKCS#8 PEM file, or pkcs11: URI")
	cmd.MarkFlagsRequiredTogether("certificate", "certificate-key")
	return cmd
}

func (a *app) accountList() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List accounts",
		Example: cli.Examples("account ls"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask.Get(cmd.Context(), a.App, "/accounts", func(w io.Writer, list []portal.Account) error {
				t := terminal.NewTable("NAME", "STATE", "CONTENT", ">KEEP FOR", "KEYS", "OPERATOR ACCESS", "CREATED")
				for _, acct := range list {
					t.Row(acct.Name, acct.State, acct.Content, acct.KeepFor.String(), acct.Keys, acct.OperatorAccess, terminal.Time(acct.CreatedAt))
				}
				return cli.WriteTable(w, t)
			})
		},
	}
}

func (a *app) accountShow() *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "Show one account",
		Example:           cli.Examples("account show acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Get(cmd.Context(), a.App, ask.Account(args[0]), a.writeAccount)
		},
	}
}

func (a *app) accountSet() *cobra.Command {
	var p policy
	var sso signOn
	var confirm string
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change an account's policy",
		Long: "Change an account's policy. Changing --content from delete to keep counts for arrivals that\n" +
			"begin after it: what was sealed to be deleted cannot be kept. A shorter --keep-for erases what is\n" +
			"older than it: that is done only with --confirm, and said first. The --oidc flags give the\n" +
			"account single sign-on (docs/sign-in.md).",
		Example:           cli.Examples("account set acme --keep-for 730d --operator-access off", "account set acme --oidc-issuer https://login.example.com --oidc-client-id sealgate --oidc-client-secret-stdin < secret"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := p.change(cmd.Flags())
			set, err := a.setSignOn(cmd, args[0], &sso)
			if err != nil || set && c == (portal.AccountChange{}) {
				return err
			}
			if c == (portal.AccountChange{}) {
				return command.Usage(fmt.Errorf("nothing to set; see gateway account set --help"))
			}
			c.Confirm = confirm
			return ask.Patch(cmd.Context(), a.App, ask.Account(args[0]), c, a.writeAccount)
		},
	}
	p.flags(cmd.Flags())
	sso.flags(cmd)
	cmd.Flags().StringVar(&confirm, "confirm", "", "the account's name: yes, erase what is older than the new --keep-for")
	return cmd
}

func (a *app) accountRemove() *cobra.Command {
	var confirm string
	cmd := &cobra.Command{
		Use:   "rm NAME",
		Short: "Close an account: nobody signs in, nothing is accepted",
		Long: "Close an account and remove its logins. Its kept files and their record stay, and its name stays\n" +
			"taken. Without --confirm it only says what would happen (exit code 2).",
		Example:           cli.Examples("account rm acme --confirm acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := ask.Remove(cmd.Context(), a.App, ask.Account(args[0]), confirm, "closed "+args[0])
			return cli.Unconfirmed(err, confirm, args[0])
		},
	}
	cmd.Flags().StringVar(&confirm, "confirm", "", "the account's name, again")
	return cmd
}

func (a *app) writeAccount(w io.Writer, acct portal.Account) error {
	t := terminal.NewTable("ACCOUNT", acct.Name)
	t.Row("id", acct.ID)
	t.Row("state", acct.State)
	content := acct.Content
	if content == "keep" {
		content += " for " + acct.KeepFor.String()
	}
	t.Row("content", content)
	keys := acct.Keys
	if acct.KeyPeriod == "year" {
		keys += ", other ones each year"
	}
	t.Row("access keys", keys)
	if acct.UnlockedUntil != nil {
		t.Row("unlocked until", terminal.Time(*acct.UnlockedUntil))
	}
	t.Row("receipts", cli.Yes(acct.Receipts))
	t.Row("second factor", map[bool]string{true: "demanded in the portal", false: "as each login likes"}[acct.RequireFactor])
	t.Row("operator access", acct.OperatorAccess)
	t.Row("in shows for", acct.InShowFor.String())
	t.Row("outbox keeps for", acct.OutboxKeepFor.String())
	t.Row("created", terminal.Time(acct.CreatedAt))
	if err := cli.WriteTable(w, t); err != nil {
		return err
	}
	for _, warn := range acct.Warnings {
		if _, err := fmt.Fprintln(w, "warning: "+terminal.Clean(warn.Message)); err != nil {
			return err
		}
	}
	return nil
}
