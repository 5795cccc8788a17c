// Package journal remembers the way of every file that Connect sends, so that a
// crash at any moment neither loses one nor sends one twice.
//
// It is one SQLite database with synchronous=FULL: when a method has returned, what
// it says is on the disk. What is written at the same time shares one transaction, and
// so one sync of the disk. The states of a delivery are
//
//	found     the file lies in its folder, unchanged for long enough
//	sealed    it has an id and a key at the gateway, and parts of it may be there
//	received  its receipt is verified and on the disk; it is about to be moved or deleted
//	done      that was done
//	gone      it was changed or taken away before it was sent; what it became is another delivery
//	lost      it was received, a gateway that was restored from a backup does not know it, and its content is here no more
//
// What is in here cannot be made again: the key that delivery ids derive from. With
// a new journal, files that were sent and lie in their folder again would be new to
// the gateway, which holds repeated content and asks a person.
package journal

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"sealgate/internal/agent/together"
	"sealgate/internal/fault"
)

//go:embed schema.sql
var schema string

const version = 1

// Journal is an open journal. It is safe for concurrent use.
type Journal struct {
	db     *sql.DB
	key    [32]byte // of delivery ids
	writes together.Group[*write]
}

// Open opens the journal at path, and makes it when there is none.
func Open(ctx context.Context, path string) (*Journal, error) {
	return open(ctx, path, "_pragma=journal_mode(wal)", "_pragma=synchronous(full)", "_pragma=foreign_keys(on)", "_pragma=secure_delete(on)", "_txlock=immediate")
}

// Look opens the journal of an agent that may be running, to read only.
func Look(ctx context.Context, path string) (*Journal, error) {
	return open(ctx, path, "mode=ro")
}

func open(ctx context.Context, path string, params ...string) (*Journal, error) {
	const op = "journal: open"
	name := filepath.ToSlash(path)
	if !strings.HasPrefix(name, "/") {
		name = "/" + name // C:/... on Windows
	}
	params = append(params, "_pragma=busy_timeout(10000)", "_pragma=cache_size(-1000)", "_pragma=temp_store(memory)")
	db, err := sql.Open("sqlite", "file://"+(&url.URL{Path: name}).EscapedPath()+"?"+strings.Join(params, "&"))
	if err != nil {
		return nil, wrap(op, err)
	}
	db.SetMaxOpenConns(1)
	j := &Journal{db: db}
	if err := j.prepare(ctx); err != nil {
		db.Close()
		return nil, wrap(op, err)
	}
	return j, nil
}

// prepare makes the tables of a new journal and reads its key.
func (j *Journal) prepare(ctx context.Context) error {
	var v int
	if err := j.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil {
		return err
	}
	switch {
	case v > version:
		return fmt.Errorf("made by a newer Connect (version %d; this one knows %d)", v, version)
	case v == 0:
		err := j.tx(ctx, func(tx *sql.Tx) error {
			key := make([]byte, len(j.key))
			_, _ = rand.Read(key) // never fails
			if _, err := tx.ExecContext(ctx, schema); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO meta VALUES ('key', ?)", key); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version=%d", version))
			return err
		})
		if err != nil {
			return err
		}
	}
	var key []byte
	err := j.db.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'key'").Scan(&key)
	if err == nil && len(key) != len(j.key) {
		err = errors.New("its key is damaged")
	}
	copy(j.key[:], key)
	return err
}

// Shrink gives back the pages that are remembered.
func (j *Journal) Shrink(ctx context.Context) {
	_, _ = j.db.ExecContext(ctx, "PRAGMA shrink_memory") // who fails keeps them
}

// Close closes the journal.
func (j *Journal) Close() error { return j.db.Close() }

// Meta returns a remembered value, or nil.
func (j *Journal) Meta(ctx context.Context, name string) ([]byte, error) {
	var v []byte
	err := j.db.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = ?", name).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return v, wrap("journal: meta", err)
}

// SetMeta remembers a value.
func (j *Journal) SetMeta(ctx context.Context, name string, v []byte) error {
	_, err := j.db.ExecContext(ctx, "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, v)
	return wrap("journal: meta", err)
}

// wrap gives an error of the database its kind.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	kind := fault.Internal
	switch {
	case errors.Is(err, sql.ErrNoRows):
		kind = fault.NotFound
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		kind = fault.TryLater
	}
	var e *driver.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_FULL:
			return fault.New(fault.Full, op, "the disk of the journal is full; nothing is sent until there is room")
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT:
			kind = fault.TryLater
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return fault.New(fault.Damaged, op, "the journal is damaged; bring it back from a backup, or move it away: files that were sent and lie in their folder again would then be held as repeated")
		}
	}
	return fault.Wrap(kind, op, err)
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func timeOf(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}
