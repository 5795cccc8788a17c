package journal

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"
)

// Fetched is a file of the outbox that was written here.
type Fetched struct {
	File         uuid.UUID
	Name, Path   string
	SHA256       []byte
	Written      bool // it lies there; false: it is about to
	Acknowledged bool
	At           time.Time
}

// Fetch returns what is known of a file of the outbox; nil when nothing is.
func (j *Journal) Fetch(ctx context.Context, file uuid.UUID) (*Fetched, error) {
	f := &Fetched{File: file}
	var state string
	var at int64
	err := j.db.QueryRowContext(ctx, "SELECT name, path, sha256, state, at FROM fetched WHERE file = ?", file[:]).Scan(&f.Name, &f.Path, &f.SHA256, &state, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	f.Written, f.Acknowledged, f.At = state != "placing", state == "done", timeOf(at)
	return f, wrap("journal: fetched", err)
}

// SetFetched notes where a file is about to be written, that it was, and that the
// gateway knows it.
func (j *Journal) SetFetched(ctx context.Context, f Fetched) error {
	state := "placing"
	switch {
	case f.Acknowledged:
		state = "done"
	case f.Written:
		state = "written"
	}
	_, err := j.db.ExecContext(ctx, `INSERT INTO fetched (file, name, path, sha256, state, at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (file) DO UPDATE SET state = excluded.state, path = excluded.path`, f.File[:], f.Name, f.Path, f.SHA256, state, nanos(f.At))
	return wrap("journal: fetched", err)
}

// LatestFetched lists what was fetched last, for people.
func (j *Journal) LatestFetched(ctx context.Context, limit int) ([]Fetched, error) {
	const op = "journal: fetched"
	rows, err := j.db.QueryContext(ctx, "SELECT file, name, path, sha256, state, at FROM fetched WHERE state <> 'placing' ORDER BY at DESC LIMIT ?", limit)
	if err != nil {
		return nil, wrap(op, err)
	}
	defer rows.Close()
	var all []Fetched
	for rows.Next() {
		var f Fetched
		var file []byte
		var state string
		var at int64
		if err := rows.Scan(&file, &f.Name, &f.Path, &f.SHA256, &state, &at); err != nil {
			return nil, wrap(op, err)
		}
		copy(f.File[:], file)
		f.Written, f.Acknowledged, f.At = state != "placing", state == "done", timeOf(at)
		all = append(all, f)
	}
	return all, wrap(op, rows.Err())
}
