// Package remotes holds the commands about customers' own servers. They are clients of
// the JSON API and know no rule of their own.
package remotes

import (
	"fmt"
	"io"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/cli/ask"
	"sealgate/internal/command"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

// app is one run of the program; the commands of this package are its methods.
type app struct{ *cli.App }

// Command is remote.
func Command(c *cli.App) *cobra.Command {
	a := &app{c}
	return command.Group("remote", "Customers' own servers that files are fetched from and left on",
		a.add(), a.set(), a.list(), a.show(), a.test(), a.run(), a.runs(), a.files(), a.sendAgain(), a.delivered(), a.remove())
}

const words = "URL: sftp://USER@HOST[:PORT]/FOLDER, ftps:// (TLS at once) or ftpes:// (TLS by AUTH TLS). The folder\n" +
	"is absolute; /~/ in front makes it relative to where the sign-in leads. A password does not belong in\n" +
	"it: it is read from standard input, kept in the key store, and never shown. An SFTP server is visited\n" +
	"when its host key was confirmed: `remote test` shows the fingerprint, somebody compares it with who\n" +
	"runs the server, and `remote set --host-key` confirms it. Networks that are not public must be allowed\n" +
	"by who runs the gateway (remotes.allow)."

func (a *app) add() *cobra.Command {
	var in portal.NewRemote
	var f *flags
	cmd := &cobra.Command{
		Use:   "add ACCOUNT NAME URL --direction pull|push",
		Short: "Fetch files from a server of the customer, or leave those of the outbox there",
		Long:  "Fetch files from a server of the customer (pull), or leave those of the outbox there (push).\n" + words,
		Example: cli.Examples("remote add acme bank sftp://payments@bank.example.com/out --direction pull --every 5m --include '*.xml' --password-stdin < password",
			"remote add acme erp sftp://sealgate@erp.acme.example/~/answers --direction push --ssh-key id_ed25519 --host-key SHA256:…",
			"remote add acme night ftpes://u@ftp.acme.example/in --direction pull --cron '30 2 * * *' --after move:done --expect 'bankdays by 08:00' --password-stdin < password"),
		Args:              cobra.ExactArgs(3),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			if in.Direction != "pull" && in.Direction != "push" {
				return command.Usage(fmt.Errorf("say which way files go: --direction pull (fetched from the server) or push (left on it)"))
			}
			in.Name, in.URL = args[1], &args[2]
			if err := f.change(cmd, &in.RemoteChange); err != nil {
				return err
			}
			return ask.Post(cmd.Context(), a.App, ask.Account(args[0], "remotes"), in, writeRemote(args[0]))
		},
	}
	cmd.Flags().StringVar(&in.Direction, "direction", "", "pull or push")
	f = a.flags(cmd)
	return cmd
}

func (a *app) set() *cobra.Command {
	var in portal.RemoteChange
	var f *flags
	var address string
	cmd := &cobra.Command{
		Use:   "set ACCOUNT NAME",
		Short: "Change a remote, confirm its server, switch it on or off",
		Long: "Change a remote: what is not named stays. Lists replace those before. When scheme, host, port or\n" +
			"user of the URL change, password, key and what was confirmed are forgotten unless they are given anew.\n" + words,
		Example: cli.Examples("remote set acme bank --host-key SHA256:…", "remote set acme bank --every 1m --include '*.xml' --include '*.txt'",
			"remote set acme bank --password-stdin < password", "remote set acme bank --off"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("url") {
				in.URL = &address
			}
			if err := f.change(cmd, &in); err != nil {
				return err
			}
			return ask.Patch(cmd.Context(), a.App, ask.Account(args[0], "remotes", args[1]), in, writeRemote(args[0]))
		},
	}
	cmd.Flags().StringVar(&address, "url", "", "another address")
	f = a.flags(cmd)
	return cmd
}

func (a *app) list() *cobra.Command {
	return &cobra.Command{
		Use:               "ls ACCOUNT",
		Short:             "List an account's remotes and how they do",
		Example:           cli.Examples("remote ls acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Get(cmd.Context(), a.App, ask.Account(args[0], "remotes"), func(w io.Writer, list []portal.Remote) error {
				t := terminal.NewTable("NAME", "DIRECTION", "STATE", "URL", "LAST FILE", "LAST OK", "NEXT RUN", "PROBLEM")
				for _, r := range list {
					t.Row(r.Name, r.Direction, state(r), urlOf(r), cli.Moment(r.LastFile), cli.Moment(r.LastOK), cli.Moment(r.NextRun), trouble(r))
				}
				return cli.WriteTable(w, t)
			})
		},
	}
}

func (a *app) show() *cobra.Command {
	return &cobra.Command{
		Use:               "show ACCOUNT NAME",
		Short:             "Show what a remote is set to, but for its secrets, and how it does",
		Example:           cli.Examples("remote show acme bank", "remote show acme bank --json"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Get(cmd.Context(), a.App, ask.Account(args[0], "remotes", args[1]), writeRemote(args[0]))
		},
	}
}

