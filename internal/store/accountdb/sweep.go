package accountdb

import (
	"context"
	"database/sql"
	"errors"

	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb/row"
	"sealgate/internal/store/accountdb/sqlite"
	"sealgate/internal/store/accountdb/term"
)

// tidy sweeps until nothing is left, or leaves the rest for the next time.
func (db *DB) tidy(ctx context.Context) {
	db.untidy.Store(false) // before the first look: what is dropped from now on sets it again
	for {
		more, err := db.sweep(ctx)
		if err != nil {
			db.untidy.Store(true)
			return
		}
		if !more {
			return
		}
	}
}

// sweep takes the payments of one dropped load away, at most half a batch of
// them (taking away is dearer than bringing in), and tells whether there may be
// more to do.
func (db *DB) sweep(ctx context.Context) (more bool, err error) {
	err = db.update(ctx, "accountdb: sweep", relaxed, func(s *sqlite.Session) error {
		var load int64
		err := s.Row("SELECT id FROM load WHERE dropped ORDER BY id LIMIT 1").Scan(&load)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		more = true
		return db.sweepLoad(ctx, s, load)
	})
	return more, err
}

func (db *DB) sweepLoad(ctx context.Context, s *sqlite.Session, load int64) error {
	first, last := row.Span(rankOf(load))
	limit := db.batch / 2
	n, run, err := sweepable(ctx, s, first, last, limit)
	if err != nil {
		return err
	}
	if n < limit {
		// The last round: terms are written after their rows, so none is left.
		if err := s.Do("DELETE FROM load WHERE id = ?", load); err != nil {
			return err
		}
	} else {
		last = run.last
	}
	if err := s.Do("DELETE FROM young WHERE payment BETWEEN ? AND ?", first, last); err != nil {
		return err
	}
	for _, t := range run.terms {
		if err := s.Do("DELETE FROM term WHERE hash = ? AND payment = ?", t.Hash, first|t.Seq); err != nil {
			return err
		}
	}
	if err := s.Do("DELETE FROM block WHERE last BETWEEN ? AND ?", first, last); err != nil {
		return err
	}
	return s.Do("DELETE FROM payment WHERE id BETWEEN ? AND ?", first, last)
}

// swept is what goes with a run of payments.
type swept struct {
	terms []term.Term
	last  int64 // id of the last payment of the run
}

// sweepable reads the first payments between two ids.
func sweepable(ctx context.Context, s *sqlite.Session, first, last int64, limit int) (n int, run swept, err error) {
	rows, err := s.Query(ctx, "SELECT "+row.Columns+" FROM payment p WHERE p.id BETWEEN ? AND ? ORDER BY p.id LIMIT ?", first, last, limit)
	if err != nil {
		return 0, run, err
	}
	defer rows.Close()
	var p payment.Payment
	for rows.Next() {
		if run.last, err = row.Scan(rows.Scan, &p); err != nil {
			return 0, run, err
		}
		run.terms = term.Append(run.terms, &p)
		n++
	}
	return n, run, rows.Err()
}
