package accountdb

import (
	"context"
	"embed"
	"errors"

	"sealgate/internal/fault"
	"sealgate/internal/store/accountdb/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

const readers = 2

// open opens the database at path, making it when it is not there. It is the
// only place that opens account databases: whatever must come first, as the
// lease of the account or its key, comes here.
func open(ctx context.Context, path string) (*DB, error) {
	const op = "accountdb: open"
	if err := sqlite.Create(path); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	db := &DB{steps: steps{batch: batchRows, ripe: youngTerms}, write: make(chan *sqlite.Session, 1), read: make(chan *sqlite.Session, readers), loads: map[*Load]bool{}}
	for range readers {
		db.read <- nil
	}
	var err error
	if db.writer, err = sqlite.Connect(path, "_txlock=immediate", "_pragma=journal_mode(wal)", "_pragma=secure_delete(on)",
		"_pragma=wal_autocheckpoint(2000)", "_pragma=journal_size_limit(33554432)"); err != nil {
		return nil, sqlite.Wrap(op, err)
	}
	if db.reader, err = sqlite.Connect(path, "mode=ro", "_pragma=query_only(on)"); err != nil {
		return nil, sqlite.Wrap(op, errors.Join(err, db.writer.Close()))
	}
	s, err := sqlite.NewSession(ctx, db.writer)
	db.write <- s
	if err != nil {
		return nil, sqlite.Wrap(op, errors.Join(err, db.close()))
	}
	if err := db.prepare(ctx); err != nil {
		return nil, sqlite.Wrap(op, errors.Join(err, db.close()))
	}
	return db, nil
}

// prepare brings the schema up to date and gives up the loads that no worker of
// this process can be filling.
func (db *DB) prepare(ctx context.Context) error {
	var orphans, young int64
	err := db.transact(ctx, synced, func(s *sqlite.Session) error {
		if err := sqlite.Migrate(ctx, s, migrations, "migrations/*.sql"); err != nil {
			return err
		}
		if err := s.Do("UPDATE load SET dropped = 1 WHERE NOT dropped"); err != nil {
			return err
		}
		return s.Row("SELECT (SELECT count(*) FROM load), (SELECT count(*) FROM young)").Scan(&orphans, &young)
	})
	db.young.Store(young)
	db.untidy.Store(orphans > 0)
	return err
}
