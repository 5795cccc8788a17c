package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync"
)

// session is one connection with its prepared statements. It speaks with the
// driver itself: with database/sql between, a View of two look-ups took twice as
// long. One goroutine uses it at a time, under mu only because the
// end of a View's time comes from another one.
type session struct {
	mu    sync.Mutex
	conn  driver.Conn
	stmts map[string]statement // by query text; queries are constants, so it stays small
	args  []driver.NamedValue  // of the statement that runs now
	row   []driver.Value       // that it is at
}

// statement is what the driver has to offer.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

func newSession(path string, readOnly bool) (*session, error) {
	conn, err := connect(path, readOnly)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, stmts: map[string]statement{}}, nil
}

func (s *session) prepare(query string) (statement, error) {
	if stmt := s.stmts[query]; stmt != nil {
		return stmt, nil
	}
	prepared, err := s.conn.Prepare(query)
	if err != nil {
		return nil, err
	}
	stmt, ok := prepared.(statement)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the driver's statements are %T", prepared), prepared.Close())
	}
	s.stmts[query] = stmt
	return stmt, nil
}

// bind turns arguments into the driver's.
func (s *session) bind(args []any) error {
	s.args = s.args[:0]
	for i, arg := range args {
		if column, ok := arg.(driver.Valuer); ok {
			v, err := column.Value()
			if err != nil {
				return err
			}
			arg = v
		}
		if !driver.IsValue(arg) {
			return fmt.Errorf("argument %d is %T", i+1, arg)
		}
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	return nil
}

// exec runs a statement that returns no rows and reports how many it changed.
func (s *session) exec(query string, args ...any) (int64, error) {
	stmt, err := s.prepare(query)
	if err != nil {
		return 0, err
	}
	if err := s.bind(args); err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(context.Background(), s.args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// query visits the rows that a query selects. The context of who asks is looked
// at between them: to watch it meanwhile would take a goroutine for each query,
// which costs as much as a short one does.
func (s *session) query(ctx context.Context, visit func(Scan) error, query string, args ...any) (err error) {
	stmt, err := s.prepare(query)
	if err != nil {
		return err
	}
	if err := s.bind(args); err != nil {
		return err
	}
	rows, err := stmt.QueryContext(context.Background(), s.args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	s.row = append(s.row[:0], make([]driver.Value, len(rows.Columns()))...)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch err := rows.Next(s.row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := visit(s.scan); err != nil {
			return err
		}
	}
}

// Scan reads the columns of one row: text, bytes, int64, float64 and whatever
// is a sql.Scanner.
type Scan func(dest ...any) error

func (s *session) scan(dest ...any) error {
	if len(dest) != len(s.row) {
		return fmt.Errorf("%d columns for %d values", len(s.row), len(dest))
	}
	for i, d := range dest {
		if err := assign(d, s.row[i]); err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

func assign(dest any, v driver.Value) error {
	ok := true
	switch d := dest.(type) {
	case sql.Scanner:
		return d.Scan(v)
	case *int64:
		*d, ok = v.(int64)
	case *string:
		*d, ok = v.(string)
	case *float64:
		*d, ok = v.(float64)
	case *[]byte:
		if *d, ok = v.([]byte); v == nil {
			ok = true
		}
	default:
		ok = false
	}
	if !ok {
		return fmt.Errorf("%T is no %T", v, dest)
	}
	return nil
}

// control runs a statement that steers transactions.
func (s *session) control(query string) error {
	_, err := s.exec(query)
	return err
}

func (s *session) close() error {
	var errs []error
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}
