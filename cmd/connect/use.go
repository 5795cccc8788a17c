package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sealgate/internal/agent"
	"sealgate/internal/agent/console"
	"sealgate/internal/agent/control"
	"sealgate/internal/agent/home"
	"sealgate/internal/agent/journal"
	"sealgate/internal/agent/send"
	"sealgate/internal/agent/status"
	"sealgate/internal/command"
	"sealgate/internal/connect"
	"sealgate/internal/fault"
	"sealgate/internal/logging"
	"sealgate/internal/statement"
	"sealgate/internal/terminal"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "What waits, what is wrong, what was sent",
		Long:    "status asks the running agent, or says what the journal knows of one that is stopped.",
		Example: console.Examples("status", "status --json"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := a.Home()
			if err != nil {
				return err
			}
			s, err := control.Dial(h.Socket()).Status(cmd.Context())
			if errors.Is(err, control.ErrStopped) {
				s, err = stopped(cmd.Context(), h)
			}
			if err != nil {
				return err
			}
			return a.Print(s, s.Write)
		},
	}
}

// stopped is what is known of an agent that is not running.
func stopped(ctx context.Context, h home.Home) (*status.Status, error) {
	e, err := h.Enrolled()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(h.Journal()); errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "status", "Connect is not running, and has not run here yet; start it with: connect service start (once before: connect service install)")
	}
	j, err := journal.Look(ctx, h.Journal())
	if err != nil {
		return nil, err
	}
	defer j.Close()
	return status.Of(ctx, e, statement.Fingerprint(e.Identity), j)
}

func (a *app) sendCommand() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use:   "send FILE...",
		Short: "Send files that lie anywhere, and leave them where they are",
		Long: "send hands the files to the running agent, which sends them like those of its folders; without\none it sends them itself. With --wait it returns when their receipts are here.\n" +
			"The same file (path, size, time and content) is sent once, however often it is named.",
		Example: console.Examples("send lon-2026-11.xml", "send --wait pay/*.xml"),
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.send(cmd.Context(), args, wait) },
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "return when every file was received")
	return cmd
}

func (a *app) send(ctx context.Context, names []string, wait bool) error {
	var paths []string
	for _, n := range names {
		abs, err := filepath.Abs(n)
		if err != nil {
			return fault.Wrap(fault.Internal, "send", err)
		}
		paths = append(paths, abs)
	}
	if _, err := agent.Sources(paths); err != nil { // said before anything is sent
		return err
	}
	h, err := a.Home()
	if err != nil {
		return err
	}
	running := control.Dial(h.Socket())
	err = running.Send(ctx, paths)
	if errors.Is(err, control.ErrStopped) {
		return a.sendHere(ctx, paths, wait)
	}
	if err != nil {
		return err
	}
	if !wait {
		return a.Print(struct{}{}, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%d files are handed to the running Connect; see connect status.\n", len(paths))
			return err
		})
	}
	var sent []status.File
	for _, p := range paths {
		f, err := a.settled(ctx, running, p)
		if err != nil {
			return err
		}
		sent = append(sent, f)
	}
	return a.sent(sent)
}

// settled waits until the running agent has a receipt of a file, and says what it waits
// for. What only a person can mend is not waited for.
func (a *app) settled(ctx context.Context, running *control.Client, path string) (status.File, error) {
	told := ""
	tell := func(why string) {
		if why != "" && why != told {
			fmt.Fprintln(a.Err, terminal.Clean(why))
			told = why
		}
	}
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		f, err := running.File(ctx, path)
		if err != nil {
			return f, err
		}
		switch f.State {
		case journal.Done, journal.Received:
			return f, nil
		case journal.Gone, journal.Lost:
			return f, command.Exit(command.ExitFailed, "changed", "%s was not sent: %s", path, f.Why)
		}
		if f.Code == send.CodeUnreadable || f.Code == string(connect.Damaged) {
			return f, command.Exit(command.ExitFailed, f.Code, "%s is not sent: %s", path, f.Why)
		}
		if n%40 == 0 { // each second: it costs the agent more than the file alone
			if s, err := running.Status(ctx); err == nil && s.Hold != nil {
				tell("Nothing is sent: " + s.Hold.Sentence)
			} else {
				tell(f.Why)
			}
		}
		select {
		case <-ctx.Done():
			return f, ctx.Err()
		case <-tick.C:
		}
	}
}

func (a *app) sendHere(ctx context.Context, paths []string, wait bool) error {
	h, err := a.Home()
	if err != nil {
		return err
	}
	if err := notAsRoot(h); err != nil {
		return err
	}
	o, err := a.options(logging.New(a.Err, "error", false))
	if err != nil {
		return err
	}
	work, err := agent.Open(ctx, o)
	if err != nil {
		return err
	}
	defer work.Close()
	sent, err := work.SendNow(ctx, paths, wait)
	if err != nil {
		return answered(err)
	}
	return a.sent(sent)
}

func (a *app) sent(files []status.File) error {
	return a.Print(files, func(w io.Writer) error {
		t := terminal.NewTable("FILE", "ID", ">SIZE", "STATE")
		for _, f := range files {
			t.Row(f.Path, f.File.String(), terminal.Size(f.Size), string(f.State))
		}
		_, err := t.WriteTo(w)
		return err
	})
}

func (a *app) fetchCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "fetch",
		Short:   "Bring home now what waits for the account",
		Long:    "fetch writes what waits in the outbox to the folder that connect.yaml names (outbox: FOLDER), each\nfile verified and complete before it has its name. A running Connect does this by itself.",
		Example: console.Examples("fetch", "fetch --json"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := a.fetch(cmd.Context())
			if err != nil {
				return answered(err)
			}
			err = a.Print(f, func(w io.Writer) error {
				t := terminal.NewTable("FILE", "ID", "STATE", "WHY")
				for _, one := range append(f.Files, f.Failed...) {
					t.Row(one.Path, one.File.String(), string(one.State), one.Why)
				}
				_, err := t.WriteTo(w)
				return err
			})
			if err == nil && len(f.Failed) > 0 {
				err = command.Exit(command.ExitFailed, "not-fetched", "%d files were not fetched: %s", len(f.Failed), strings.TrimSuffix(f.Failed[0].Why, "."))
			}
			return err
		},
	}
}

func (a *app) fetch(ctx context.Context) (*status.Fetch, error) {
	h, err := a.Home()
	if err != nil {
		return nil, err
	}
	f, err := control.Dial(h.Socket()).Fetch(ctx)
	if !errors.Is(err, control.ErrStopped) {
		return f, err
	}
	if err := notAsRoot(h); err != nil {
		return nil, err
	}
	o, err := a.options(logging.New(a.Err, "error", false))
	if err != nil {
		return nil, err
	}
	work, err := agent.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer work.Close()
	return work.Fetch(ctx)
}
