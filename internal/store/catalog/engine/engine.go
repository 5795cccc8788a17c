// Package engine is how the catalog uses its database, whatever is in it: one
// writer, whose callers share commits; readers beside it, each on a snapshot and
// not for long; and a log in which nothing that was overwritten stays longer
// than a minute.
//
// A failed fsync of a commit leaves unknown what is stored: the database stops
// for good (Failed) and opening it again, in a new process, finds out. A full
// disk refuses the change and is forgotten once there is room.
//
// It runs on SQLite; what is peculiar to that is in sqlite.go.
package engine

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"sealgate/internal/fault"
)

// Options are the settings of a database.
type Options struct {
	// Migrate brings the database to the newest schema.
	Migrate func(context.Context, *sql.DB) error
	// OnCommit stands around every commit, for tests: it can fail it before or
	// after it was stored. nil = nothing does.
	OnCommit func(commit func() error) error
	// View is how long a View may last; 0 = 10 seconds.
	View time.Duration
}

// DB is an open database. Its methods may be called from any goroutine.
type DB struct {
	path     string
	onCommit func(commit func() error) error
	maxView  time.Duration

	calls    chan *call    // Update -> writer
	logCalls chan logCall  // Checkpoint and the log's keeper -> writer
	writer   *session      // owned by the goroutine write
	drainer  *session      // owned by the goroutine keepLogShort
	readers  chan *session // free places among the readers

	stop       chan struct{} // closed by Close
	writerGone chan struct{} // closed when write has returned
	keeperGone chan struct{} // closed when keepLogShort has returned
	closeOnce  sync.Once
	closeErr   error

	failed    chan struct{} // closed by fail
	failCause atomic.Pointer[error]
}

// Open opens the database in the file at path and makes it when it is not
// there.
func Open(ctx context.Context, path string, opt Options) (*DB, error) {
	db := &DB{
		path: path, onCommit: opt.OnCommit, maxView: cmp.Or(opt.View, maxView),
		calls: make(chan *call), logCalls: make(chan logCall), readers: make(chan *session, maxReaders),
		stop: make(chan struct{}), writerGone: make(chan struct{}), keeperGone: make(chan struct{}),
		failed: make(chan struct{}),
	}
	if db.onCommit == nil {
		db.onCommit = func(commit func() error) error { return commit() }
	}
	if err := db.connect(ctx, opt.Migrate); err != nil {
		return nil, errors.Join(fault.Wrap(KindOf(err), "database: open", err), db.disconnect())
	}
	for range maxReaders {
		db.readers <- nil
	}
	go db.write()
	go db.keepLogShort()
	return db, nil
}

func (db *DB) connect(ctx context.Context, migrate func(context.Context, *sql.DB) error) error {
	var err error
	if db.writer, err = newSession(db.path, false); err != nil {
		return err
	}
	if db.drainer, err = newSession(db.path, false); err != nil {
		return err
	}
	pool, err := sql.Open("sqlite", dsn(db.path, false))
	if err != nil {
		return err
	}
	return errors.Join(migrate(ctx, pool), pool.Close())
}

// Close ends the writer after the group it is at, waits for Views, cuts the
// log and closes the database. Updates that wait get fault.TryLater.
func (db *DB) Close() error {
	db.closeOnce.Do(func() {
		close(db.stop)
		<-db.writerGone
		<-db.keeperGone
		for range maxReaders {
			if s := <-db.readers; s != nil {
				db.closeErr = errors.Join(db.closeErr, s.close())
			}
		}
		if db.failure("") == nil {
			_, err := truncateWAL(db.writer)
			db.closeErr = errors.Join(db.closeErr, err)
		}
		db.closeErr = errors.Join(db.closeErr, db.disconnect())
	})
	return fault.Wrap(fault.Internal, "database: close", db.closeErr)
}

func (db *DB) disconnect() error {
	var errs []error
	for _, s := range []*session{db.drainer, db.writer} {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	return errors.Join(errs...)
}

// Failed is closed when the database has stopped for good.
func (db *DB) Failed() <-chan struct{} { return db.failed }

// Failure returns the error of a database that has stopped for good.
func (db *DB) Failure() error { return db.failure("database: use") }
