package use

import (
	"errors"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sealgate/internal/cli"
	"sealgate/internal/cli/ask"
	"sealgate/internal/command"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

// signOn are the flags of an account's single sign-on.
type signOn struct {
	issuer, client             string
	secretStdin, trustMFA, off bool
}

func (o *signOn) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.issuer, "oidc-issuer", "", "single sign-on: the provider, https://…, as it calls itself")
	f.StringVar(&o.client, "oidc-client-id", "", "what the provider calls this gateway")
	f.BoolVar(&o.secretStdin, "oidc-client-secret-stdin", false, "the client's secret (asked for, or the first line of standard input)")
	f.BoolVar(&o.trustMFA, "oidc-trust-mfa", false, "a second factor that the provider says it has seen (amr: mfa) is enough")
	f.BoolVar(&o.off, "oidc-off", false, "no single sign-on any more")
	for _, name := range []string{"oidc-issuer", "oidc-client-id", "oidc-client-secret-stdin", "oidc-trust-mfa"} {
		cmd.MarkFlagsMutuallyExclusive("oidc-off", name)
	}
}

// change is what the flags that were given ask for.
func (a *app) signOnChange(o *signOn, f *pflag.FlagSet) (c portal.SingleSignOnChange, err error) {
	given(f, "oidc-issuer", &c.Issuer, &o.issuer)
	given(f, "oidc-client-id", &c.ClientID, &o.client)
	given(f, "oidc-trust-mfa", &c.TrustMFA, &o.trustMFA)
	if o.secretStdin {
		secret, err := a.ReadSecret()
		if err != nil {
			return c, err
		}
		if secret == "" {
			return c, command.Usage(errors.New("the client secret is empty"))
		}
		c.Secret = &secret
	}
	return c, nil
}

// setSignOn does what the flags ask for; false: none was given.
func (a *app) setSignOn(cmd *cobra.Command, account string, o *signOn) (bool, error) {
	path := ask.Account(account, "single-sign-on")
	if o.off {
		return true, ask.Remove(cmd.Context(), a.App, path, "", "no single sign-on for "+account)
	}
	c, err := a.signOnChange(o, cmd.Flags())
	if err != nil || c == (portal.SingleSignOnChange{}) {
		return false, err
	}
	return true, ask.Patch(cmd.Context(), a.App, path, c, writeSignOn)
}

func (a *app) accountSignOn() *cobra.Command {
	return &cobra.Command{
		Use:               "sign-on NAME",
		Short:             "Show an account's single sign-on, and what its provider has to be told",
		Long:              "Show an account's single sign-on, and the address that its provider has to be told. It is set by\ngateway account set --oidc-issuer.",
		Example:           cli.Examples("account sign-on acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Get(cmd.Context(), a.App, ask.Account(args[0], "single-sign-on"), writeSignOn)
		},
	}
}

func writeSignOn(w io.Writer, s portal.SingleSignOn) error {
	t := terminal.NewTable("SINGLE SIGN-ON", s.Issuer)
	t.Row("client id", s.ClientID)
	t.Row("client secret", cli.Yes(s.Secret))
	t.Row("redirect address", s.Redirect)
	t.Row("second factor", map[bool]string{true: "the provider's is enough", false: "asked for here, when the login has one"}[s.TrustMFA])
	t.Row("changed", terminal.Time(s.ChangedAt))
	return cli.WriteTable(w, t)
}
