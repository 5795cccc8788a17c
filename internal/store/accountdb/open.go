package accountdb

import (
	"context"
	"database/sql"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	pageSize = 4096
	reserved = 32 // bytes at the end of each page, for the seal of an encrypted database
	cacheKiB = 512
	readers  = 2
)

// open opens the database at path, making it when it is not there. It is the
// only place that opens account databases: whatever must come first, as the
// lease of the account or its key, comes here.
func open(ctx context.Context, path string) (*DB, error) {
	const op = "accountdb: open"
	if err := create(path); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	db := &DB{steps: steps{batch: batchRows, ripe: youngTerms}, write: make(chan *session, 1), read: make(chan *session, readers), loads: map[*Load]bool{}}
	for range readers {
		db.read <- nil
	}
	var err error
	if db.writer, err = connect(path, "_txlock=immediate", "_pragma=journal_mode(wal)", "_pragma=secure_delete(on)",
		"_pragma=wal_autocheckpoint(2000)", "_pragma=journal_size_limit(33554432)"); err != nil {
		return nil, wrap(op, err)
	}
	if db.reader, err = connect(path, "mode=ro", "_pragma=query_only(on)"); err != nil {
		return nil, wrap(op, errors.Join(err, db.writer.Close()))
	}
	s, err := newSession(ctx, db.writer)
	db.write <- s
	if err != nil {
		return nil, wrap(op, errors.Join(err, db.close()))
	}
	if err := db.prepare(ctx); err != nil {
		return nil, wrap(op, errors.Join(err, db.close()))
	}
	return db, nil
}

// connect returns a handle on the database at path.
func connect(path string, params ...string) (*sql.DB, error) {
	name := filepath.ToSlash(path)
	if !strings.HasPrefix(name, "/") {
		name = "/" + name // C:/... on Windows
	}
	params = append(params, "_pragma=busy_timeout(10000)", "_pragma=temp_store(memory)", fmt.Sprintf("_pragma=cache_size(-%d)", cacheKiB))
	return sql.Open("sqlite", "file://"+(&url.URL{Path: name}).EscapedPath()+"?"+strings.Join(params, "&"))
}

// prepare brings the schema up to date and gives up the loads that no worker of
// this process can be filling.
func (db *DB) prepare(ctx context.Context) error {
	steps, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	var orphans, young int64
	err = db.transact(ctx, synced, func(s *session) error {
		if err := migrate(ctx, s, steps); err != nil {
			return err
		}
		if err := s.do("UPDATE load SET dropped = 1 WHERE NOT dropped"); err != nil {
			return err
		}
		return s.row("SELECT (SELECT count(*) FROM load), (SELECT count(*) FROM young)").Scan(&orphans, &young)
	})
	db.young.Store(young)
	db.untidy.Store(orphans > 0)
	return err
}

// migrate runs the steps that the database has not seen.
func migrate(ctx context.Context, s *session, steps []string) error {
	var version int
	if err := s.row("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > len(steps) {
		return fmt.Errorf("database of version %d, made by a newer gateway; this one knows %d", version, len(steps))
	}
	if version == len(steps) {
		return nil
	}
	for ; version < len(steps); version++ {
		text, err := migrations.ReadFile(steps[version])
		if err != nil {
			return err
		}
		if _, err := s.conn.ExecContext(ctx, string(text)); err != nil {
			return fmt.Errorf("%s: %w", steps[version], err)
		}
	}
	_, err := s.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version=%d", version))
	return err
}

// create puts an empty database at path unless there is one. It cannot be left
// to SQLite: the bytes kept free in each page are fixed by the first page, and
// a database without them could never be encrypted in place.
func create(path string) error {
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
	p := make([]byte, pageSize)
	copy(p, "SQLite format 3\x00")
	binary.BigEndian.PutUint16(p[16:], pageSize)
	p[18], p[19] = 2, 2                         // written and read through a write-ahead log
	p[20] = reserved                            // at the end of each page
	p[21], p[22], p[23] = 64, 32, 32            // payload fractions, fixed
	binary.BigEndian.PutUint32(p[24:], 1)       // change counter
	binary.BigEndian.PutUint32(p[28:], 1)       // pages
	binary.BigEndian.PutUint32(p[44:], 4)       // schema format
	binary.BigEndian.PutUint32(p[56:], 1)       // UTF-8
	binary.BigEndian.PutUint32(p[92:], 1)       // version-valid-for = change counter
	binary.BigEndian.PutUint32(p[96:], 3051000) // SQLite version, informative
	p[100] = 13                                 // an empty leaf of the schema table
	binary.BigEndian.PutUint16(p[105:], pageSize-reserved)
	return p
}
