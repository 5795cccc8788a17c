package use

import (
	"context"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"sealgate/internal/portal"
)

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

// post sends in and prints the answer.
func post[T any](ctx context.Context, a *app, path string, in any, human func(io.Writer, T) error) error {
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

// patch sends in and prints the answer.
func patch[T any](ctx context.Context, a *app, path string, in any, human func(io.Writer, T) error) error {
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

// remove removes what is at path and says so.
func (a *app) remove(ctx context.Context, path, confirm, done string) error {
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

// completeAccount offers account names to the shell.
func (a *app) completeAccount(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
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
