package use

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/cli/ask"
	"sealgate/internal/command"
	"sealgate/internal/fileobject"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

func (a *app) fileCommand() *cobra.Command {
	return command.Group("file", "Files: what came in and what waits to be fetched",
		a.fileList(), a.fileShow(), a.fileGet(), a.fileWait(), a.fileSend(),
		a.fileDecide("release", "Let a held file go on", "What was found stays on record; the file is kept or deleted as the account's policy says."),
		a.fileDecide("reindex", "Index a held or refused file again", "For a file that a newer gateway may read, or whose duplicate was dealt with."),
		a.fileErase())
}

// listing are the flags of file ls.
type listing struct {
	name, state, source, direction, since string
	limit                                 int
}

func (a *app) fileList() *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:   "ls [ACCOUNT]",
		Short: "List files, newest first",
		Long: "List files, newest first. What is still arriving, or waits for its rename, is not a file yet:\n" +
			"it is listed with --state arriving or --state waiting-rename. A rename that is a day overdue\n" +
			"is listed in any case.",
		Example:           cli.Examples("file ls acme", "file ls --state held", "file ls acme --name lon.xml --since 24h --json"),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			query, err := l.query(a.Now())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				query.Set("account", args[0])
			}
			files, err := a.allFiles(cmd.Context(), query, l.limit)
			if err != nil {
				return err
			}
			return a.Print(files, func(w io.Writer) error { return a.writeFiles(w, files) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&l.name, "name", "", "files of exactly this name")
	f.StringVar(&l.state, "state", "", "arriving, waiting-rename, received, locked, held, refused, kept, deleted, erased, waiting or delivered")
	f.StringVar(&l.source, "source", "", "sftp, operator, gateway, ...")
	f.StringVar(&l.direction, "direction", "", "in or out")
	f.StringVar(&l.since, "since", "", "received since: a time (RFC 3339), a day (2026-11-21) or an age (24h, 7d)")
	f.IntVar(&l.limit, "limit", 1000, "show at most so many; 0 = all")
	return cmd
}

func (l listing) query(now time.Time) (url.Values, error) {
	q := url.Values{}
	for key, value := range map[string]string{"name": l.name, "state": l.state, "source": l.source, "direction": l.direction} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if l.since != "" {
		at, err := parseTime(l.since, now)
		if err != nil {
			return nil, command.Usage(err)
		}
		q.Set("since", at.UTC().Format(time.RFC3339Nano))
	}
	if l.limit < 0 {
		return nil, command.Usage(fmt.Errorf("--limit cannot be negative"))
	}
	return q, nil
}

// pageSize is how much is asked for at a time.
const pageSize = 5000

// allFiles asks page by page, for limit files or all.
func (a *app) allFiles(ctx context.Context, query url.Values, limit int) ([]fileobject.Object, error) {
	c, err := a.Gateway()
	if err != nil {
		return nil, err
	}
	files := []fileobject.Object{}
	for {
		size := pageSize
		if limit > 0 {
			size = min(size, limit-len(files))
		}
		query.Set("limit", strconv.Itoa(size))
		var page struct {
			Files []fileobject.Object `json:"files"`
			Next  *string             `json:"next"`
		}
		if err := c.Get(ctx, "/files", query, &page); err != nil {
			return nil, err
		}
		files = append(files, page.Files...)
		if page.Next == nil || (limit > 0 && len(files) >= limit) {
			return files, nil
		}
		query.Set("before", *page.Next)
	}
}

func (a *app) writeFiles(w io.Writer, files []fileobject.Object) error {
	t := terminal.NewTable("ID", "ACCOUNT", "NAME", "STATE", ">SIZE", ">PAYMENTS", "SUMS", "FINDINGS", "RECEIVED")
	for _, o := range files {
		t.Row(o.ID, o.Account, o.Shown(), o.State, terminal.Size(o.Size), a.Locale.Count(o.PaymentCount), a.Sums(o.Sums), codes(o), cli.Moment(o.Received))
	}
	return cli.WriteTable(w, t)
}

func codes(o fileobject.Object) string {
	var list []string
	for _, f := range o.Findings {
		list = append(list, string(f.Code))
	}
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, " ")
}

func (a *app) fileShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Show one file and what was found in it",
		Example: cli.Examples("file show 0197c2f0-..."),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Get(cmd.Context(), a.App, ask.File(args[0]), a.writeFile)
		},
	}
}

