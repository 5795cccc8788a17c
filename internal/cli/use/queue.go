package use

import (
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/cli/ask"
	"sealgate/internal/command"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

func (a *app) queueCommand() *cobra.Command {
	return command.Group("queue", "Work of the gateway that waits, and that failed", a.queueList(), a.queueJobs(), a.queueRetry())
}

func (a *app) queueList() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "The work that waits or is being done, by kind",
		Example: cli.Examples("queue ls"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask.Get(cmd.Context(), a.App, "/queues", func(w io.Writer, list []portal.Queue) error {
				t := terminal.NewTable("KIND", ">JOBS", ">RUNNING", ">LATER", ">RETRIED", "OLDEST")
				for _, q := range list {
					oldest := ""
					if q.Oldest != nil {
						oldest = terminal.Time(*q.Oldest)
					}
					t.Row(q.Kind, a.Locale.Count(q.Jobs), a.Locale.Count(q.Running), a.Locale.Count(q.Later), a.Locale.Count(q.Retried), oldest)
				}
				return cli.WriteTable(w, t)
			})
		},
	}
}

func (a *app) queueJobs() *cobra.Command {
	return &cobra.Command{
		Use:     "jobs KIND",
		Short:   "The work of a kind that failed and waits for its next attempt",
		Example: cli.Examples("queue jobs index"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Get(cmd.Context(), a.App, "/queues/"+url.PathEscape(args[0])+"/jobs", func(w io.Writer, list []portal.Job) error {
				t := terminal.NewTable("ACCOUNT", "FILE", ">TRIES", "ERROR", "NEXT")
				for _, j := range list {
					t.Row(j.Account, j.File, a.Locale.Count(j.Tries), j.Error, terminal.Time(j.Next))
				}
				return cli.WriteTable(w, t)
			})
		},
	}
}

func (a *app) queueRetry() *cobra.Command {
	return &cobra.Command{
		Use:     "retry KIND",
		Short:   "Try again now what failed and waits",
		Long:    "Try again now what failed and waits for its next attempt; it would be tried later by itself. The\naudit log says that it was asked for.",
		Example: cli.Examples("queue retry index"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Post(cmd.Context(), a.App, "/queues/"+url.PathEscape(args[0])+"/retry", nil, func(w io.Writer, v portal.Retried) error {
				_, err := fmt.Fprintf(w, "%s of %s tried again now\n", a.Locale.Count(v.Jobs), terminal.Clean(args[0]))
				return err
			})
		},
	}
}
