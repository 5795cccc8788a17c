package use

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/command"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

func (a *app) auditList() *cobra.Command {
	var account, since string
	var limit int
	cmd := &cobra.Command{
		Use:     "ls",
		Short:   "List the audit log, newest first",
		Example: cli.Examples("audit ls --account acme --since 7d"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			if account != "" {
				query.Set("account", account)
			}
			if since != "" {
				at, err := parseTime(since, a.Now())
				if err != nil {
					return command.Usage(err)
				}
				query.Set("since", at.UTC().Format(time.RFC3339Nano))
			}
			if limit < 0 {
				return command.Usage(fmt.Errorf("--limit cannot be negative"))
			}
			entries, err := a.allEntries(cmd.Context(), query, limit)
			if err != nil {
				return err
			}
			return a.Print(entries, func(w io.Writer) error {
				t := terminal.NewTable("TIME", "ACCOUNT", "ACTOR", "ACTION", "OBJECT", "DETAIL")
				for _, e := range entries {
					t.Row(terminal.Time(e.Time), e.Account, e.Actor, e.Action, e.Object, detail(e.Detail))
				}
				return cli.WriteTable(w, t)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&account, "account", "", "of this account only")
	f.StringVar(&since, "since", "", "since: a time (RFC 3339), a day (2026-11-21) or an age (24h, 7d)")
	f.IntVar(&limit, "limit", 1000, "show at most so many; 0 = all")
	return cmd
}

// allEntries asks page by page, for limit entries or all.
func (a *app) allEntries(ctx context.Context, query url.Values, limit int) ([]portal.AuditEntry, error) {
	c, err := a.Gateway()
	if err != nil {
		return nil, err
	}
	entries := []portal.AuditEntry{}
	for {
		size := pageSize
		if limit > 0 {
			size = min(size, limit-len(entries))
		}
		query.Set("limit", strconv.Itoa(size))
		var page struct {
			Entries []portal.AuditEntry `json:"entries"`
			Next    *string             `json:"next"`
		}
		if err := c.Get(ctx, "/audit", query, &page); err != nil {
			return nil, err
		}
		entries = append(entries, page.Entries...)
		if page.Next == nil || (limit > 0 && len(entries) >= limit) {
			return entries, nil
		}
		query.Set("before", *page.Next)
	}
}

func detail(d map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(d)) {
		parts = append(parts, k+"="+d[k])
	}
	return strings.Join(parts, " ")
}
