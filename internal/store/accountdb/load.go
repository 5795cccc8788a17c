package accountdb

import (
	"context"
	"database/sql"
	"slices"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
)

const (
	batchRows  = 10_000
	termBuffer = 1 << 19 // 8 MiB of terms for each sorted run

	smallRows = 200 // payments that are stored by Publish itself
	maxTerms  = 8   // of a payment, about
)

// Load is one reading of a file on its way into the index: invisible until
// Publish. It is for one goroutine.
type Load struct {
	db    *DB
	ctx   context.Context // of Begin: Add is handed to a reader that knows no context
	file  uuid.UUID
	fence int64
	id    int64

	rows  []any  // a batch, columnCount values for each payment
	terms []term // since the last sorted run
	last  int64  // seq of the payment before
	count int64
	dates payment.Dates // first and last, "" when no payment has one
	done  bool
}

// Begin starts a load of file. Loads of the file by other workers end here:
// those that hold older leases by being dropped, this one with fault.Exists
// when it is the older.
func (db *DB) Begin(ctx context.Context, file uuid.UUID, fence int64) (*Load, error) {
	const op = "accountdb: begin"
	l := &Load{db: db, ctx: ctx, file: file, fence: fence}
	err := db.update(ctx, op, relaxed, func(tx *sql.Tx) error {
		var newer int64
		err := tx.QueryRowContext(ctx, `SELECT
			(SELECT count(*) FROM file WHERE id = ?1 AND fence >= ?2) + (SELECT count(*) FROM load WHERE file = ?1 AND fence > ?2 AND NOT dropped)`,
			file[:], fence).Scan(&newer)
		if err != nil {
			return err
		}
		if newer > 0 {
			return stale(op)
		}
		dropped, err := tx.ExecContext(ctx, "UPDATE load SET dropped = 1 WHERE file = ? AND NOT dropped", file[:])
		if err != nil {
			return err
		}
		if n, _ := dropped.RowsAffected(); n > 0 {
			db.untidy.Store(true)
		}
		return tx.QueryRowContext(ctx, "INSERT INTO load (file, fence) VALUES (?, ?) RETURNING id", file[:], fence).Scan(&l.id)
	})
	if err != nil {
		return nil, err
	}
	if l.id >= maxRank {
		return nil, fault.New(fault.Internal, op, "the payment index has no load numbers left")
	}
	return l, nil
}

// Add puts a payment aside; its Seq is larger than that of the one before. It
// keeps nothing of p but its strings.
func (l *Load) Add(p *payment.Payment) error {
	const op = "accountdb: add"
	if l.done || p.Seq <= l.last || p.Seq > maxSeq {
		return fault.New(fault.Internal, op, "payment %d after %d", p.Seq, l.last)
	}
	l.last = p.Seq
	l.count++
	if d := p.ExecutionDate; d != nil {
		if l.dates.First == "" || *d < l.dates.First {
			l.dates.First = *d
		}
		l.dates.Last = max(l.dates.Last, *d)
	}
	id := rankOf(l.id)<<32 | p.Seq
	l.rows = columns(l.rows, id, p)
	l.terms = terms(l.terms, id, p.Payer.Account, p.Payee.Account, p.Reference)
	if len(l.rows) < l.db.batch*columnCount {
		return nil
	}
	if err := l.storeRows(l.ctx, op); err != nil {
		return err
	}
	if len(l.terms) < termBuffer {
		return nil
	}
	return l.storeTerms(l.ctx, op)
}

// storeRows writes the batch in one transaction.
func (l *Load) storeRows(ctx context.Context, op string) error {
	if len(l.rows) == 0 {
		return nil
	}
	return l.update(ctx, op, relaxed, l.putRows)
}

// putRows is storeRows in a transaction that is there.
func (l *Load) putRows(tx *sql.Tx) error {
	stmt := tx.Stmt(l.db.insert.payment)
	for row := range slices.Chunk(l.rows, columnCount) {
		// Without the context: the driver would start a goroutine for each
		// row to watch it. The transaction ends with it all the same.
		if _, err := stmt.Exec(row...); err != nil {
			return err
		}
	}
	clear(l.rows)
	l.rows = l.rows[:0]
	return nil
}

// storeTerms writes the terms put aside, sorted, a batch a transaction: a run
// over the whole index that visits each page once.
func (l *Load) storeTerms(ctx context.Context, op string) error {
	l.sortTerms()
	for batch := range slices.Chunk(l.terms, l.db.batch) {
		err := l.update(ctx, op, relaxed, func(tx *sql.Tx) error {
			return insertTerms(tx.Stmt(l.db.insert.term), batch)
		})
		if err != nil {
			return err
		}
	}
	l.terms = l.terms[:0]
	return nil
}

func (l *Load) sortTerms() {
	slices.SortFunc(l.terms, term.compare)
	l.terms = slices.Compact(l.terms)
}

// small reports whether what is left to store is so little that it may go with
// Publish, in its transaction: for a small file, all of it.
func (l *Load) small() bool {
	return len(l.rows) <= smallRows*columnCount && len(l.terms) <= smallRows*maxTerms
}

// insertTerms runs the statement insertTerm over ts. The last round is filled
// up with its last term: one that is there already is ignored.
func insertTerms(stmt *sql.Stmt, ts []term) error {
	args := make([]any, 0, 2*termsAtOnce)
	for round := range slices.Chunk(ts, termsAtOnce) {
		args = args[:0]
		for i := range termsAtOnce {
			t := round[min(i, len(round)-1)]
			args = append(args, t.hash, t.payment)
		}
		if _, err := stmt.Exec(args...); err != nil {
			return err
		}
	}
	return nil
}

// update is DB.update for a load that has not been taken over.
func (l *Load) update(ctx context.Context, op string, d durability, fn func(tx *sql.Tx) error) error {
	return l.db.update(ctx, op, d, func(tx *sql.Tx) error {
		var alive bool
		err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM load WHERE id = ? AND NOT dropped)", l.id).Scan(&alive)
		if err != nil {
			return err
		}
		if !alive {
			return stale(op)
		}
		return fn(tx)
	})
}

// Drop gives the load up. After Publish it does nothing.
func (l *Load) Drop(ctx context.Context) error {
	if l.done {
		return nil
	}
	l.done, l.rows, l.terms = true, nil, nil
	err := l.db.update(ctx, "accountdb: drop", relaxed, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE load SET dropped = 1 WHERE id = ?", l.id)
		return err
	})
	l.db.untidy.Store(true)
	return err
}
