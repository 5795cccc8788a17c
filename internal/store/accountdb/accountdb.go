// Package accountdb is the payment index of one account: a database of its own
// for each, so that accounts share no page, no lock and, later, no key.
//
// The order of writes. A worker that holds the lease of a file, whose number
// is the fence, Begins a load, Adds the payments in batches that nobody can
// see, and Publishes: one small transaction that unlinks older loads of the
// file, judges duplicates against the files that are taken, and makes the load
// visible, or drops it when the file is refused. A small file has no batch: all
// of it goes with Publish. Only Publish, Release and Forget are synced to the
// medium; a batch lost in a crash belongs to a load that was never published,
// and is swept. A worker that comes after a crash asks Result first, and goes
// on in the catalog when the work was done here.
//
// Fences grow with each lease of a file. A worker is stale when one with a
// larger fence has stored something of the file: Add and Publish then refuse it
// with fault.Exists. What it published before that is replaced.
//
// Taken. The bytes and message ids of a file are taken once it was indexed
// without an error or released by a person. Another file with taken bytes is
// held with duplicate-file, one with other bytes and a taken message id of the
// same format with duplicate-message-id. Payments of a held file are there but
// left out of searches that do not ask for them.
//
// Nothing here is protected from who can read the disk; sealing whole
// databases is the business of the one function that opens them
// (sqlite.Connect).
//
// Below: sqlite (files, connections, errors), term (what a payment is looked up
// by), detail (what is shown of it besides) and row (how payments lie in the tables).
package accountdb

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"sealgate/internal/fault"
	"sealgate/internal/store/accountdb/sqlite"
)

// DB is the database of one account. It is safe for concurrent use: one
// writer at a time, readers beside it.
type DB struct {
	writer *sql.DB
	reader *sql.DB              // read-only
	write  chan *sqlite.Session // the one that writes, when it is free
	read   chan *sqlite.Session // those that read, when they are free; nil: not connected so far
	steps

	level durability // of the writing session, whose holder this belongs to

	mu    sync.Mutex
	loads map[*Load]bool // that have begun and not ended

	young  atomic.Int64 // terms in the table young, about
	untidy atomic.Bool  // there may be dropped loads to sweep
	failed atomic.Bool  // the disk has failed under it: reopen before use
}

// steps bound what is stored at once.
type steps struct {
	batch int   // payments in one transaction; so small that nobody waits long for the writer
	ripe  int64 // young terms that are enough for a sorted run
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

// update runs fn in a write transaction. fn returns the first error that it
// meets: SQLite may have ended the transaction because of it. A failure of the
// disk is not retried: it closes the database for everybody, until the pool has
// opened it again and recovery has told what was stored.
func (db *DB) update(ctx context.Context, op string, d durability, fn func(s *sqlite.Session) error) error {
	if err := db.failure(op); err != nil {
		return err
	}
	err := db.transact(ctx, d, fn)
	if sqlite.Code(err) == sqlite3.SQLITE_IOERR {
		db.failed.Store(true)
	}
	return sqlite.Wrap(op, err)
}

func (db *DB) failure(op string) error {
	if db.failed.Load() {
		return fault.New(fault.Internal, op, "the payment index is being recovered; try again")
	}
	return nil
}

func (db *DB) transact(ctx context.Context, d durability, fn func(s *sqlite.Session) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var s *sqlite.Session
	select {
	case s = <-db.write:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { db.write <- s }()
	if db.level != d { // it can only be changed between transactions
		if err := s.Do("PRAGMA synchronous=" + string(d)); err != nil {
			return err
		}
		db.level = d
	}
	if err := s.Do("BEGIN IMMEDIATE"); err != nil {
		if sqlite.Code(err) != sqlite3.SQLITE_BUSY {
			db.failed.Store(true) // the connection is gone, or has not left its last transaction
		}
		return err
	}
	committed := false
	defer func() {
		if !committed {
			_ = s.Do("ROLLBACK") // SQLite may have done so by itself
		}
	}()
	if err := fn(s); err != nil {
		return err
	}
	err := s.Do("COMMIT")
	committed = err == nil
	return err
}

// view runs fn on a reading connection, in one snapshot.
func (db *DB) view(ctx context.Context, op string, fn func(ctx context.Context, s *sqlite.Session) error) error {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	s, err := db.takeReader(ctx)
	if err != nil {
		return sqlite.Wrap(op, err)
	}
	defer func() {
		if s.Do("ROLLBACK") != nil {
			_ = s.Close()
			s = nil // its place gets a new connection
		}
		db.read <- s
	}()
	if err := s.Do("BEGIN"); err != nil {
		return sqlite.Wrap(op, err)
	}
	return sqlite.Wrap(op, fn(ctx, s))
}

// takeReader waits for a free place among the readers.
func (db *DB) takeReader(ctx context.Context) (*sqlite.Session, error) {
	var s *sqlite.Session
	select {
	case s = <-db.read:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s != nil {
		return s, nil
	}
	s, err := sqlite.NewSession(ctx, db.reader)
	if err != nil {
		db.read <- nil
	}
	return s, err
}

// close closes the database; its users must be done.
func (db *DB) close() error {
	var errs []error
	for range cap(db.read) {
		if s := <-db.read; s != nil {
			errs = append(errs, s.Close())
		}
	}
	errs = append(errs, db.reader.Close())
	if s := <-db.write; s != nil {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, db.writer.Close())...)
}

// stale is the answer to a worker whose lease has gone to another.
func stale(op string) error {
	return fault.New(fault.Exists, op, "another worker has taken this file over")
}
