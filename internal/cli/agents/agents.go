// Package agents holds the commands about Connects at customers' premises. They are
// clients of the JSON API and know no rule of their own.
package agents

import (
	"cmp"
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

// app is one run of the program; the commands of this package are its methods.
type app struct{ *cli.App }

// Command is agent.
func Command(c *cli.App) *cobra.Command {
	a := &app{c}
	return command.Group("agent", "Connect at the customer's premises: invite, watch, revoke", a.invite(), a.list(), a.set(), a.remove())
}

func (a *app) invite() *cobra.Command {
	var in portal.NewAgent
	cmd := &cobra.Command{
		Use:     "invite ACCOUNT NAME",
		Aliases: []string{"add"},
		Short:   "Invite an agent: prints the code that it enrols with, once",
		Long: "Invite an agent. Its code is shown this once and lets one Connect enrol, within its time. In it\n" +
			"stands whom the agent believes, so that nobody on the way takes the gateway's place. NAME says\n" +
			"which agent it is, such as the name of its machine. An invitation of the same name that nobody\n" +
			"has used is over.",
		Example:           cli.Examples("agent invite acme erp-server", "agent invite acme erp-server --for 2h --may send", "agent invite acme erp-server --json"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Name = args[1]
			return ask.Post(cmd.Context(), a.App, ask.Account(args[0], "agents"), in, writeInvited)
		},
	}
	cmd.Flags().Var(&in.For, "for", "how long the code is good, 14d at most (default 24h)")
	cmd.Flags().StringSliceVar(&in.May, "may", nil, rights+" (default send,fetch)")
	cmd.Flags().Var(&in.AlarmAfter, "alarm-after", silence+" (default 24h)")
	command.NoDefault(cmd.Flags(), "for", "alarm-after")
	return cmd
}

const (
	rights  = "send (files into the gateway), fetch (those of the outbox), open (kept files, with an access key)"
	silence = "when it has said nothing for so long, that is an alarm"
)

func writeInvited(w io.Writer, i portal.AgentInvited) error {
	hint := ""
	if i.Gateway == "" {
		hint = "(this gateway does not know its own address: set https.url in gateway.yaml, or\nSEALGATE_HTTPS_URL, and start it anew; then it stands here)\n"
	}
	_, err := fmt.Fprintf(w, "code     %s\nexpires  %s\nmay      %s\n(shown this once)\n\non the customer's machine:\nconnect enroll --gateway %s --code %s\n%s",
		i.Code, cli.Moment(i.Until), strings.Join(i.May, ","), cmp.Or(i.Gateway, "https://ADDRESS-OF-THIS-GATEWAY"), i.Code, hint)
	return err
}

// listed is an agent with its account.
type listed struct {
	Account string `json:"account"`
	portal.Agent
}

func (a *app) list() *cobra.Command {
	var revoked bool
	cmd := &cobra.Command{
		Use:               "ls [ACCOUNT]",
		Short:             "List agents and how they do; of all accounts when none is named",
		Example:           cli.Examples("agent ls acme", "agent ls"),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, names []string) error {
			c, err := a.Gateway()
			if err != nil {
				return err
			}
			if len(names) == 0 {
				var accounts []portal.Account
				if err := c.Get(cmd.Context(), "/accounts", nil, &accounts); err != nil {
					return err
				}
				for _, acct := range accounts {
					names = append(names, acct.Name)
				}
			}
			all := []listed{}
			for _, name := range names {
				var list []portal.Agent
				query := url.Values{"revoked": {strconv.FormatBool(revoked)}}
				if err := c.Get(cmd.Context(), ask.Account(name, "agents"), query, &list); err != nil {
					return err
				}
				for _, agent := range list {
					all = append(all, listed{name, agent})
				}
			}
			return a.Print(all, func(w io.Writer) error { return writeAgents(w, all) })
		},
	}
	cmd.Flags().BoolVar(&revoked, "revoked", false, "those that were revoked, too")
	return cmd
}

func writeAgents(w io.Writer, list []listed) error {
	t := terminal.NewTable("ACCOUNT", "NAME", "STATE", "MAY", "LAST SEEN", "VERSION", "WAITING", "FAILED", "PROBLEM")
	for _, a := range list {
		name := "(unreadable)"
		if a.Name != nil {
			name = *a.Name
		}
		t.Row(a.Account, name, a.State, strings.Join(a.May, ","), cli.Moment(a.LastSeen), a.Version, strconv.FormatInt(a.Waiting, 10),
			strconv.FormatInt(a.Failed, 10), problem(a.Agent))
	}
	return cli.WriteTable(w, t)
}

func problem(a portal.Agent) string {
	switch {
	case a.State == "expired" && a.Until != nil:
		return "nobody has used its code, good until " + terminal.Time(*a.Until)
	case a.State != "active":
		return ""
	case a.Silent:
		return "silent"
	case a.TroubledSince == nil:
		return ""
	}
	var all []string
	add := func(is bool, text string) {
		if is {
			all = append(all, text)
		}
	}
	add(a.Error != "", a.Error)
	add(a.Folders > 0, strconv.FormatInt(a.Folders, 10)+" folders cannot be watched")
	add(a.ClockIsOff(), "clock off by "+strconv.FormatInt(a.ClockOff, 10)+" s")
	add(len(all) == 0, "files cannot be sent")
	return strings.Join(all, ", ") + ", since " + terminal.Time(*a.TroubledSince)
}

func (a *app) set() *cobra.Command {
	var may []string
	var silent portal.Duration
	cmd := &cobra.Command{
		Use:               "set ACCOUNT NAME",
		Short:             "Change what an agent may, and when its silence is an alarm",
		Example:           cli.Examples("agent set acme erp-server --may send,fetch,open", "agent set acme erp-server --alarm-after 2h"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			var in portal.AgentChange
			if cmd.Flags().Changed("may") {
				in.May = &may
			}
			if cmd.Flags().Changed("alarm-after") {
				in.AlarmAfter = &silent
			}
			if in == (portal.AgentChange{}) {
				return command.Usage(fmt.Errorf("say what to change: --may or --alarm-after"))
			}
			return ask.Patch(cmd.Context(), a.App, ask.Account(args[0], "agents", args[1]), in, func(w io.Writer, agent portal.Agent) error {
				return writeAgents(w, []listed{{args[0], agent}})
			})
		},
	}
	cmd.Flags().StringSliceVar(&may, "may", nil, rights+", in place of what it may now")
	cmd.Flags().Var(&silent, "alarm-after", silence)
	command.NoDefault(cmd.Flags(), "alarm-after")
	return cmd
}

func (a *app) remove() *cobra.Command {
	return &cobra.Command{
		Use:   "rm ACCOUNT NAME",
		Short: "Revoke an agent, or withdraw its invitation, at once; or remove one that has expired",
		Long: "Revoke an agent: its next request is refused, and what it has begun to send and not finished goes.\n" +
			"Files that it has sent stay. A new invitation is the only way back.",
		Example:           cli.Examples("agent rm acme erp-server"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Remove(cmd.Context(), a.App, ask.Account(args[0], "agents", args[1]), "", "revoked "+args[1])
		},
	}
}
