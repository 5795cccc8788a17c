package accountdb

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/accountdb/sqlite"
)

// List returns the accounts that have a database.
func (p *Pool) List() ([]uuid.UUID, error) {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "accountdb: list", err)
	}
	var ids []uuid.UUID
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".db")
		if id, err := uuid.Parse(name); ok && err == nil && id.String() == name {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// CopyTo writes an account's database as it is at one moment to a new file at
// path: whole, without free pages and without a log. Its users go on
// meanwhile, and the pool does not open it. NotFound: the account has none. The
// copy is not synced: that is the caller's.
func (p *Pool) CopyTo(ctx context.Context, id uuid.UUID, path string) error {
	const op = "accountdb: copy"
	if _, err := os.Stat(p.path(id)); err != nil {
		kind := fault.Internal
		if errors.Is(err, fs.ErrNotExist) {
			kind = fault.NotFound
		}
		return fault.Wrap(kind, op, err)
	}
	if _, err := os.Lstat(path); err == nil {
		return fault.New(fault.Exists, op, "the file to write the copy to is there already")
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // VACUUM INTO takes an empty file, and this one is private
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	return stored(p.path(id), func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "VACUUM INTO ?", path)
		return sqlite.Ended(ctx, op, err)
	})
}

// ForgetAfter takes the files with an arrival number above last out of the
// closed database at path, for ever, and returns how many there were. A copy
// that is younger than its catalog's knows of files that the catalog does not.
func ForgetAfter(ctx context.Context, path string, last int64) (int, error) {
	const op = "accountdb: forget"
	var files []uuid.UUID
	err := stored(path, func(db *sql.DB) (err error) {
		files, err = filesAfter(ctx, db, last)
		return sqlite.Ended(ctx, op, err)
	})
	if err != nil || len(files) == 0 {
		return 0, err
	}
	db, err := open(ctx, filepath.Clean(path))
	if err != nil {
		return 0, err
	}
	for _, id := range files {
		if err := db.Forget(ctx, id); err != nil {
			return 0, errors.Join(err, db.close())
		}
	}
	for more := true; more; {
		if more, err = db.sweep(ctx); err != nil {
			return 0, errors.Join(err, db.close())
		}
	}
	return len(files), sqlite.Wrap(op, db.close())
}

// filesAfter finds none in a database that was copied before its tables were made.
func filesAfter(ctx context.Context, db *sql.DB, last int64) ([]uuid.UUID, error) {
	var made bool
	if err := db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'file')").Scan(&made); err != nil || !made {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, "SELECT id FROM file WHERE number > ?", last)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var files []uuid.UUID
	for rows.Next() {
		var id uuid.UUID
		if err := rows.Scan(&id); err != nil {
			return nil, fault.Wrap(fault.Damaged, "accountdb: file id", err)
		}
		files = append(files, id)
	}
	return files, rows.Err()
}

// stored runs act on the database at path as it lies there, in whatever schema.
func stored(path string, act func(*sql.DB) error) error {
	db, err := sqlite.Connect(path, "mode=rw")
	if err != nil {
		return sqlite.Wrap("accountdb: open file", err)
	}
	return errors.Join(act(db), sqlite.Wrap("accountdb: close file", db.Close()))
}
