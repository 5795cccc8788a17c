package backup

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/store/vault"
)

// Restore makes a data directory out of a backup. The directory must be new, or
// hold nothing but a key store (restored first). Every database is checked before
// anything appears there; keys come back with keys restore.
func Restore(ctx context.Context, src, data string) (*Manifest, error) {
	const op = "backup: restore"
	m, err := Read(src)
	if err != nil {
		return nil, err
	}
	names, err := os.ReadDir(data)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	for _, n := range names {
		if n.Name() != Keys && n.Name() != "gateway.yaml" {
			return nil, fault.New(fault.Exists, op, "%s is not empty (%s); restore into a new directory", data, n.Name())
		}
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	tmp, err := os.MkdirTemp(data, ".restoring-*")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	defer os.RemoveAll(tmp)
	if err := refill(ctx, src, tmp); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	// The catalog comes last: without it there is no data directory to serve.
	for _, name := range []string{Vault, Accounts, Catalog} {
		if err := os.Rename(filepath.Join(tmp, name), filepath.Join(data, name)); err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
	}
	return m, fault.Wrap(fault.Internal, op, durable.OS.SyncDir(data))
}

func refill(ctx context.Context, src, tmp string) error {
	bodies, err := vault.Open(durable.OS, filepath.Join(src, Vault))
	if err != nil {
		return err
	}
	copies, err := vault.Open(durable.OS, filepath.Join(tmp, Vault))
	if err != nil {
		return err
	}
	if _, err := copyBodies(ctx, bodies, copies); err != nil {
		return err
	}
	if _, err := copyAccounts(ctx, filepath.Join(src, Accounts), filepath.Join(tmp, Accounts)); err != nil {
		return unreadable(Accounts, err)
	}
	if err := copyDatabase(ctx, filepath.Join(src, Catalog), filepath.Join(tmp, Catalog)); err != nil {
		return unreadable(Catalog, err)
	}
	databases, err := filepath.Glob(filepath.Join(tmp, Accounts, "*.db"))
	if err != nil {
		return err
	}
	for _, name := range append(databases, filepath.Join(tmp, Catalog)) {
		if err := checkDatabase(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func checkDatabase(ctx context.Context, name string) error {
	db, err := sql.Open("sqlite", "file:"+name+"?mode=rw")
	if err != nil {
		return err
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return unreadable(filepath.Base(name), err)
	}
	if verdict != "ok" {
		return fault.New(fault.Damaged, "backup: restore", "%s in the backup is damaged: %s", filepath.Base(name), verdict)
	}
	return nil
}

func unreadable(name string, err error) error {
	return &fault.Error{Kind: fault.Damaged, Op: "backup: restore", Message: name + " in the backup cannot be read", Err: err}
}
