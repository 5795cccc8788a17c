package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/backup"
	"sealgate/internal/cli/doctor"
	"sealgate/internal/config"
	"sealgate/internal/custody"
	"sealgate/internal/custody/owner"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/master"
	"sealgate/internal/metrics"
	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/vault"
)

// stores are what lies in a data directory, open, under its lock. serve builds a
// gateway on them; commands for a stopped gateway use them directly.
type stores struct {
	cfg       *config.Config
	node      string // name of this gateway among those of one catalog
	lock      *durable.Lock
	keys      *keys.Store
	catalog   *catalog.Catalog
	custody   *custody.Custodian
	vault     *vault.Dir
	databases *accountdb.Pool
	accounts  *account.Service
}

// settings loads the configuration, with settings that flags give.
func (a *app) settings(file string, flags map[string]string) (*config.Config, error) {
	return config.Load(config.Sources{Data: a.Data, File: file, Environ: a.Environ(), Flags: flags})
}

// openStores takes the lock of the data directory and opens all that is in it, in
// the order in which one needs the other.
func (a *app) openStores(ctx context.Context, cfg *config.Config, log *slog.Logger, counts *metrics.Set) (_ *stores, err error) {
	s := &stores{cfg: cfg}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.lock, err = lockData(cfg.Data); err != nil {
		return nil, err
	}
	s.keys, err = keys.Open(ctx, a.keyDir(cfg), a.master(cfg.Keys.Master), keys.Options{})
	a.forget()
	if err != nil {
		return nil, err
	}
	if s.catalog, err = catalog.Open(ctx, filepath.Join(cfg.Data, backup.Catalog), catalog.Options{Now: a.Now}); err != nil {
		return nil, err
	}
	if err = owner.Check(ctx, s.catalog, s.keys); err != nil {
		return nil, err
	}
	if s.node, err = nodeName(ctx, s.catalog); err != nil {
		return nil, err
	}
	s.custody = custody.New(s.keys, s.catalog, s.node, a.Now)
	if s.vault, err = vault.Open(durable.OS, filepath.Join(cfg.Data, backup.Vault)); err != nil {
		return nil, err
	}
	if s.databases, err = accountdb.OpenPool(filepath.Join(cfg.Data, backup.Accounts), accountdb.Options{Now: a.Now, Expected: s.indexed}); err != nil {
		return nil, err
	}
	s.accounts = account.New(s.catalog, s.custody, s.keys, account.Options{Now: a.Now, Log: log, Metrics: counts})
	return s, nil
}

// lockData takes the lock of a data directory that holds a gateway.
func lockData(dir string) (*durable.Lock, error) {
	if _, err := os.Stat(filepath.Join(dir, backup.Catalog)); errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "open", "there is no gateway in %s; make one with gateway init", dir)
	}
	lock, err := durable.LockDir(dir)
	if fault.Is(err, fault.TryLater) {
		err = fault.New(fault.TryLater, "open", "another gateway works on %s", dir)
	}
	return lock, err
}

// close lets go of everything, the last opened first.
func (s *stores) close() {
	if s.databases != nil {
		_ = s.databases.Close()
	}
	if s.catalog != nil {
		_ = s.catalog.Close()
	}
	if s.keys != nil {
		s.keys.Close()
	}
	if s.lock != nil {
		_ = s.lock.Unlock()
	}
}

// indexed reports whether an account has files whose payments are in its database:
// then that must be there, and is not made anew.
func (s *stores) indexed(ctx context.Context, account uuid.UUID) (found bool, err error) {
	err = s.catalog.View(ctx, func(tx *catalog.Tx) error {
		for _, state := range []catalog.State{catalog.Kept, catalog.Deleted, catalog.Held, catalog.Refused} {
			files, err := tx.Files(catalog.FileFilter{Account: account, State: state, Limit: 1})
			if err != nil {
				return err
			}
			found = found || len(files) > 0 && !files[0].IndexedAt.IsZero()
		}
		return nil
	})
	return found, err
}

// room is how much of the data directory's disk is free.
func (s *stores) room() (free, total int64, err error) { return doctor.Room(s.cfg.Data) }

func (a *app) keyDir(cfg *config.Config) string { return filepath.Join(cfg.Data, backup.Keys) }

const nodeSetting = "node"

// nodeName is the name of this gateway among those of one catalog. It is part of
// the data, so that a restored gateway goes on with its own unfinished arrivals.
func nodeName(ctx context.Context, cat *catalog.Catalog) (name string, err error) {
	err = cat.Update(ctx, func(tx *catalog.Tx) (err error) {
		if name, err = tx.Setting(nodeSetting); err != nil || name != "" {
			return err
		}
		name = uuid.NewString()
		return tx.SetSetting(nodeSetting, name)
	})
	return name, err
}

// master is where a master key lies, as the configuration names it. A passphrase is
// asked for once, whatever of the store has to be tried with it, until forget.
func (a *app) master(m config.Master) keys.Master {
	return a.masterBy(m, func() ([]byte, error) { return a.Passphrase("Passphrase of the master key: ") })
}

// newMaster is a source for a master key that is used from now on: a passphrase is
// asked for twice.
func (a *app) newMaster(m config.Master) keys.Master {
	return a.masterBy(m, func() ([]byte, error) { return a.NewPassphrase("New passphrase of the master key: ") })
}

func (a *app) masterBy(m config.Master, ask func() ([]byte, error)) keys.Master {
	switch m.Kind {
	case config.MasterCredential:
		return master.Credential(m.Name)
	case config.MasterPassphrase:
		return master.Passphrase(func() (_ []byte, err error) {
			if a.typed == nil {
				a.typed, err = ask()
			}
			return bytes.Clone(a.typed), err
		})
	default:
		return master.File(m.Name)
	}
}

// forget wipes the passphrase that was typed.
func (a *app) forget() {
	clear(a.typed)
	a.typed = nil
}

// stopped runs act on the stores of a gateway that is not running.
func (a *app) stopped(ctx context.Context, act func(*stores) error) error {
	cfg, err := a.settings("", nil)
	if err != nil {
		return err
	}
	s, err := a.openStores(ctx, cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	defer s.close()
	return act(s)
}
