package notify

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/cli/ask"
	"sealgate/internal/command"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

func (a *app) webhookCommand() *cobra.Command {
	return command.Group("webhook", "Programs that are told of files and alarms", a.webhookAdd(), a.webhookList(), a.webhookTest(),
		a.webhookSet("on"), a.webhookSet("off"), a.webhookSecret(), a.webhookRemove(), a.webhookDeliveries(), a.webhookReplay())
}

// operators is the built-in account that the webhooks of who runs the gateway belong to.
const operators = "system"

// scope is whose webhooks a command is about: the first argument's, or with --operator
// those of who runs the gateway. It returns where they lie and the other arguments.
func scope(operator bool, args []string, others int) (path string, rest []string, err error) {
	switch {
	case operator && len(args) == others:
		return ask.Account(operators, "webhooks"), args, nil
	case !operator && len(args) == others+1:
		return ask.Account(args[0], "webhooks"), args[1:], nil
	}
	return "", nil, command.Usage(errors.New("say whose webhook: ACCOUNT, or --operator for who runs the gateway"))
}

// command is one about a webhook; others is how many arguments follow the account.
func (a *app) command(use, short, long string, examples []string, others int, run func(cmd *cobra.Command, path string, rest []string) error) *cobra.Command {
	var operator bool
	verb, rest, _ := strings.Cut(use, " ")
	cmd := &cobra.Command{
		Use:   strings.TrimSpace(verb+" ACCOUNT "+rest) + " | " + strings.TrimSpace(verb+" --operator "+rest),
		Short: short, Long: long, Example: cli.Examples(examples...),
		Args:              cobra.RangeArgs(others, others+1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, rest, err := scope(operator, args, others)
			if err != nil {
				return err
			}
			return run(cmd, path, rest)
		},
	}
	cmd.Flags().BoolVar(&operator, "operator", false, "of who runs the gateway, not of an account")
	return cmd
}

func (a *app) webhookAdd() *cobra.Command {
	var in portal.NewWebhook
	cmd := a.command("add URL", "Send events to an address; its secret is shown this once",
		"Send events to an address: one signed POST each, tried again for 24 hours. With no --event it is\n"+
			"told of all: file.received, file.indexed, file.held, file.refused, file.kept, file.deleted,\n"+
			"file.delivered, alarm.raised and more (docs/webhooks.md). Addresses that are not public must be\n"+
			"allowed by who runs the gateway (remotes.allow).",
		[]string{"webhook add acme https://erp.example.com/hooks/sealgate", "webhook add acme https://erp.example.com/held --event file.held --event file.refused", "webhook add --operator https://on-call.example.com/sealgate"},
		1, func(cmd *cobra.Command, path string, rest []string) error {
			in.URL = rest[0]
			return ask.Post(cmd.Context(), a.App, path, in, writeMade)
		})
	cmd.Flags().StringArrayVar(&in.Events, "event", nil, "type of event, may be given again; none = all")
	return cmd
}

func writeMade(w io.Writer, m portal.WebhookMade) error {
	_, err := fmt.Fprintf(w, "webhook  %s\nsecret   %s\n(shown this once)\n", m.ID, m.Secret)
	return err
}

func (a *app) webhookList() *cobra.Command {
	return a.command("ls", "List webhooks", "", []string{"webhook ls acme", "webhook ls --operator"}, 0,
		func(cmd *cobra.Command, path string, _ []string) error {
			return ask.Get(cmd.Context(), a.App, path, func(w io.Writer, list []portal.Webhook) error {
				t := terminal.NewTable("ID", "URL", "STATE", "FAILING SINCE", "WAITING", "EVENTS")
				for _, h := range list {
					events := strings.Join(h.Events, " ")
					if events == "" {
						events = "all"
					}
					t.Row(h.ID, cli.OrUnreadable(h.URL), h.State, cli.Moment(h.FailingSince), strconv.FormatInt(h.Waiting, 10), events)
				}
				return cli.WriteTable(w, t)
			})
		})
}

func (a *app) webhookTest() *cobra.Command {
	return a.command("test WEBHOOK", "Send a test event now and say how it went",
		"Send a test event now and say how it went. Exit code 1: it was not taken.",
		[]string{"webhook test acme 0196b2f1-…"}, 1,
		func(cmd *cobra.Command, path string, rest []string) error {
			c, err := a.Gateway()
			if err != nil {
				return err
			}
			var d portal.WebhookDelivery
			if err := c.Post(cmd.Context(), path+"/"+url.PathEscape(rest[0])+"/test", struct{}{}, &d); err != nil {
				return err
			}
			err = a.Print(d, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, outcome(d))
				return err
			})
			if err == nil && d.State != "delivered" {
				err = command.Exit(command.ExitFailed, "not-delivered", "the test event was not taken: %s", outcome(d))
			}
			return err
		})
}

