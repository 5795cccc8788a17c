package engine

import (
	"context"
	"errors"
	"math"

	"sealgate/internal/fault"
)

var (
	errViewWrites = errors.New("a write in a View")
	errTxEnded    = errors.New("the transaction is over")
)

// Tx is a transaction: the argument of the function given to Update or View,
// good until that function returns, and only in its goroutine.
type Tx struct {
	ctx    context.Context
	s      *session
	writes bool
	broken error // the database gave up the transaction; nothing runs after it

	over    bool  // a View's snapshot has been let go of
	overErr error // what came of that
}

// Exec runs a statement that returns no rows and reports how many it changed.
func (tx *Tx) Exec(op, query string, args ...any) (int64, error) {
	tx.s.mu.Lock()
	defer tx.s.mu.Unlock()
	if err := tx.ready(true); err != nil {
		return 0, fault.Wrap(fault.Internal, op, err)
	}
	n, err := tx.s.exec(query, args...)
	if err != nil {
		return 0, tx.failed(op, err)
	}
	return n, nil
}

// ExecOne is Exec for statements that must change exactly one row.
func (tx *Tx) ExecOne(op, query string, args ...any) error {
	n, err := tx.Exec(op, query, args...)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.New(fault.NotFound, op, "no such thing")
	}
	return nil
}

// One returns the row that a query selects; no row is fault.NotFound.
func One[T any](tx *Tx, op string, read func(Scan) (T, error), query string, args ...any) (T, error) {
	var none T
	rows, err := List(tx, op, read, query, args...)
	if err != nil {
		return none, err
	}
	if len(rows) == 0 {
		return none, fault.New(fault.NotFound, op, "no such thing")
	}
	return rows[0], nil
}

// List returns the rows that a query selects.
func List[T any](tx *Tx, op string, read func(Scan) (T, error), query string, args ...any) ([]T, error) {
	tx.s.mu.Lock()
	defer tx.s.mu.Unlock()
	if err := tx.ready(false); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	var all []T
	err := tx.s.query(tx.ctx, func(row Scan) error {
		v, err := read(row)
		if err != nil {
			return fault.Wrap(fault.Damaged, op, err)
		}
		all = append(all, v)
		return nil
	}, query, args...)
	if err != nil {
		return nil, tx.failed(op, err)
	}
	return all, nil
}

// Value reads a row of one column.
func Value[T any](row Scan) (v T, err error) {
	err = row(&v)
	return v, err
}

// defaultLimit is the number of rows a list holds when its filter names none.
const defaultLimit = 1000

// RowLimit turns a filter's Limit into the database's.
func RowLimit(limit int) int64 {
	switch {
	case limit == 0:
		return defaultLimit
	case limit < 0:
		return math.MaxInt64
	}
	return int64(limit)
}

// Writes reports whether this is an Update.
func (tx *Tx) Writes() bool { return tx.writes }

func (tx *Tx) ready(write bool) error {
	if tx.broken != nil {
		return tx.broken
	}
	if write && !tx.writes {
		return errViewWrites
	}
	return nil
}

// failed gives a driver's error its kind and, where the database may have
// given up the transaction because of it, stops the transaction.
func (tx *Tx) failed(op string, err error) error {
	err = fault.Wrap(KindOf(err), op, err)
	if endsTransaction(err) {
		tx.broken = err
	}
	return err
}