func (a *app) writeFile(w io.Writer, o fileobject.Object) error {
	t := terminal.NewTable("FILE", o.ID)
	t.Row("account", o.Account)
	t.Row("name", o.Shown())
	state := o.State
	if o.Reason != nil {
		state += " (" + *o.Reason + ")"
	}
	t.Row("state", state)
	t.Row("direction", o.Direction)
	t.Row("source", o.Source)
	t.Row("size", fmt.Sprintf("%s bytes", a.Locale.Count(o.Size)))
	if o.SHA256 != nil {
		t.Row("SHA-256", *o.SHA256)
	}
	t.Row("received", cli.Moment(o.Received))
	t.Row("indexed", cli.Moment(o.Indexed))
	t.Row("format", cli.Format(o.Format, o.Variant))
	if len(o.MessageIDs) > 0 {
		t.Row("message ids", strings.Join(o.MessageIDs, ", "))
	}
	t.Row("batches", a.Locale.Count(o.BatchCount))
	t.Row("payments", a.Locale.Count(o.PaymentCount))
	t.Row("sums", a.Sums(o.Sums))
	if o.Dates != nil {
		t.Row("execution", o.Dates.First+" to "+o.Dates.Last)
	}
	if err := cli.WriteTable(w, t); err != nil {
		return err
	}
	for _, line := range cli.Findings(o.Shown(), o.Findings) {
		if _, err := fmt.Fprintln(w, terminal.Clean(line)); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) fileSend() *cobra.Command {
	return &cobra.Command{
		Use:     "send ACCOUNT FILE...",
		Short:   "Put files into an account's outbox",
		Example: cli.Examples("file send acme camt053.xml"),
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			sent := []fileobject.Object{}
			for _, name := range args[1:] {
				o, err := a.sendOne(cmd.Context(), args[0], name)
				if err != nil {
					return err
				}
				sent = append(sent, o)
			}
			return a.printFiles(sent)
		},
	}
}

// printFiles prints the files that were named: with --json one object for one of
// them, an array for several.
func (a *app) printFiles(files []fileobject.Object) error {
	if len(files) == 1 && a.JSON {
		return a.PrintJSON(files[0])
	}
	return a.Print(files, func(w io.Writer) error { return a.writeFiles(w, files) })
}

func (a *app) sendOne(ctx context.Context, account, name string) (fileobject.Object, error) {
	var o fileobject.Object
	c, err := a.Gateway()
	if err != nil {
		return o, err
	}
	f, size, err := command.OpenLocal(name)
	if err != nil {
		return o, err
	}
	defer f.Close()
	r, done := terminal.Progress(a.Err, f, size, "sending "+filepath.Base(name))
	defer done()
	err = c.Upload(ctx, ask.Account(account, "outbox"), url.Values{"name": {filepath.Base(name)}}, r, &o)
	return o, err
}

func (a *app) fileDecide(act, short, long string) *cobra.Command {
	return &cobra.Command{
		Use:     act + " ID",
		Short:   short,
		Long:    short + ". " + long,
		Example: cli.Examples("file " + act + " 0197c2f0-..."),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Post(cmd.Context(), a.App, ask.File(args[0], act), nil, a.writeFile)
		},
	}
}

func (a *app) fileErase() *cobra.Command {
	var confirm, out string
	cmd := &cobra.Command{
		Use:   "erase ID",
		Short: "Erase a file's content; its record stays",
		Long: "Erase a file's content for ever. Its record and its payments stay. Without --confirm nothing is\n" +
			"done (exit code 2). A copy in an older backup opens until that backup is gone or one of the\n" +
			"account's two keys is destroyed; the signed statement says so.",
		Example: cli.Examples("file erase 0197c2f0-... --confirm 0197c2f0-...", "file erase 0197c2f0-... --confirm 0197c2f0-... -o erased.statement"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.Gateway()
			if err != nil {
				return err
			}
			if out != "" {
				if err := command.Absent(out); err != nil {
					return err
				}
			}
			var done portal.Erased
			if err := c.Delete(cmd.Context(), ask.File(args[0]), url.Values{"confirm": {confirm}}, &done); err != nil {
				return cli.Unconfirmed(err, confirm, args[0])
			}
			if out != "" {
				if err := command.WriteSecret(out, []byte(done.Text)); err != nil {
					a.Say("%s is erased; its statement could not be written here, but the gateway has it:\n  gateway statement get %s -o FILE", done.ID, done.Statement)
					return err
				}
			}
			return a.Print(done, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "erased %s\n%s\nThe statement stays at the gateway: gateway statement get %s\n", done.ID, terminal.Clean(done.Sentence), done.Statement)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&confirm, "confirm", "", "the file's id, again")
	cmd.Flags().StringVarP(&out, "output", "o", "", "file for the signed statement")
	return cmd
}

func (a *app) outboxCommand() *cobra.Command {
	return command.Group("outbox", "Files that wait for an account", &cobra.Command{
		Use:               "ls ACCOUNT",
		Short:             "List what waits in an account's outbox",
		Example:           cli.Examples("outbox ls acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Get(cmd.Context(), a.App, ask.Account(args[0], "outbox"), a.writeFiles)
		},
	})
}

// parseTime reads a time, a day, or an age counted back from now.
func parseTime(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return t, nil
	}
	if age, err := parseAge(text); err == nil {
		return now.Add(-age), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: give 2026-11-21T08:00:00Z, 2026-11-21, 24h or 7d", text)
}
