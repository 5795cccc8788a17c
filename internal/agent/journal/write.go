package journal

import (
	"context"
	"database/sql"
)

// write is a change that waits to be made.
type write struct {
	do  func(*sql.Tx) error
	err error
}

// tx makes a change, with those that others make at the same time: all in one
// transaction, each whole or not at all. do may be called again when that fails.
func (j *Journal) tx(ctx context.Context, do func(*sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &write{do: do}
	// From here on it is not one caller's to give up.
	ctx = context.WithoutCancel(ctx)
	j.writes.Do(w, func(all []*write) {
		err := j.commit(ctx, all)
		if err != nil && len(all) > 1 { // one of them may have spoilt it, as for want of room
			for _, w := range all {
				if err := j.commit(ctx, []*write{w}); err != nil {
					w.err = err
				}
			}
		} else if err != nil {
			all[0].err = err
		}
	})
	return w.err
}

// commit makes changes in one transaction. What a change itself says is in its err; the
// error is that of all.
func (j *Journal) commit(ctx context.Context, all []*write) error {
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	if len(all) == 1 {
		if all[0].err = all[0].do(tx); all[0].err != nil {
			return nil
		}
		return tx.Commit()
	}
	for _, w := range all {
		if err := savepoint(ctx, tx, w); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// savepoint makes one change, or nothing of it.
func savepoint(ctx context.Context, tx *sql.Tx, w *write) error {
	if _, err := tx.ExecContext(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	if w.err = w.do(tx); w.err != nil {
		if _, err := tx.ExecContext(ctx, "ROLLBACK TO one"); err != nil {
			return err // the database has given up all of it
		}
	}
	_, err := tx.ExecContext(ctx, "RELEASE one")
	return err
}
