// Package backup copies a data directory to a place of its own and back: bodies,
// account databases and catalog, never a key.
//
// The copy is taken while the gateway runs or while it is stopped, in this order:
//
//	bodies; account databases; catalog; bodies that came meanwhile
//
// A body is durable before the catalog names it, and an index is published before
// the catalog tells its result; so all that the copied catalog refers to is in the
// copy. What the copy has and its catalog does not know (a body removed or not yet
// on record) is swept when it is served. Databases are copied by SQLite itself, each
// as one moment, without free pages and without a log: a grant that was cleared
// before is not in the copy.
//
// A backup appears under its name only when all of it is on the disk. It replaces
// an earlier backup of that name and nothing else.
package backup

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver that copies databases

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/store/vault"
)

// Names in a data directory and in a backup of it.
const (
	Catalog  = "catalog.db"
	Accounts = "accounts"
	Vault    = "vault"
	Keys     = "keys"
	manifest = "backup.json"
)

// Manifest says what a backup is.
type Manifest struct {
	Sealgate string    `json:"sealgate"` // "data backup"
	Version  int       `json:"version"`
	MadeAt   time.Time `json:"made_at"`
	Bodies   int       `json:"bodies"`
	Accounts int       `json:"accounts"`
}

const (
	manifestName    = "data backup"
	manifestVersion = 1
)

// Make copies the data directory to dst. bodies is its vault.
func Make(ctx context.Context, data, dst string, bodies vault.Vault, now time.Time) (*Manifest, error) {
	const op = "backup: make"
	if err := refuse(data, dst); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dst), ".sealgate-backup-*")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	defer os.RemoveAll(tmp)
	m := &Manifest{Sealgate: manifestName, Version: manifestVersion, MadeAt: now.UTC()}
	if err := m.fill(ctx, data, tmp, bodies); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := durable.WriteFile(durable.OS, filepath.Join(tmp, manifest), append(text, '\n')); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return m, fault.Wrap(fault.Internal, op, install(tmp, dst))
}

func (m *Manifest) fill(ctx context.Context, data, tmp string, bodies vault.Vault) error {
	copies, err := vault.Open(durable.OS, filepath.Join(tmp, Vault))
	if err != nil {
		return err
	}
	if m.Bodies, err = copyBodies(ctx, bodies, copies); err != nil {
		return err
	}
	if m.Accounts, err = copyAccounts(ctx, filepath.Join(data, Accounts), filepath.Join(tmp, Accounts)); err != nil {
		return err
	}
	if err := copyDatabase(ctx, filepath.Join(data, Catalog), filepath.Join(tmp, Catalog)); err != nil {
		return err
	}
	late, err := copyBodies(ctx, bodies, copies)
	m.Bodies += late
	return err
}

// refuse keeps a backup out of places where it would be lost, grow into itself,
// or lie beside the keys that open it.
func refuse(data, dst string) error {
	const op = "backup: make"
	rel, err := filepath.Rel(resolve(data), resolve(dst))
	if err == nil && (rel == "." || !strings.HasPrefix(rel, "..")) {
		return fault.New(fault.Invalid, op, "%s is inside the data directory; a backup belongs on another disk", dst)
	}
	names, err := os.ReadDir(dst)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.New(fault.Invalid, op, "%s cannot be a backup's directory: %v", dst, err)
	}
	for _, n := range names {
		if n.Type().IsRegular() && isKeyBackup(filepath.Join(dst, n.Name())) {
			return fault.New(fault.Denied, op, "%s holds a backup of keys (%s); data and the keys that open it are kept apart", dst, n.Name())
		}
	}
	if _, err := Read(dst); err != nil && len(names) > 0 {
		return fault.New(fault.Exists, op, "%s is not empty and is no earlier backup; nothing was overwritten", dst)
	}
	return nil
}

// resolve follows links of as much of a path as is there.
func resolve(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real
	}
	if parent := filepath.Dir(abs); parent != abs {
		return filepath.Join(resolve(parent), filepath.Base(abs))
	}
	return abs
}

func isKeyBackup(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head, _ := io.ReadAll(io.LimitReader(f, 256))
	return strings.Contains(string(head), `"key bundle"`)
}

// Read reads the manifest of a backup.
func Read(dir string) (*Manifest, error) {
	const op = "backup: read"
	text, err := durable.ReadFile(durable.OS, filepath.Join(dir, manifest), 1<<16)
	if err != nil {
		return nil, fault.New(fault.NotFound, op, "%s is no backup: it has no %s", dir, manifest)
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil || m.Sealgate != manifestName {
		return nil, fault.New(fault.Damaged, op, "%s in %s cannot be read", manifest, dir)
	}
	if m.Version != manifestVersion {
		return nil, fault.New(fault.Invalid, op, "the backup has version %d; this program knows version %d", m.Version, manifestVersion)
	}
	return &m, nil
}

// copyBodies copies what the copy does not have yet.
func copyBodies(ctx context.Context, from, to vault.Vault) (int, error) {
	have := map[string]bool{}
	if err := to.Each(ctx, func(ref string) error { have[ref] = true; return nil }); err != nil {
		return 0, err
	}
	n := 0
	err := from.Each(ctx, func(ref string) error {
		if have[ref] {
			return nil
		}
		err := copyBody(ctx, from, to, ref)
		if fault.Is(err, fault.NotFound) {
			return nil // removed meanwhile: the catalog will not name it
		}
		if err == nil {
			n++
		}
		return err
	})
	return n, err
}

func copyBody(ctx context.Context, from, to vault.Vault, ref string) error {
	src, err := from.Open(ctx, ref)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := to.Create(ctx, ref)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.NewOffsetWriter(dst, 0), io.NewSectionReader(src, 0, src.Size()))
	if err != nil {
		return errors.Join(err, dst.Close())
	}
	return dst.Commit(ctx)
}

func copyAccounts(ctx context.Context, from, to string) (int, error) {
	if err := os.Mkdir(to, 0o700); err != nil {
		return 0, err
	}
	names, err := filepath.Glob(filepath.Join(from, "*.db"))
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if err := copyDatabase(ctx, name, filepath.Join(to, filepath.Base(name))); err != nil {
			return 0, err
		}
	}
	return len(names), durable.OS.SyncDir(to)
}

// copyDatabase lets SQLite write one moment of a database as a new file.
func copyDatabase(ctx context.Context, from, to string) error {
	if _, err := os.Stat(from); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+from+"?mode=rw&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		return fmt.Errorf("copy %s: %w", filepath.Base(from), err)
	}
	if err := os.Chmod(to, 0o600); err != nil {
		return err
	}
	return syncFile(to)
}

func syncFile(name string) error {
	f, err := durable.OS.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// install gives a finished copy its name; an earlier backup there goes after.
func install(tmp, dst string) error {
	if err := durable.OS.SyncDir(tmp); err != nil {
		return err
	}
	parent := filepath.Dir(dst)
	old := ""
	if _, err := os.Lstat(dst); err == nil {
		old = tmp + "-before"
		if err := os.Rename(dst, old); err != nil {
			return err
		}
	}
	if err := os.Rename(tmp, dst); err != nil {
		if old != "" {
			err = errors.Join(err, os.Rename(old, dst))
		}
		return err
	}
	if err := durable.OS.SyncDir(parent); err != nil {
		return err
	}
	if old == "" {
		return nil
	}
	return os.RemoveAll(old)
}
