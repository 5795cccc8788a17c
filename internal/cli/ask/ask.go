// Package ask carries the questions of commands to the running gateway, and its
// answers to people or, with --json, to programs.
package ask

import (
	"context"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/portal"
)

// Account is the API path of an account, or of something of it.
func Account(name string, below ...string) string {
	path := "/accounts/" + url.PathEscape(name)
	for _, b := range below {
		path += "/" + url.PathEscape(b)
	}
	return path
}

// File is the API path of a file, or of something of it.
func File(id string, below ...string) string {
	return "/files/" + url.PathEscape(id) + strings.Join(append([]string{""}, below...), "/")
}

// Get asks the gateway and prints the answer.
func Get[T any](ctx context.Context, a *cli.App, path string, human func(io.Writer, T) error) error {
	c, err := a.Gateway()
	if err != nil {
		return err
	}
	var v T
	if err := c.Get(ctx, path, nil, &v); err != nil {
		return err
	}
	return a.Print(v, func(w io.Writer) error { return human(w, v) })
}

// Post sends in and prints the answer.
func Post[T any](ctx context.Context, a *cli.App, path string, in any, human func(io.Writer, T) error) error {
	c, err := a.Gateway()
	if err != nil {
		return err
	}
	var v T
	if err := c.Post(ctx, path, in, &v); err != nil {
		return err
	}
	return a.Print(v, func(w io.Writer) error { return human(w, v) })
}

// Patch sends in and prints the answer.
func Patch[T any](ctx context.Context, a *cli.App, path string, in any, human func(io.Writer, T) error) error {
	c, err := a.Gateway()
	if err != nil {
		return err
	}
	var v T
	if err := c.Patch(ctx, path, in, &v); err != nil {
		return err
	}
	return a.Print(v, func(w io.Writer) error { return human(w, v) })
}

// Remove removes what is at path and says so.
func Remove(ctx context.Context, a *cli.App, path, confirm, done string) error {
	c, err := a.Gateway()
	if err != nil {
		return err
	}
	query := url.Values{}
	if confirm != "" {
		query.Set("confirm", confirm)
	}
	if err := c.Delete(ctx, path, query, nil); err != nil {
		return err
	}
	return a.Done(done)
}

// CompleteAccount offers account names to the shell, for the first argument.
func CompleteAccount(a *cli.App) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, stop := context.WithTimeout(cmd.Context(), time.Second)
		defer stop()
		var accounts []portal.Account
		if c, err := a.Gateway(); err != nil || c.Get(ctx, "/accounts", nil, &accounts) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, acct := range accounts {
			names = append(names, acct.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
