// Package sqlite is what the payment index asks of SQLite: database files whose
// pages have room for a seal, connections that keep their compiled statements, and
// errors of a kind.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

// Of each database file.
const (
	PageSize = 4096
	Reserved = 32 // bytes at the end of each page, for the seal of an encrypted database

	cacheKiB = 512
)

// Connect returns a handle on the database at path. Nothing else opens one.
func Connect(path string, params ...string) (*sql.DB, error) {
	name := filepath.ToSlash(path)
	if !strings.HasPrefix(name, "/") {
		name = "/" + name // C:/... on Windows
	}
	params = append(params, "_pragma=busy_timeout(10000)", "_pragma=temp_store(memory)", fmt.Sprintf("_pragma=cache_size(-%d)", cacheKiB))
	return sql.Open("sqlite", "file://"+(&url.URL{Path: name}).EscapedPath()+"?"+strings.Join(params, "&"))
}

// Create puts an empty database at path unless there is one. It cannot be left
// to SQLite: the bytes kept free in each page are fixed by the first page, and
// a database without them could never be encrypted in place.
func Create(path string) error {
	_, err := os.Stat(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// A log beside a database that is not there belongs to another one.
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return durable.WriteFile(durable.OS, path, emptyPage())
}

// emptyPage is the first page of an empty database, as the SQLite file format
// (sqlite.org/fileformat2.html, 1.3 and 1.6) has it.
func emptyPage() []byte {
	p := make([]byte, PageSize)
	copy(p, "SQLite format 3\x00")
	binary.BigEndian.PutUint16(p[16:], PageSize)
	p[18], p[19] = 2, 2                         // written and read through a write-ahead log
	p[20] = Reserved                            // at the end of each page
	p[21], p[22], p[23] = 64, 32, 32            // payload fractions, fixed
	binary.BigEndian.PutUint32(p[24:], 1)       // change counter
	binary.BigEndian.PutUint32(p[28:], 1)       // pages
	binary.BigEndian.PutUint32(p[44:], 4)       // schema format
	binary.BigEndian.PutUint32(p[56:], 1)       // UTF-8
	binary.BigEndian.PutUint32(p[92:], 1)       // version-valid-for = change counter
	binary.BigEndian.PutUint32(p[96:], 3051000) // SQLite version, informative
	p[100] = 13                                 // an empty leaf of the schema table
	binary.BigEndian.PutUint16(p[105:], PageSize-Reserved)
	return p
}

// Remove removes a closed database, the log first: without its database
// it is nothing, the database without its log would be another one.
func Remove(path string) error {
	for _, suffix := range []string{"-shm", "-wal", ""} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Migrate runs the steps, files in the order of their names, that the database has
// not seen.
func Migrate(ctx context.Context, s *Session, files fs.FS, pattern string) error {
	steps, err := fs.Glob(files, pattern)
	if err != nil {
		return err
	}
	var version int
	if err := s.Row("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > len(steps) {
		return fmt.Errorf("database of version %d, made by a newer gateway; this one knows %d", version, len(steps))
	}
	if version == len(steps) {
		return nil
	}
	for ; version < len(steps); version++ {
		text, err := fs.ReadFile(files, steps[version])
		if err != nil {
			return err
		}
		if err := s.Script(ctx, string(text)); err != nil {
			return fmt.Errorf("%s: %w", steps[version], err)
		}
	}
	return s.Script(ctx, fmt.Sprintf("PRAGMA user_version=%d", version))
}

// Code is SQLite's primary error code, 0 for errors that are not SQLite's.
func Code(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// Wrap gives an error of the database its kind.
func Wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	kind := fault.Internal
	switch {
	case errors.Is(err, sql.ErrNoRows):
		kind = fault.NotFound
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		kind = fault.TryLater
	}
	switch Code(err) {
	case sqlite3.SQLITE_FULL:
		kind = fault.Full
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT:
		kind = fault.TryLater
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		kind = fault.Damaged
	}
	return fault.Wrap(kind, op, err)
}

// Ended is Wrap for what ctx may have ended, whatever the driver makes of it.
func Ended(ctx context.Context, op string, err error) error {
	if err != nil && ctx.Err() != nil {
		return fault.Wrap(fault.TryLater, op, ctx.Err())
	}
	return Wrap(op, err)
}
