// Package accountdb is the payment index of one account: a database of its own
// for each, so that accounts share no page, no lock and, later, no key.
//
// The order of writes. A worker that holds the lease of a file, whose number
// is the fence, Begins a load, Adds the payments in batches that nobody can
// see, and Publishes: one small transaction that unlinks older loads of the
// file, judges duplicates against the files that are taken, and makes the load
// visible, or drops it when the file is refused. Only Publish, Release and
// Forget are synced to the medium; a batch lost in a crash belongs to a load
// that was never published, and is swept. A worker that comes after a crash
// asks Result first, and goes on in the catalog when the work was done here.
//
// Fences grow with each lease of a file. A worker with a smaller fence than
// another's is stale: Begin, Add and Publish refuse it with fault.Exists.
//
// Taken. The bytes and message ids of a file are taken once it was indexed
// without an error or released by a person. Another file with taken bytes is
// held with duplicate-file, one with other bytes and a taken message id of the
// same format with duplicate-message-id. Payments of a held file are there but
// left out of searches that do not ask for them.
//
// Nothing here is protected from who can read the disk; sealing whole
// databases is the business of the one function that opens them (open.go).
package accountdb

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"sealgate/internal/fault"
)

// DB is the database of one account. It is safe for concurrent use: one
// writer at a time, readers beside it.
type DB struct {
	writer *sql.DB // one connection
	reader *sql.DB // read-only
	insert statements
	batch  int // payments in one transaction; so small that nobody waits long for the writer

	level durability // of the writer's connection

	untidy atomic.Bool // there may be dropped loads to sweep
	failed atomic.Bool // the disk has failed under it: reopen before use
}

// statements are prepared once, on the writer's only connection.
type statements struct {
	payment, term *sql.Stmt
}

// readLimit ends a search that would keep old pages of the write-ahead log
// alive for too long.
const readLimit = 10 * time.Second

// durability is how far a transaction must have come when it is done.
type durability string

const (
	relaxed durability = "NORMAL" // consistent after a crash, but perhaps without it
	synced  durability = "FULL"   // survives a power cut, with all that came before
)

// update runs fn in a write transaction. A failure of the disk is not retried:
// it closes the database for everybody, until the pool has opened it again and
// recovery has told what was stored.
func (db *DB) update(ctx context.Context, op string, d durability, fn func(tx *sql.Tx) error) error {
	if db.failed.Load() {
		return fault.New(fault.Internal, op, "the payment index is being recovered; try again")
	}
	err := db.transact(ctx, d, fn)
	var serr *sqlite.Error
	if errors.As(err, &serr) && serr.Code()&0xff == sqlite3.SQLITE_IOERR {
		db.failed.Store(true)
	}
	return wrap(op, err)
}

func (db *DB) transact(ctx context.Context, d durability, fn func(tx *sql.Tx) error) error {
	conn, err := db.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// It can only be changed between transactions. Holding the only connection
	// guards db.level; one that is opened anew is synced, as SQLite's default is.
	if db.level != d {
		if _, err := conn.ExecContext(ctx, "PRAGMA synchronous="+string(d)); err != nil {
			return err
		}
		db.level = d
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// view runs fn on a reading connection, in one snapshot.
func (db *DB) view(ctx context.Context, op string, fn func(ctx context.Context, tx *sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	tx, err := db.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return wrap(op, err)
	}
	defer tx.Rollback()
	return wrap(op, fn(ctx, tx))
}

func (db *DB) close() error {
	return errors.Join(db.reader.Close(), db.writer.Close())
}

// wrap gives an error of the database its kind.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	kind := fault.Internal
	var serr *sqlite.Error
	switch {
	case errors.Is(err, sql.ErrNoRows):
		kind = fault.NotFound
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		kind = fault.TryLater
	case errors.As(err, &serr):
		switch serr.Code() & 0xff {
		case sqlite3.SQLITE_FULL:
			kind = fault.Full
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT:
			kind = fault.TryLater
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			kind = fault.Damaged
		}
	}
	return fault.Wrap(kind, op, err)
}

// stale is the answer to a worker whose lease has gone to another.
func stale(op string) error {
	return fault.New(fault.Exists, op, "another worker has taken this file over")
}
