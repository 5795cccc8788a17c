package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"sealgate/internal/backup"
	"sealgate/internal/portal"
	"sealgate/internal/portal/api"
	"sealgate/internal/portal/client"
	"sealgate/internal/terminal"
)

func (a *app) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup DIR",
		Short: "Write a backup of the data, without keys",
		Long: "Write bodies, account databases and catalog to a directory, replacing an earlier backup\n" +
			"there. It holds no key: see gateway keys backup, and keep the two apart. Works on a running\n" +
			"and on a stopped gateway.",
		Example: examples("backup /media/backup/sealgate"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			err = a.either(
				cmd.Context(),
				func(c *client.Client) error {
					return c.Post(cmd.Context(), "/backup", map[string]string{"dir": dir}, nil)
				},
				func(s *stores) error {
					progress, done := terminal.Meter(a.err, "copying")
					defer done()
					return s.backup(cmd.Context(), dir, a.now, progress)
				},
			)
			if err != nil {
				return err
			}
			m, err := backup.Read(dir)
			if err != nil {
				return err
			}
			return a.print(m, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "wrote %s: %s sealed files, %s account databases, no key\n", dir, a.locale.Count(int64(m.Bodies)), a.locale.Count(int64(m.Accounts)))
				return err
			})
		},
	}
}

// backup writes a backup of these stores.
func (s *stores) backup(ctx context.Context, dir string, now func() time.Time, progress backup.Progress) error {
	_, err := backup.Make(ctx, backup.Sources{
		Data: s.cfg.Data, Gateway: s.node, Version: version,
		Catalog: s.catalog, Accounts: s.databases, Vault: s.vault, Now: now,
	}, dir, progress)
	return err
}

func (a *app) restoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "restore DIR",
		Short: "Make a data directory out of a backup (offline)",
		Long: "Make the data directory of --data NEW out of a backup. The keys come back with gateway keys\n" +
			"restore, before or after. Files that were not indexed when the backup was made are opened by\n" +
			"certificate and access key; those that can no longer be read are marked as lost.",
		Example: examples("restore /media/backup/sealgate --data /var/lib/sealgate"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := a.dataDir()
			if err != nil {
				return err
			}
			m, err := backup.Restore(cmd.Context(), args[0], dir, nil)
			if err != nil {
				return err
			}
			return a.print(m, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "restored %s as of %s: %s sealed files, %s account databases\n", dir, terminal.Time(m.MadeAt), a.locale.Count(int64(m.Bodies)), a.locale.Count(int64(m.Accounts)))
				return err
			})
		},
	}
}

func (a *app) auditVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Prove that nobody changed the audit log",
		Long: "Compute the audit log's Merkle tree again and compare it with every signed tree head. Exit\n" +
			"code 6: something was changed. Works on a running and on a stopped gateway.",
		Example: examples("audit verify"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := new(portal.AuditReport)
			err := a.either(
				cmd.Context(),
				func(c *client.Client) error { return c.Get(cmd.Context(), "/audit/verify", nil, r) },
				func(s *stores) (err error) {
					r, err = api.VerifyAudit(cmd.Context(), s.catalog, s.keys)
					return err
				},
			)
			if err != nil {
				return err
			}
			return a.print(r, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "whole: %s entries, %s signed heads, root %s\n", a.locale.Count(r.Entries), a.locale.Count(int64(r.Heads)), r.Root)
				return err
			})
		},
	}
}
