package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// Session is one connection with the statements that were compiled on it: for
// a small file, compiling them anew would cost more than running them. One
// goroutine uses it at a time.
type Session struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt // by text
}

// NewSession connects.
func NewSession(ctx context.Context, pool *sql.DB) (*Session, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &Session{conn: conn, stmts: map[string]*sql.Stmt{}}, nil
}

func (s *Session) prepare(text string) (*sql.Stmt, error) {
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

// Exec runs a statement that returns no rows and tells how many it changed.
//
// Neither Exec nor Row take a context: the driver would start a goroutine for
// each statement to watch it, and none of them takes long.
func (s *Session) Exec(text string, args ...any) (int64, error) {
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

// Do is Exec for callers who do not count.
func (s *Session) Do(text string, args ...any) error {
	_, err := s.Exec(text, args...)
	return err
}

// Row runs a query for one row.
func (s *Session) Row(text string, args ...any) Scanner {
	stmt, err := s.prepare(text)
	if err != nil {
		return broken{err}
	}
	return stmt.QueryRowContext(context.Background(), args...)
}

// Scanner is a row that is about to be read; sql.ErrNoRows: there is none.
type Scanner interface{ Scan(dest ...any) error }

type broken struct{ err error }

func (b broken) Scan(...any) error { return b.err }

// Query runs a query that may take long, or whose text is made up for it: it
// ends with ctx and is not kept.
func (s *Session) Query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	return s.conn.QueryContext(ctx, text, args...)
}

// Once is Row for a query like that of Query.
func (s *Session) Once(ctx context.Context, text string, args ...any) Scanner {
	return s.conn.QueryRowContext(ctx, text, args...)
}

// Script runs statements that are run once.
func (s *Session) Script(ctx context.Context, text string) error {
	_, err := s.conn.ExecContext(ctx, text)
	return err
}

// Close ends the connection.
func (s *Session) Close() error {
	var errs []error
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}
