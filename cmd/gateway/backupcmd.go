package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"sealgate/internal/backup"
	"sealgate/internal/cli"
	"sealgate/internal/durable"
	"sealgate/internal/portal"
	"sealgate/internal/portal/client"
	"sealgate/internal/portal/health"
	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/catalog/stored"
	"sealgate/internal/store/vault"
	"sealgate/internal/terminal"
)

func (a *app) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup DIR",
		Short: "Write a backup of the data, without keys",
		Long: "Write sealed files, account databases and catalog to a directory. In an earlier backup of the\n" +
			"same gateway only what is new is copied. It holds no key: see gateway keys backup, and keep\n" +
			"the two apart. Works on a running gateway, which goes on meanwhile, and on a stopped one, for\n" +
			"which it needs no key.",
		Example: cli.Examples("backup /media/backup/sealgate", "restore /media/backup/sealgate --check"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			c, err := a.Gateway()
			if err != nil {
				return err
			}
			progress, done := terminal.Meter(a.Err, "copying")
			err = backupRunning(cmd.Context(), c, dir, progress)
			if errors.Is(err, client.ErrNoAnswer) {
				err = a.backupStopped(cmd.Context(), dir, progress)
			}
			done()
			if err != nil {
				return err
			}
			made, err := backup.Read(dir)
			if err != nil {
				return err
			}
			if made.Missing > 0 {
				a.Say("%s sealed files that are on record are not in the vault and so not in the backup.", a.Locale.Count(int64(made.Missing)))
			}
			return a.Print(made, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "wrote %s: %s, no key\n", dir, a.contents(made))
				return err
			})
		},
	}
}

// contents is what a backup holds, in words.
func (a *app) contents(s backup.Summary) string {
	return fmt.Sprintf("%s sealed files, %s account databases, %s", a.Locale.Count(int64(s.Bodies)), a.Locale.Count(int64(s.Accounts)), terminal.Size(s.Bytes))
}

// lookEvery is the time between two looks at how far a running gateway is.
const lookEvery = 300 * time.Millisecond

// backupRunning has the running gateway write a backup, and asks it how far it is
// when somebody wants to know.
func backupRunning(ctx context.Context, c *client.Client, dir string, progress backup.Progress) error {
	answer := make(chan error, 1)
	go func() { answer <- c.Post(ctx, "/backup", map[string]string{"dir": dir}, nil) }()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case err := <-answer:
			return err
		case <-look.C:
			var now portal.BackupProgress
			if progress != nil && c.Get(ctx, "/backup", nil, &now) == nil && now.Running {
				progress(now.Done, now.Total)
			}
		}
	}
}

// backup writes a backup of the stores of a running gateway.
func (s *stores) backup(ctx context.Context, dir string, now func() time.Time, progress backup.Progress) error {
	_, err := backup.Make(ctx, backup.Sources{
		Data: s.cfg.Data, Gateway: s.node, Version: version,
		Catalog: s.catalog, Accounts: s.databases, Vault: s.vault, Now: now,
	}, dir, progress)
	return err
}

// backupStopped copies the files of a gateway that is stopped as they lie there:
// it needs none of its keys, and leaves its schema to the gateway that made it.
func (a *app) backupStopped(ctx context.Context, dir string, progress backup.Progress) error {
	cfg, err := a.settings("", nil)
	if err != nil {
		return err
	}
	lock, err := lockData(cfg.Data)
	if err != nil {
		return err
	}
	defer lock.Unlock() //nolint:errcheck // the end of the process unlocks, too
	cat, err := stored.Open(ctx, filepath.Join(cfg.Data, backup.Catalog))
	if err != nil {
		return err
	}
	defer cat.Close() //nolint:errcheck // nothing was written
	src := backup.Sources{Data: cfg.Data, Version: version, Catalog: cat, Now: a.Now}
	if src.Gateway, err = cat.Setting(ctx, nodeSetting); err != nil {
		return err
	}
	if src.Vault, err = vault.Open(durable.OS, filepath.Join(cfg.Data, backup.Vault)); err != nil {
		return err
	}
	if src.Accounts, err = accountdb.OpenPool(filepath.Join(cfg.Data, backup.Accounts), accountdb.Options{Now: a.Now}); err != nil {
		return err
	}
	_, err = backup.Make(ctx, src, dir, progress)
	return err
}

// restored is the answer of restore.
type restored struct {
	Data string `json:"data"`
	backup.Summary
	Keys bool `json:"keys"` // there is a key store in it
}

func (a *app) restoreCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "restore DIR",
		Short: "Make a data directory out of a backup (offline)",
		Long: "Make the data directory of --data NEW out of a backup. Every byte is compared with its sum on\n" +
			"the way; exit code 6: the backup is damaged or incomplete. Keys come back with gateway keys\n" +
			"restore, before or after. Files that were not indexed when the backup was made are opened by\n" +
			"certificate and access key; those that can no longer be read are marked as lost.\n" +
			"With --check the backup is read and compared, and nothing is restored.",
		Example: cli.Examples("restore /media/backup/sealgate --data /var/lib/sealgate", "restore /media/backup/sealgate --check"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			progress, done := terminal.Meter(a.Err, "reading")
			defer done()
			if check {
				s, err := backup.Verify(cmd.Context(), args[0], true, progress)
				if err != nil {
					return err
				}
				return a.Print(s, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "whole: %s as of %s: %s\n", args[0], terminal.Time(s.MadeAt), a.contents(s))
					return err
				})
			}
			dir, err := a.DataDir()
			if err != nil {
				return err
			}
			r := restored{Data: dir}
			if r.Summary, err = backup.Restore(cmd.Context(), args[0], dir, progress); err != nil {
				return err
			}
			_, err = os.Stat(filepath.Join(dir, backup.Keys, "store.json"))
			r.Keys = err == nil
			done()
			return a.Print(r, func(w io.Writer) error { return a.describeRestored(w, r) })
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "read the backup and compare every byte, restore nothing")
	return cmd
}

func (a *app) describeRestored(w io.Writer, r restored) error {
	next := "It holds no keys yet. Next: gateway keys restore FILE --data " + r.Data + ", then gateway serve"
	if r.Keys {
		next = "Its keys are there. Next: gateway serve"
	}
	_, err := fmt.Fprintf(w, "restored %s as of %s: %s\n%s\n", r.Data, terminal.Time(r.MadeAt), a.contents(r.Summary), next)
	return err
}

func (a *app) auditVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Prove that nobody changed the audit log",
		Long: "Compute the audit log's Merkle tree again and compare it with every signed tree head. Exit\n" +
			"code 6: something was changed. Works on a running and on a stopped gateway.",
		Example: cli.Examples("audit verify"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := new(portal.AuditReport)
			err := a.either(
				cmd.Context(),
				func(c *client.Client) error { return c.Get(cmd.Context(), "/audit/verify", nil, r) },
				func(s *stores) (err error) {
					r, err = health.VerifyAudit(cmd.Context(), s.catalog, s.keys)
					return err
				},
			)
			if err != nil {
				return err
			}
			return a.Print(r, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "whole: %s entries, %s signed heads, root %s\n", a.Locale.Count(r.Entries), a.Locale.Count(int64(r.Heads)), r.Root)
				return err
			})
		},
	}
}
