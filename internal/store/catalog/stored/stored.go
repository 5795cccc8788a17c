// Package stored reads a catalog's file as it lies there: of a gateway that is
// stopped, of one that runs, or a copy.
//
// The file is never brought to another schema, so that an older gateway can
// still open it.
package stored

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// File is an open file of a catalog.
type File struct{ db *sql.DB }

// Open opens the file at path, which has to be there.
func Open(ctx context.Context, path string) (*File, error) {
	const op = "catalog: open file"
	engine.LockByDescriptor()
	if _, err := os.Stat(path); err != nil {
		kind := fault.Internal
		if errors.Is(err, os.ErrNotExist) {
			kind = fault.NotFound
		}
		return nil, fault.Wrap(kind, op, err)
	}
	q := url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(5000)", "temp_store(memory)", "trusted_schema(0)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	db.SetMaxOpenConns(1)
	f := &File{db}
	if _, err := f.LastNumber(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return f, nil
}

// Close closes the file.
func (f *File) Close() error {
	return fault.Wrap(fault.Internal, "catalog: close file", f.db.Close())
}

// CopyTo writes the catalog as it is at one moment to a new file at path:
// whole, without free pages and without a log, so that nothing that was deleted
// before is in it. The copy is not synced: that is the caller's.
func (f *File) CopyTo(ctx context.Context, path string) error {
	const op = "catalog: copy"
	if _, err := os.Lstat(path); err == nil {
		return fault.New(fault.Exists, op, "the file to write the copy to is there already")
	}
	if err := engine.Create(path); err != nil { // VACUUM INTO takes an empty file, and this one is private
		return fault.Wrap(fault.Internal, op, err)
	}
	if _, err := f.db.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return f.failed(ctx, op, err)
	}
	return nil
}

// Body is what lies in the vault for a file.
type Body struct {
	Ref   string
	Size  int64
	Final bool // false: the file waits for its rename, which gives the body its end
}

// Bodies visits the bodies in the vault of all files that were acknowledged, in
// no order. It reads in short steps and sees no single moment, unless nobody
// writes.
func (f *File) Bodies(ctx context.Context, visit func(Body) error) error {
	const op = "catalog: bodies"
	step := func(after uuid.UUID) (page []Body, last uuid.UUID, err error) {
		rows, err := f.db.QueryContext(ctx, `SELECT id, body_ref, body_sealed, state <> 'waiting-rename' FROM file
			WHERE id > ? AND body_kind = 'vault' AND state <> 'arriving' ORDER BY id LIMIT 1000`, column.ID(after))
		if err != nil {
			return nil, last, f.failed(ctx, op, err)
		}
		defer rows.Close()
		for rows.Next() {
			var b Body
			if err := rows.Scan((*column.ID)(&last), &b.Ref, &b.Size, (*column.Bool)(&b.Final)); err != nil {
				return nil, last, fault.Wrap(fault.Damaged, op, err)
			}
			page = append(page, b)
		}
		return page, last, f.failed(ctx, op, rows.Err())
	}
	for after := uuid.Nil; ; {
		page, last, err := step(after)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, b := range page {
			if err := visit(b); err != nil {
				return err
			}
		}
		after = last
	}
}

// Accounts returns the ids of all accounts.
func (f *File) Accounts(ctx context.Context) ([]uuid.UUID, error) {
	const op = "catalog: accounts"
	rows, err := f.db.QueryContext(ctx, `SELECT id FROM account ORDER BY id`)
	if err != nil {
		return nil, f.failed(ctx, op, err)
	}
	defer rows.Close()
	var ids []uuid.UUID
	for rows.Next() {
		var id column.ID
		if err := rows.Scan(&id); err != nil {
			return nil, fault.Wrap(fault.Damaged, op, err)
		}
		ids = append(ids, uuid.UUID(id))
	}
	return ids, f.failed(ctx, op, rows.Err())
}

// LastNumber returns the last arrival number that was given to a file.
func (f *File) LastNumber(ctx context.Context) (n int64, err error) {
	err = f.db.QueryRowContext(ctx, `SELECT value FROM counter WHERE name = 'file-number'`).Scan(&n)
	return n, f.failed(ctx, "catalog: last number", err)
}

// Setting returns a setting; one that was never set is empty.
func (f *File) Setting(ctx context.Context, key string) (value string, err error) {
	err = f.db.QueryRowContext(ctx, `SELECT value FROM setting WHERE key = ?`, key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, f.failed(ctx, "catalog: setting", err)
}

// failed gives err its kind. An end that was asked for is told as such,
// whatever the driver makes of it.
func (f *File) failed(ctx context.Context, op string, err error) error {
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return fault.Wrap(engine.KindOf(err), op, err)
}
