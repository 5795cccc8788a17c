package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/command"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/portal"
	"sealgate/internal/portal/client"
	"sealgate/internal/portal/health"
	"sealgate/internal/terminal"
)

func (a *app) keysCommand() *cobra.Command {
	return command.Group("keys", "The key store and its master key", a.keysShow(), a.keysBackup(), a.keysRestore(), a.keysRotate())
}

// either asks the running gateway, and works on the stores themselves when none
// answers.
func (a *app) either(ctx context.Context, running func(*client.Client) error, still func(*stores) error) error {
	c, err := a.Gateway()
	if err != nil {
		return err
	}
	if err := running(c); !errors.Is(err, client.ErrNoAnswer) {
		return err
	}
	return a.stopped(ctx, still)
}

func (a *app) keysShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "Show what is in the key store, no secret",
		Example: cli.Examples("keys show"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var shown portal.KeyStore
			err := a.either(
				cmd.Context(),
				func(c *client.Client) error { return c.Get(cmd.Context(), "/keys", nil, &shown) },
				func(s *stores) error {
					k, err := health.KeyStore(s.keys)
					if err == nil {
						shown = *k
					}
					return err
				},
			)
			if err != nil {
				return err
			}
			return a.Print(shown, func(w io.Writer) error { return writeKeyStore(w, shown) })
		},
	}
}

func writeKeyStore(w io.Writer, k portal.KeyStore) error {
	t := terminal.NewTable("KEY STORE", k.Dir)
	t.Row("master key", k.Master)
	t.Row("generation", fmt.Sprint(k.Generation))
	t.Row("identity", k.Signs)
	for _, h := range k.HostKeys {
		t.Row("host key", h.Fingerprint+" "+h.Type)
	}
	t.Row("accounts", fmt.Sprint(k.Accounts))
	t.Row("copy", copyOf(k))
	for _, i := range k.IngestKeys {
		t.Row("ingest key", i.Day+" "+i.Fingerprint)
	}
	return cli.WriteTable(w, t)
}

// copyOf says where the copy of the keys is, and what is wrong with it.
func copyOf(k portal.KeyStore) string {
	switch {
	case k.CopyProblem != "":
		return "warning: " + k.CopyProblem
	case k.Copy == nil:
		return "none was ever made"
	}
	return *k.Copy
}

func (a *app) keysBackup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Write the key store to a file",
		Long: "Write the key store, wrapped by its master key, to a file of mode 0600, replacing an earlier\n" +
			"copy. Ingest keys and the master key are not in it. Keep it apart from data backups. The place is\n" +
			"remembered: when it can be reached, a key that is made later is added to this copy, one that is\n" +
			"removed is taken out of it, and a new master key is followed; doctor says when it could not be.\n" +
			"A copy that holds keys which this key store does not have is not overwritten. Works on a running\n" +
			"and on a stopped gateway.",
		Example: cli.Examples("keys backup /media/safe/sealgate-keys.json"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			dir, err := a.DataDir()
			if err != nil {
				return err
			}
			if within(file, dir) {
				return command.Usage(fmt.Errorf("%s is inside the data directory; keep a copy of keys elsewhere", args[0]))
			}
			if err := replaceable(file); err != nil {
				return err
			}
			var before portal.KeyStore
			err = a.either(
				cmd.Context(),
				func(c *client.Client) error {
					if err := c.Get(cmd.Context(), "/keys", nil, &before); err != nil {
						return err
					}
					return c.Post(cmd.Context(), "/keys/backup", map[string]string{"file": file}, nil)
				},
				func(s *stores) error {
					k, err := health.KeyStore(s.keys)
					if err != nil {
						return err
					}
					before = *k
					return s.keys.Backup(file)
				},
			)
			if err != nil {
				return err
			}
			if before.Copy != nil && *before.Copy != file {
				a.Say("The copy at %s is not kept up to date from now on; a key that is destroyed stays in it. Destroy it.", *before.Copy)
			}
			return a.Done("wrote " + file)
		},
	}
}

// replaceable refuses a file that is something else than an earlier copy: a copy is
// written in the place of what is there, which is overwritten.
func replaceable(file string) error {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		dir := filepath.Dir(file)
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) { // a disk that is not mounted is told, not filled
			return fault.New(fault.NotFound, "keys: backup", "there is no directory %s", dir)
		}
		return nil
	}
	if err != nil {
		return command.Local(file, err)
	}
	defer f.Close()
	head := make([]byte, 256)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return command.Local(file, err)
	}
	if n > 0 && !bytes.Contains(head[:n], []byte("key bundle")) {
		return fault.New(fault.Exists, "keys: backup", "%s is there, and is no copy of a key store; nothing was overwritten", file)
	}
	return nil
}

func within(file, dir string) bool {
	rel, err := filepath.Rel(dir, file)
	return err == nil && filepath.IsLocal(rel)
}

func (a *app) keysRestore() *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a key store out of a copy (offline)",
		Long: "Make the key store of --data DIR out of a copy that keys backup wrote. The master key must be\n" +
			"where the configuration says; everything is opened once before anything is written. The new key\n" +
			"store never writes to that copy, which may be the one of a gateway in use: make another with\n" +
			"keys backup.",
		Example: cli.Examples("keys restore /media/safe/sealgate-keys.json --data /var/lib/sealgate"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.settings("", nil)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
				return command.Local(cfg.Data, err)
			}
			lock, err := durable.LockDir(cfg.Data)
			if err != nil {
				return err
			}
			defer lock.Unlock() //nolint:errcheck // the end of the process unlocks, too
			defer a.forget()
			store, err := keys.Restore(cmd.Context(), args[0], a.keyDir(cfg), a.master(cfg.Keys.Master), keys.Options{})
			if err != nil {
				return command.Local(args[0], err)
			}
			store.Close()
			return a.Done("restored " + a.keyDir(cfg) + "; it has no copy of its own yet: make one with keys backup, at another place")
		},
	}
}
