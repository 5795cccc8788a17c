package catalog

import (
	"context"
	"database/sql"
	"errors"

	"sealgate/internal/fault"
)

// session is one connection with its prepared statements. One goroutine uses
// it at a time.
type session struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt // by query text; queries are constants, so it stays small
}

func newSession(ctx context.Context, pool *sql.DB) (*session, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, stmts: map[string]*sql.Stmt{}}, nil
}

func (s *session) prepare(query string) (*sql.Stmt, error) {
	if stmt := s.stmts[query]; stmt != nil {
		return stmt, nil
	}
	// Not the caller's context: the statement outlives his call.
	stmt, err := s.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = stmt
	return stmt, nil
}

// control runs a statement that steers transactions.
func (s *session) control(query string) error {
	stmt, err := s.prepare(query)
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(context.Background())
	return err
}

func (s *session) close() error {
	var errs []error
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}

var (
	errViewWrites = errors.New("a write in a View")
	errTxEnded    = errors.New("the transaction is over")
)

// Tx is a transaction: the argument of the function given to Update or View,
// good until that function returns, and only in its goroutine.
type Tx struct {
	c       *Catalog
	ctx     context.Context
	s       *session
	writes  bool
	broken  error // the database gave up the transaction; nothing runs after it
	newJobs int   // jobs that became ready; told to workers after the commit
}

// exec runs a statement that returns no rows and reports how many it changed.
func (tx *Tx) exec(op, query string, args ...any) (int64, error) {
	stmt, err := tx.ready(query, true)
	if err != nil {
		return 0, fault.Wrap(fault.Internal, op, err)
	}
	res, err := stmt.ExecContext(tx.ctx, args...)
	if err != nil {
		return 0, tx.failed(op, err)
	}
	n, err := res.RowsAffected()
	return n, fault.Wrap(fault.Internal, op, err)
}

// execOne is exec for statements that must change exactly one row.
func (tx *Tx) execOne(op, query string, args ...any) error {
	n, err := tx.exec(op, query, args...)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.New(fault.NotFound, op, "no such thing")
	}
	return nil
}

// scan reads the columns of one row.
type scan func(dest ...any) error

// one returns the row that a query selects; no row is fault.NotFound.
func one[T any](tx *Tx, op string, read func(scan) (T, error), query string, args ...any) (T, error) {
	var none T
	rows, err := list(tx, op, read, query, args...)
	if err != nil {
		return none, err
	}
	if len(rows) == 0 {
		return none, fault.New(fault.NotFound, op, "no such thing")
	}
	return rows[0], nil
}

// change is one for a statement that changes a row and returns something of it.
func change[T any](tx *Tx, op string, read func(scan) (T, error), query string, args ...any) (T, error) {
	if !tx.writes {
		var none T
		return none, fault.Wrap(fault.Internal, op, errViewWrites)
	}
	return one(tx, op, read, query, args...)
}

// list returns the rows that a query selects.
func list[T any](tx *Tx, op string, read func(scan) (T, error), query string, args ...any) ([]T, error) {
	stmt, err := tx.ready(query, false)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	rows, err := stmt.QueryContext(tx.ctx, args...)
	if err != nil {
		return nil, tx.failed(op, err)
	}
	defer func() { _ = rows.Close() }() // after a full read there is nothing left to fail
	var all []T
	for rows.Next() {
		v, err := read(rows.Scan)
		if err != nil {
			return nil, fault.Wrap(fault.Damaged, op, err)
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, tx.failed(op, err)
	}
	return all, nil
}

// value reads a row of one column.
func value[T any](s scan) (v T, err error) {
	err = s(&v)
	return v, err
}

func (tx *Tx) ready(query string, write bool) (*sql.Stmt, error) {
	if tx.broken != nil {
		return nil, tx.broken
	}
	if write && !tx.writes {
		return nil, errViewWrites
	}
	return tx.s.prepare(query)
}

// failed gives a driver's error its kind and, where the database may have
// given up the transaction because of it, stops the transaction.
func (tx *Tx) failed(op string, err error) error {
	err = fault.Wrap(kindOf(err), op, err)
	if endsTransaction(err) {
		tx.broken = err
	}
	return err
}
