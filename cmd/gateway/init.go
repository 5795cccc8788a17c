package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sealgate/internal/backup"
	"sealgate/internal/cli"
	"sealgate/internal/command"
	"sealgate/internal/config"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/master"
	"sealgate/internal/terminal"
)

// made is what init prints with --json.
type made struct {
	Data     string `json:"data"`
	Keys     string `json:"keys"`
	Master   string `json:"master"`
	Operator string `json:"operator,omitempty"`
	MoveIt   bool   `json:"master_key_in_data_directory"`
}

func (a *app) initCommand() *cobra.Command {
	var operator, file string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a data directory, its keys and the first operator",
		Long: "Make a data directory of mode 0700 with a key store, a catalog and, with --operator, the\n" +
			"first operator. It says where the master key lies: move it away from the data, and name its\n" +
			"place with keys.master in the configuration.",
		Example: cli.Examples("init --operator you@example.com", "init --data /var/lib/sealgate"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.settings(file, nil)
			if err != nil {
				return err
			}
			return a.init(cmd.Context(), cfg, operator)
		},
	}
	cmd.Flags().StringVar(&operator, "operator", "", "mail address of the first operator")
	cmd.Flags().StringVar(&file, "config", "", "configuration file (else DIR/gateway.yaml)")
	return cmd
}

func (a *app) init(ctx context.Context, cfg *config.Config, operator string) error {
	if err := freshDir(cfg.Data); err != nil {
		return err
	}
	if err := a.makeKeys(ctx, cfg); err != nil {
		return err
	}
	// The catalog's file says that this is a gateway; what init does after it is
	// done again by serve when it was cut short.
	if err := touch(filepath.Join(cfg.Data, backup.Catalog)); err != nil {
		return err
	}
	s, err := a.openStores(ctx, cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.accounts.EnsureSystem(ctx); err != nil {
		return err
	}
	if operator != "" {
		if _, err := s.accounts.AddOperator(ctx, "gateway", operator); err != nil {
			return err
		}
	}
	m := made{Data: cfg.Data, Keys: a.keyDir(cfg), Master: s.keys.MasterSource(), Operator: operator, MoveIt: cfg.MasterInside()}
	return a.Print(m, func(w io.Writer) error { return a.welcome(w, m) })
}

func (a *app) welcome(w io.Writer, m made) error {
	t := terminal.NewTable("MADE", "")
	t.Row("data directory", m.Data)
	t.Row("key store", m.Keys)
	t.Row("master key", m.Master)
	if m.Operator != "" {
		t.Row("first operator", m.Operator)
	}
	if err := cli.WriteTable(w, t); err != nil {
		return err
	}
	if m.MoveIt {
		a.Say("The master key lies in the data directory: who copies one has both. Move it to another disk\nand name its place in gateway.yaml (keys.master: file:PATH).")
	}
	_, err := fmt.Fprintln(w, "\nNext: gateway serve; gateway account add NAME; gateway login add NAME USERNAME")
	return err
}

// freshDir makes the data directory. One that is there may hold a configuration
// and keys, but no gateway.
func freshDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return command.Local(dir, err)
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return command.Local(dir, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, backup.Catalog)); err == nil {
		return fault.New(fault.Exists, "init", "there is a gateway in %s already; nothing was changed", dir)
	}
	for _, n := range names {
		switch n.Name() {
		case backup.Keys, "gateway.yaml", "lock":
		default:
			return fault.New(fault.Exists, "init", "%s is not empty (%s); give a new directory", dir, n.Name())
		}
	}
	return os.Chmod(dir, 0o700)
}

// makeKeys makes the master key and the key store, unless they are there: keys may
// be restored before anything else.
func (a *app) makeKeys(ctx context.Context, cfg *config.Config) error {
	dir := a.keyDir(cfg)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return command.Local(dir, err)
	}
	if m := cfg.Keys.Master; m.Kind == config.MasterFile {
		if err := master.CreateFile(m.Name); err != nil && !fault.Is(err, fault.Exists) {
			return err
		}
	}
	if !a.JSON && terminal.IsTerminal(a.Err) {
		a.Say("Making keys; the RSA host key takes a moment.")
	}
	store, err := keys.Create(ctx, dir, a.newMaster(cfg.Keys.Master), keys.Options{})
	if fault.Is(err, fault.Exists) {
		return nil
	}
	if err != nil {
		return err
	}
	store.Close()
	return nil
}

// touch makes an empty file that only its owner may read.
func touch(name string) error {
	f, err := durable.OS.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), durable.OS.SyncDir(filepath.Dir(name)))
}
