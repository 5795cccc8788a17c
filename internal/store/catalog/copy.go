package catalog

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

// CopyTo writes the catalog as it is at one moment to a new file at path:
// whole, without free pages and without a log, so that nothing that was deleted
// before is in it. Updates go on meanwhile; only the log is not cut, and grows,
// until the copy is written. The copy is not synced: that is the caller's.
func (c *Catalog) CopyTo(ctx context.Context, path string) error {
	return c.stored(ctx, func(s *Stored) error { return s.CopyTo(ctx, path) })
}

// Bodies is Stored.Bodies.
func (c *Catalog) Bodies(ctx context.Context, visit func(BodyOnRecord) error) error {
	return c.stored(ctx, func(s *Stored) error { return s.Bodies(ctx, visit) })
}

func (c *Catalog) stored(ctx context.Context, act func(*Stored) error) error {
	if err := c.db.Failure(); err != nil {
		return err // what is stored is not known
	}
	s, err := OpenStored(ctx, c.path)
	if err != nil {
		return err
	}
	return errors.Join(act(s), s.Close())
}

// Stored is a catalog's file as it lies there: of a gateway that is stopped, or
// a copy. It is read and never brought to another schema, so that an older
// gateway can still open it.
type Stored struct{ db *sql.DB }

// OpenStored opens the file at path, which has to be there.
func OpenStored(ctx context.Context, path string) (*Stored, error) {
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
	s := &Stored{db}
	if _, err := s.LastNumber(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// Close closes the file.
func (s *Stored) Close() error {
	return fault.Wrap(fault.Internal, "catalog: close file", s.db.Close())
}

// CopyTo is Catalog.CopyTo.
func (s *Stored) CopyTo(ctx context.Context, path string) error {
	const op = "catalog: copy"
	if _, err := os.Lstat(path); err == nil {
		return fault.New(fault.Exists, op, "the file to write the copy to is there already")
	}
	if err := engine.Create(path); err != nil { // VACUUM INTO takes an empty file, and this one is private
		return fault.Wrap(fault.Internal, op, err)
	}
	if _, err := s.db.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return s.failed(ctx, op, err)
	}
	return nil
}

// BodyOnRecord is what lies in the vault for a file.
type BodyOnRecord struct {
	Ref   string
	Size  int64
	Final bool // false: the file waits for its rename, which gives the body its end
}

// Bodies visits the bodies in the vault of all files that were acknowledged, in
// no order. It reads in short steps and sees no single moment, unless nobody
// writes.
func (s *Stored) Bodies(ctx context.Context, visit func(BodyOnRecord) error) error {
	const op = "catalog: bodies"
	step := func(after uuid.UUID) (page []BodyOnRecord, last uuid.UUID, err error) {
		rows, err := s.db.QueryContext(ctx, `SELECT id, body_ref, body_sealed, state FROM file
			WHERE id > ? AND body_kind = ? AND state <> ? ORDER BY id LIMIT ?`,
			column.ID(after), string(VaultBody), string(Arriving), defaultLimit)
		if err != nil {
			return nil, last, s.failed(ctx, op, err)
		}
		defer rows.Close()
		for rows.Next() {
			var b BodyOnRecord
			var state State
			if err := rows.Scan((*column.ID)(&last), &b.Ref, &b.Size, (*string)(&state)); err != nil {
				return nil, last, fault.Wrap(fault.Damaged, op, err)
			}
			b.Final = state != WaitingRename
			page = append(page, b)
		}
		return page, last, s.failed(ctx, op, rows.Err())
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
func (s *Stored) Accounts(ctx context.Context) ([]uuid.UUID, error) {
	const op = "catalog: accounts"
	rows, err := s.db.QueryContext(ctx, `SELECT id FROM account ORDER BY id`)
	if err != nil {
		return nil, s.failed(ctx, op, err)
	}
	defer rows.Close()
	var ids []uuid.UUID
	for rows.Next() {
		id, err := readID(rows.Scan)
		if err != nil {
			return nil, fault.Wrap(fault.Damaged, op, err)
		}
		ids = append(ids, id)
	}
	return ids, s.failed(ctx, op, rows.Err())
}

// LastNumber returns the last arrival number that was given to a file.
func (s *Stored) LastNumber(ctx context.Context) (n int64, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT value FROM counter WHERE name = 'file-number'`).Scan(&n)
	return n, s.failed(ctx, "catalog: last number", err)
}

// Setting returns a setting; one that was never set is empty.
func (s *Stored) Setting(ctx context.Context, key string) (value string, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT value FROM setting WHERE key = ?`, key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, s.failed(ctx, "catalog: setting", err)
}

// failed gives err its kind. An end that was asked for is told as such,
// whatever the driver makes of it.
func (s *Stored) failed(ctx context.Context, op string, err error) error {
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return fault.Wrap(engine.KindOf(err), op, err)
}
