package accountdb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb/sqlite"
)

// FileMeta is what Publish has to know of a file beside its payments.
type FileMeta struct {
	Number       int64  // arrival number
	ContentMAC   []byte // what its bytes are compared by; nil = never compared
	Outward      bool   // a file for the account: never held, and judged by nobody
	IndexVersion int64  // of the reader
	Summary      payment.Summary
}

// Result is what was published of a file.
type Result struct {
	Number       int64
	Fence        int64
	IndexVersion int64
	Outward      bool
	Released     bool
	Summary      payment.Summary // with the duplicate findings
}

// Publish ends the load: its payments become the file's, those of older loads
// go. It returns the summary with what the judgement of duplicates adds to it.
// It is durable when it returns nil. After an error other than fault.Exists it
// may be done or not; the next worker asks Result.
func (l *Load) Publish(ctx context.Context, m FileMeta) (payment.Summary, error) {
	const op = "accountdb: publish"
	if l.done {
		return payment.Summary{}, fault.New(fault.Internal, op, "the load has ended")
	}
	if err := l.wait(); err != nil {
		return payment.Summary{}, err
	}
	refused := m.Summary.Outcome == payment.Refused
	rest := !refused && l.small()
	if !refused && !rest {
		if err := errors.Join(l.storeRows(ctx, op, &l.rows), l.storeTerms(ctx, op, &l.terms)); err != nil {
			return payment.Summary{}, err
		}
	}
	f := &file{
		id: l.file, Result: Result{Number: m.Number, Fence: l.fence, IndexVersion: m.IndexVersion, Outward: m.Outward, Summary: m.Summary},
		mac: m.ContentMAC, payments: l.count, dates: l.dates,
	}
	f.Summary.Findings = slices.Clone(m.Summary.Findings)
	err := l.db.update(ctx, op, synced, func(s *sqlite.Session) error {
		id, err := l.end(s, op, refused)
		if err != nil {
			return err
		}
		f.rank = rankOf(id)
		if rest {
			if err := l.storeRest(s, f.rank); err != nil {
				return err
			}
		}
		return l.replace(s, f)
	})
	if err != nil {
		return payment.Summary{}, err
	}
	l.close()
	_ = l.db.ripen(ctx) // the file is published, whatever becomes of that
	return f.Summary, nil
}

func (l *Load) storeRest(s *sqlite.Session, rank int64) error {
	if err := l.rows.Insert(s, rank); err != nil {
		return err
	}
	stored, err := insertTerms(s, insertYoung, rank, l.terms)
	l.db.young.Add(stored)
	return err
}

// end takes the load's row away, or leaves it to the sweep with all that was
// stored, and returns the load's number.
func (l *Load) end(s *sqlite.Session, op string, refused bool) (id int64, err error) {
	if l.id == 0 {
		return l.claim(s, op)
	}
	if err := l.alive(s, op); err != nil {
		return 0, err
	}
	if refused {
		l.db.untidy.Store(true)
		return l.id, s.Do("UPDATE load SET dropped = 1 WHERE id = ?", l.id)
	}
	return l.id, s.Do("DELETE FROM load WHERE id = ?", l.id)
}

// replace puts f in the place of what was published of the file before.
func (l *Load) replace(s *sqlite.Session, f *file) error {
	before, err := fileByID(s, f.id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return err
	case before.Fence >= f.Fence:
		return stale("accountdb: publish")
	default:
		// What a person decided, and whose bytes were first, outlives a new reading.
		f.Released, f.taken = before.Released, before.taken
		if err := before.unlink(s); err != nil {
			return err
		}
		l.db.untidy.Store(true)
	}
	if err := f.judge(s); err != nil {
		return err
	}
	return f.insert(s)
}

// judge looks for files that have taken f's bytes or message ids, puts what it
// finds into the summary, and settles outcome, state and turn.
func (f *file) judge(s *sqlite.Session) error {
	sum := &f.Summary
	sum.Findings = slices.DeleteFunc(sum.Findings, func(x payment.Finding) bool {
		return x.Code == payment.DuplicateFile || x.Code == payment.DuplicateMessageID
	})
	if sum.Outcome == payment.Refused {
		f.state = stateRefused
		return nil
	}
	if f.Outward {
		f.state = stateVisible
		return nil
	}
	duplicates, err := f.duplicates(s)
	if err != nil {
		return err
	}
	sum.Findings = append(sum.Findings, duplicates...)
	slices.SortStableFunc(sum.Findings, func(a, b payment.Finding) int { return cmp.Compare(a.Code, b.Code) })
	sum.Outcome = payment.Indexed
	if slices.ContainsFunc(sum.Findings, func(x payment.Finding) bool { return x.Severity == payment.Error }) {
		sum.Outcome = payment.Held
	}
	f.state = stateVisible
	if sum.Outcome == payment.Held && !f.Released {
		f.state = stateHeld
		return nil
	}
	return f.take(s)
}

// take gives a file its turn, once.
func (f *file) take(s *sqlite.Session) error {
	if f.taken > 0 {
		return nil
	}
	return s.Row("SELECT 1 + coalesce(max(taken), 0) FROM file WHERE taken > 0").Scan(&f.taken)
}

// Release lets a held file go on: a person has decided. Its payments become
// visible, its bytes and message ids taken. The summary returned says what the
// judgement of duplicates says now; its outcome stays held, as it was read. A
// file that is not held is left as it is.
func (db *DB) Release(ctx context.Context, id uuid.UUID) (payment.Summary, error) {
	const op = "accountdb: release"
	var f *file
	err := db.update(ctx, op, synced, func(s *sqlite.Session) (err error) {
		if f, err = fileByID(s, id); err != nil {
			return err
		}
		switch f.state {
		case stateRefused:
			return fault.New(fault.Invalid, op, "a refused file has no payments to release")
		case stateVisible:
			return nil
		}
		f.Released = true
		if err := f.judge(s); err != nil {
			return err
		}
		return f.save(s)
	})
	if err != nil {
		return payment.Summary{}, err
	}
	return f.Summary, nil
}

// Forget takes a file out of the index with all that was read of it: its bytes
// and message ids are no longer taken. The payments are gone from every search
// at once, and from the disk when the sweep has come by.
func (db *DB) Forget(ctx context.Context, id uuid.UUID) error {
	return db.update(ctx, "accountdb: forget", synced, func(s *sqlite.Session) error {
		db.untidy.Store(true)
		db.forget(id)
		if err := s.Do("UPDATE load SET dropped = 1 WHERE file = ? AND NOT dropped", id[:]); err != nil {
			return err
		}
		f, err := fileByID(s, id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return f.unlink(s)
	})
}

// Result returns what was published of a file by a worker with a fence greater
// than after, or fault.NotFound.
func (db *DB) Result(ctx context.Context, id uuid.UUID, after int64) (Result, error) {
	const op = "accountdb: result"
	var r Result
	err := db.view(ctx, op, func(_ context.Context, s *sqlite.Session) error {
		f, err := fileByID(s, id)
		if err != nil {
			return err
		}
		if f.Fence <= after {
			return sql.ErrNoRows
		}
		r = f.Result
		return nil
	})
	return r, err
}
