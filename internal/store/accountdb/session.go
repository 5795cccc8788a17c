package accountdb

import (
	"context"
	"database/sql"
	"errors"
)

// session is one connection with the statements that were compiled on it: for
// a small file, compiling them anew would cost more than running them. One
// goroutine uses it at a time.
type session struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt // by text
}

func newSession(ctx context.Context, pool *sql.DB) (*session, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, stmts: map[string]*sql.Stmt{}}, nil
}

func (s *session) prepare(text string) (*sql.Stmt, error) {
	if stmt := s.stmts[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	s.stmts[text] = stmt
	return stmt, nil
}

// exec runs a statement that returns no rows and tells how many it changed.
//
// Neither exec nor scan take a context: the driver would start a goroutine for
// each statement to watch it, and none of them takes long.
func (s *session) exec(text string, args ...any) (int64, error) {
	stmt, err := s.prepare(text)
	if err != nil {
		return 0, err
	}
	res, err := stmt.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// do is exec for callers who do not count.
func (s *session) do(text string, args ...any) error {
	_, err := s.exec(text, args...)
	return err
}

// row runs a query for one row.
func (s *session) row(text string, args ...any) scanner {
	stmt, err := s.prepare(text)
	if err != nil {
		return broken{err}
	}
	return stmt.QueryRowContext(context.Background(), args...)
}

// scanner is a row that is about to be read; sql.ErrNoRows: there is none.
type scanner interface{ Scan(dest ...any) error }

type broken struct{ err error }

func (b broken) Scan(...any) error { return b.err }

// query runs a query that may take long, or whose text is made up for it: it
// ends with ctx and is not kept.
func (s *session) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	return s.conn.QueryContext(ctx, text, args...)
}

func (s *session) close() error {
	var errs []error
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}
