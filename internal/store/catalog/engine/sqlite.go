package engine

import (
	"context"
	"database/sql/driver"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"sealgate/internal/fault"
)

// This file holds all that is SQLite's: how a database is opened, what its
// errors mean and how its log is cut. PostgreSQL gets a file like it, and the
// one place where statements are prepared (session.prepare) turns ? into $n.

const beginWrite = "BEGIN IMMEDIATE"

// LockByDescriptor makes SQLite lock by open file description: with the older
// kind of lock, any close of the database file in this process (a backup's,
// say) would drop the locks of every connection. It has to happen before the
// first database of the process; elsewhere than on Linux there is only the
// older kind.
var LockByDescriptor = sync.OnceFunc(func() {
	_, _ = sqlite.OFDLocking(true)
})

// dsn returns how a connection to the database at path is opened. synchronous
// FULL makes COMMIT return after the fsync of the log; secure_delete
// overwrites what is deleted; the log is cut by Checkpoint only, never in the
// middle of somebody's commit.
func dsn(path string, readOnly bool) string {
	q := url.Values{}
	add := func(pragma string) { q.Add("_pragma", pragma) }
	add("busy_timeout(5000)")
	add("temp_store(memory)")
	add("foreign_keys(1)")
	add("trusted_schema(0)")
	if readOnly {
		add("cache_size(-4096)")
		add("query_only(1)")
	} else {
		add("journal_mode(wal)")
		add("synchronous(full)")
		add("secure_delete(1)")
		add("wal_autocheckpoint(0)")
		add("cache_size(-16384)")
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// connect opens a connection to the database at path. The file is made
// beforehand, so that it and the log and index beside it, which take over its
// mode, are private.
func connect(path string, readOnly bool) (driver.Conn, error) {
	LockByDescriptor()
	if !readOnly {
		if err := Create(path); err != nil {
			return nil, err
		}
	}
	return new(sqlite.Driver).Open(dsn(path, readOnly))
}

// Create makes the file at path when it is not there.
func Create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return syncPath(filepath.Dir(path))
}

// syncPath makes a file's content, or a folder's names, durable.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// KindOf says what a driver's error means to the callers of this package.
func KindOf(err error) fault.Kind {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Kind
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fault.TryLater
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return fault.Internal
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return fault.Exists
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fault.NotFound // the account or login that the row belongs to
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fault.Full
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT:
		return fault.TryLater
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fault.Damaged
	}
	return fault.Internal
}

// endsTransaction reports whether the database may have rolled back the whole
// transaction by itself because of err. A statement that ran after that would
// be committed on its own.
func endsTransaction(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH,
		sqlite3.SQLITE_RANGE, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_SCHEMA:
		return false
	}
	return true
}

// walSize returns the length of the write-ahead log of the database at path.
func walSize(path string) (int64, error) {
	info, err := os.Stat(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// frameSize is the length of a page in the log.
const frameSize = 4096 + 24

// drainWAL copies what it can of the log into the database and returns how many
// pages the log holds. It holds up no reader and, when s is not the writer's
// session, no writer. When all could be copied, the next commit begins the log
// anew.
func drainWAL(s *session) (frames int64, err error) {
	var busy, copied int64
	err = s.query(context.Background(), func(row Scan) error { return row(&busy, &frames, &copied) }, "PRAGMA wal_checkpoint(PASSIVE)")
	return frames, err
}

// truncateWAL copies the log into the database and cuts it to nothing, so that
// what was overwritten in the database is nowhere else either. It reports
// false when a reader still needs the log. It runs on the writer's connection
// and holds up the writer, so it waits for readers only a moment.
func truncateWAL(s *session) (done bool, err error) {
	if err := s.control("PRAGMA busy_timeout(50)"); err != nil {
		return false, err
	}
	var busy, frames, moved int64
	err = s.query(context.Background(), func(row Scan) error { return row(&busy, &frames, &moved) }, "PRAGMA wal_checkpoint(TRUNCATE)")
	if e := s.control("PRAGMA busy_timeout(5000)"); err == nil {
		err = e
	}
	return busy == 0, err
}