func (a *app) test() *cobra.Command {
	return &cobra.Command{
		Use:   "test ACCOUNT NAME",
		Short: "Sign in on the server and say, step by step, what was seen",
		Long: "Sign in on the server, look into the folder and, where files are left, write and remove a small\n" +
			"file. Nothing is fetched, and nothing is confirmed: the fingerprint that the server shows is printed,\n" +
			"to be compared with who runs it. Exit code 1: a step failed.",
		Example:           cli.Examples("remote test acme bank"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.Gateway()
			if err != nil {
				return err
			}
			var report portal.RemoteTest
			if err := c.Post(cmd.Context(), ask.Account(args[0], "remotes", args[1], "test"), struct{}{}, &report); err != nil {
				return err
			}
			if err := a.Print(report, func(w io.Writer) error { return writeTest(w, args, report) }); err != nil {
				return err
			}
			if !report.OK {
				last := report.Steps[len(report.Steps)-1]
				return command.Exit(command.ExitFailed, "remote-failed", "%s: %s", last.Name, last.Message)
			}
			return nil
		},
	}
}

func writeTest(w io.Writer, args []string, report portal.RemoteTest) error {
	t := terminal.NewTable("STEP", "", "WHAT WAS SEEN")
	for _, s := range report.Steps {
		ok := "ok"
		if !s.OK {
			ok = "failed"
		}
		t.Row(s.Name, ok, s.Message)
	}
	if err := cli.WriteTable(w, t); err != nil || report.Confirm == nil {
		return err
	}
	flag := "--host-key"
	if report.Confirm.What != "host key" {
		flag = "--certificate-pin"
	}
	for _, fp := range report.Confirm.Fingerprints {
		if _, err := fmt.Fprintf(w, "if this is the server's: gateway remote set %s %s %s %s\n", args[0], args[1], flag, terminal.Clean(fp)); err != nil {
			return err
		}
	}
	return nil
}

// waitStep is how long one question waits for the end of a run, in seconds.
const waitStep = "30"

func (a *app) run() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use:   "run ACCOUNT NAME",
		Short: "Visit the server now, whether the remote is on or off",
		Long: "Visit the server now, whether the remote is on or off. A visit by hand goes on until the files that\n" +
			"it saw are still, if that is near. With --wait the command ends when the run has; exit code 1: it failed.",
		Example:           cli.Examples("remote run acme bank --wait", "remote run acme bank --wait --json"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.Gateway()
			if err != nil {
				return err
			}
			at := ask.Account(args[0], "remotes", args[1])
			var run portal.RemoteRun
			if err := c.Post(cmd.Context(), at+"/run", struct{}{}, &run); err != nil {
				return err
			}
			for wait && run.EndedAt == nil {
				id := url.PathEscape(run.ID)
				run = portal.RemoteRun{}
				if err := c.Get(cmd.Context(), at+"/runs/"+id, url.Values{"wait": {waitStep}}, &run); err != nil {
					return err
				}
			}
			if err := a.Print(run, func(w io.Writer) error { return writeRuns(w, []portal.RemoteRun{run}) }); err != nil {
				return err
			}
			if wait && run.Outcome != "ok" {
				return command.Exit(command.ExitFailed, "remote-failed", "the run %s: %s", outcome(run), reason(run))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "until the run has ended")
	return cmd
}

func (a *app) runs() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:               "runs ACCOUNT NAME",
		Short:             "List a remote's runs, the newest first, but for those that found nothing to do",
		Example:           cli.Examples("remote runs acme bank"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Get(cmd.Context(), a.App, ask.Account(args[0], "remotes", args[1], "runs")+"?limit="+strconv.Itoa(limit), writeRuns)
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 100, "how many, 1000 at most")
	return cmd
}

const unknown = "When the connection broke just as a file was given its name, and the file is not there any more, nobody\n" +
	"here knows whether it has arrived: it waits. Ask who runs the server. Has it arrived, say so with\n" +
	"`remote delivered`; has it not, have it sent once more with `remote send-again`. FILE is its id:\n" +
	"`remote files` lists them."

func (a *app) files() *cobra.Command {
	return &cobra.Command{
		Use:               "files ACCOUNT NAME",
		Short:             "List files of the outbox that it was tried in vain to leave there, and why",
		Example:           cli.Examples("remote files acme erp"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Get(cmd.Context(), a.App, ask.Account(args[0], "remotes", args[1], "files"), writeFiles)
		},
	}
}

func (a *app) sendAgain() *cobra.Command {
	return a.decide("send-again", "Send a file of the outbox anew of which it is not known whether it was left there", "it is sent again to ",
		unknown+" Of one that waits for its next try, the next try is now.")
}

func (a *app) delivered() *cobra.Command {
	return a.decide("delivered", "Say that a file has arrived of which it is not known here whether it was left there", "on record as delivered to ",
		unknown+" It is on record who said so.")
}

func (a *app) decide(act, short, done, long string) *cobra.Command {
	return &cobra.Command{
		Use:               act + " ACCOUNT NAME FILE",
		Short:             short,
		Long:              short + ".\n" + long,
		Example:           cli.Examples("remote " + act + " acme erp 0197c2f0-..."),
		Args:              cobra.ExactArgs(3),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.Gateway()
			if err != nil {
				return err
			}
			if err := c.Post(cmd.Context(), ask.Account(args[0], "remotes", args[1], "files", args[2], act), struct{}{}, nil); err != nil {
				return err
			}
			return a.Done(done + args[1])
		},
	}
}

func (a *app) remove() *cobra.Command {
	return &cobra.Command{
		Use:               "rm ACCOUNT NAME",
		Short:             "End a remote and forget what is known of it; files that were fetched stay",
		Example:           cli.Examples("remote rm acme bank"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Remove(cmd.Context(), a.App, ask.Account(args[0], "remotes", args[1]), "", "removed "+args[1])
		},
	}
}
