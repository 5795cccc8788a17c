package notify

import (
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/cli/ask"
	"sealgate/internal/command"
	"sealgate/internal/notify/alarm"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

func (a *app) alarmCommand() *cobra.Command {
	return command.Group("alarm", "What somebody should see to", a.alarmList(), a.alarmSee(), a.alarmRecipients(), a.alarmMail())
}

func (a *app) alarmList() *cobra.Command {
	var ended bool
	cmd := &cobra.Command{
		Use:               "ls [ACCOUNT]",
		Short:             "List alarms, the newest first",
		Example:           cli.Examples("alarm ls", "alarm ls acme --ended"),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.Gateway()
			if err != nil {
				return err
			}
			query := url.Values{}
			if len(args) > 0 {
				query.Set("account", args[0])
			}
			if ended {
				query.Set("ended", "true")
			}
			var answer struct {
				Alarms []alarm.Alarm `json:"alarms"`
			}
			if err := c.Get(cmd.Context(), "/alarms", query, &answer); err != nil {
				return err
			}
			return a.Print(answer.Alarms, func(w io.Writer) error {
				t := terminal.NewTable("ID", "STATE", "SEVERITY", "ACCOUNT", "SINCE", "WHAT", "WHAT TO DO")
				for _, o := range answer.Alarms {
					account := "(gateway)"
					if o.Account != nil {
						account = *o.Account
					}
					t.Row(o.ID, o.State, o.Severity, account, terminal.Time(o.RaisedAt), o.Message, o.Do)
				}
				return cli.WriteTable(w, t)
			})
		},
	}
	cmd.Flags().BoolVar(&ended, "ended", false, "those that are over, too")
	return cmd
}

func (a *app) alarmSee() *cobra.Command {
	return &cobra.Command{
		Use:     "see ID",
		Short:   "Say that somebody sees to an alarm; it is open again when it grows",
		Example: cli.Examples("alarm see 0196b2f1-…"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Post(cmd.Context(), a.App, "/alarms/"+url.PathEscape(args[0])+"/seen", struct{}{}, func(w io.Writer, o alarm.Alarm) error {
				_, err := fmt.Fprintf(w, "%s: %s\n", o.State, o.Message)
				return err
			})
		},
	}
}

func writeRecipients(w io.Writer, list portal.AlarmRecipients) error {
	t := terminal.NewTable("ADDRESS", "LANGUAGE")
	for _, r := range list.Recipients {
		t.Row(r.Address, r.Language)
	}
	return cli.WriteTable(w, t)
}

func (a *app) alarmRecipients() *cobra.Command {
	return &cobra.Command{
		Use:               "recipients [ACCOUNT]",
		Short:             "Whom alarms are mailed to: an account's, or those of who runs the gateway",
		Example:           cli.Examples("alarm recipients acme", "alarm recipients"),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := operators
			if len(args) > 0 {
				name = args[0]
			}
			return ask.Get(cmd.Context(), a.App, ask.Account(name, "alarm-recipients"), writeRecipients)
		},
	}
}

func (a *app) alarmMail() *cobra.Command {
	var operator bool
	var language string
	cmd := &cobra.Command{
		Use:   "mail ACCOUNT [ADDRESS]... | mail --operator [ADDRESS]...",
		Short: "Say whom alarms are mailed to, in place of those before",
		Long: "Say whom alarms are mailed to, in place of those before; with no address: nobody. Alarms of the\n" +
			"gateway and of all accounts go to its operators, unless others are named with --operator. Letters\n" +
			"hold no payment, no payee and no file's name. They need a mail server (mail.* in the configuration).",
		Example:           cli.Examples("alarm mail acme ekonomi@acme.example --language sv", "alarm mail --operator on-call@example.com", "alarm mail acme"),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		Args:              cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := operators
			if !operator {
				if len(args) == 0 {
					return command.Usage(fmt.Errorf("say whose alarms: ACCOUNT, or --operator for who runs the gateway"))
				}
				name, args = args[0], args[1:]
			}
			in := portal.AlarmRecipients{Recipients: []portal.AlarmRecipient{}}
			for _, address := range args {
				in.Recipients = append(in.Recipients, portal.AlarmRecipient{Address: address, Language: language})
			}
			return ask.Patch(cmd.Context(), a.App, ask.Account(name, "alarm-recipients"), in, writeRecipients)
		},
	}
	cmd.Flags().BoolVar(&operator, "operator", false, "of who runs the gateway, not of an account")
	cmd.Flags().StringVar(&language, "language", "en", "of the letters: en or sv")
	return cmd
}
