package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/client"
	"sealgate/internal/terminal"
)

// gateway is a client of the running gateway.
func (a *app) gateway() (*client.Client, error) {
	dir, err := a.dataDir()
	if err != nil {
		return nil, err
	}
	return client.New(dir), nil
}

// accountPath is the API path of an account, or of something of it.
func accountPath(name string, below ...string) string {
	path := "/accounts/" + url.PathEscape(name)
	for _, b := range below {
		path += "/" + url.PathEscape(b)
	}
	return path
}

// get asks the gateway and prints the answer.
func get[T any](ctx context.Context, a *app, path string, human func(io.Writer, T) error) error {
	c, err := a.gateway()
	if err != nil {
		return err
	}
	var v T
	if err := c.Get(ctx, path, nil, &v); err != nil {
		return err
	}
	return a.print(v, func(w io.Writer) error { return human(w, v) })
}

// post sends in and prints the answer.
func post[T any](ctx context.Context, a *app, path string, in any, human func(io.Writer, T) error) error {
	c, err := a.gateway()
	if err != nil {
		return err
	}
	var v T
	if err := c.Post(ctx, path, in, &v); err != nil {
		return err
	}
	return a.print(v, func(w io.Writer) error { return human(w, v) })
}

// patch sends in and prints the answer.
func patch[T any](ctx context.Context, a *app, path string, in any, human func(io.Writer, T) error) error {
	c, err := a.gateway()
	if err != nil {
		return err
	}
	var v T
	if err := c.Patch(ctx, path, in, &v); err != nil {
		return err
	}
	return a.print(v, func(w io.Writer) error { return human(w, v) })
}

// remove removes what is at path and says so.
func (a *app) remove(ctx context.Context, path, confirm, done string) error {
	c, err := a.gateway()
	if err != nil {
		return err
	}
	query := url.Values{}
	if confirm != "" {
		query.Set("confirm", confirm)
	}
	if err := c.Delete(ctx, path, query); err != nil {
		return err
	}
	return a.done(done)
}

// done tells people that an act without data went well; with --json it is an empty
// object, so that there is always one value.
func (a *app) done(text string) error {
	return a.print(struct{}{}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, terminal.Clean(text))
		return err
	})
}

// confirmed refuses destruction that was not confirmed by name.
func confirmed(got, want, what string) error {
	if got != want {
		return usage(fmt.Errorf("this cannot be undone; to remove %s, add --confirm %s", what, want))
	}
	return nil
}

// completeAccount offers account names to the shell.
func (a *app) completeAccount(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, stop := context.WithTimeout(cmd.Context(), time.Second)
	defer stop()
	var accounts []portal.Account
	if c, err := a.gateway(); err != nil || c.Get(ctx, "/accounts", nil, &accounts) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, acct := range accounts {
		names = append(names, acct.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// readSecret reads a secret from standard input: its first line, or all of it.
func (a *app) readSecret() (string, error) {
	text, err := io.ReadAll(io.LimitReader(a.in, maxKeyFile))
	if err != nil {
		return "", fault.Wrap(fault.Internal, "read secret", err)
	}
	for i, b := range text {
		if b == '\n' || b == '\r' {
			text = text[:i]
			break
		}
	}
	if len(text) == 0 {
		return "", usage(fmt.Errorf("nothing came on standard input"))
	}
	return string(text), nil
}

// readText reads a file named by a flag.
func readText(name string) (string, error) {
	return readKey(name, func(text []byte) (string, error) { return string(text), nil })
}

// moment writes a time that may not have come.
func moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return terminal.Time(*t)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func writeTable(w io.Writer, t *terminal.Table) error {
	_, err := t.WriteTo(w)
	return err
}