// outcome says how a delivery went.
func outcome(d portal.WebhookDelivery) string {
	text := d.State
	if d.Status != nil {
		text += fmt.Sprintf(", answered %d", *d.Status)
	}
	if d.Error != "" {
		text += ", " + d.Error
	}
	return text
}

func (a *app) webhookSet(state string) *cobra.Command {
	short := "Send to a webhook again, from now on"
	if state == "off" {
		short = "Send a webhook nothing until it is switched on; what waits is dropped"
	}
	return a.command(state+" WEBHOOK", short, "", []string{"webhook " + state + " acme 0196b2f1-…"}, 1,
		func(cmd *cobra.Command, path string, rest []string) error {
			on := state == "on"
			return ask.Patch(cmd.Context(), a.App, path+"/"+url.PathEscape(rest[0]), portal.WebhookChange{Enabled: &on}, func(w io.Writer, h portal.Webhook) error {
				_, err := fmt.Fprintf(w, "%s is %s\n", h.ID, h.State)
				return err
			})
		})
}

func (a *app) webhookSecret() *cobra.Command {
	var now bool
	cmd := a.command("secret WEBHOOK", "A new secret, shown this once; the one before signs, too, for 24 hours", "", []string{"webhook secret acme 0196b2f1-…"}, 1,
		func(cmd *cobra.Command, path string, rest []string) error {
			path += "/" + url.PathEscape(rest[0]) + "/secret"
			if now {
				path += "?now=true"
			}
			return ask.Post(cmd.Context(), a.App, path, struct{}{}, writeMade)
		})
	cmd.Flags().BoolVar(&now, "now", false, "the one before signs no longer: somebody else may know it")
	return cmd
}

func (a *app) webhookRemove() *cobra.Command {
	return a.command("rm WEBHOOK", "End a webhook and forget its deliveries", "", []string{"webhook rm acme 0196b2f1-…"}, 1,
		func(cmd *cobra.Command, path string, rest []string) error {
			return ask.Remove(cmd.Context(), a.App, path+"/"+url.PathEscape(rest[0]), "", "removed "+rest[0])
		})
}

func (a *app) webhookDeliveries() *cobra.Command {
	limit := 0
	cmd := a.command("deliveries WEBHOOK", "What was sent and what waits, newest first", "", []string{"webhook deliveries acme 0196b2f1-…"}, 1,
		func(cmd *cobra.Command, path string, rest []string) error {
			c, err := a.Gateway()
			if err != nil {
				return err
			}
			var page portal.WebhookDeliveries
			if err := c.Get(cmd.Context(), path+"/"+url.PathEscape(rest[0])+"/deliveries", url.Values{"limit": {strconv.Itoa(limit)}}, &page); err != nil {
				return err
			}
			return a.Print(page, func(w io.Writer) error {
				t := terminal.NewTable("DELIVERY", "TYPE", "OBJECT", "EVENT AT", "OUTCOME", "ATTEMPTS", "NEXT TRY")
				for _, d := range page.Deliveries {
					t.Row(d.ID, d.Type, d.Object, terminal.Time(d.EventAt), outcome(d), strconv.FormatInt(d.Attempts, 10), cli.Moment(d.NextAt))
				}
				return cli.WriteTable(w, t)
			})
		})
	cmd.Flags().IntVar(&limit, "limit", 100, "how many, 1000 at most")
	return cmd
}

func (a *app) webhookReplay() *cobra.Command {
	return a.command("replay WEBHOOK DELIVERY", "Send an event once more", "", []string{"webhook replay acme 0196b2f1-… 0196b2f4-…"}, 2,
		func(cmd *cobra.Command, path string, rest []string) error {
			path += "/" + url.PathEscape(rest[0]) + "/deliveries/" + url.PathEscape(rest[1]) + "/replay"
			return ask.Post(cmd.Context(), a.App, path, struct{}{}, func(w io.Writer, d portal.WebhookDelivery) error {
				_, err := fmt.Fprintln(w, "delivery", d.ID)
				return err
			})
		})
}
