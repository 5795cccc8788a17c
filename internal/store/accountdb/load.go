package accountdb

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb/row"
	"sealgate/internal/store/accountdb/sqlite"
	"sealgate/internal/store/accountdb/term"
)

const (
	batchRows  = 10_000
	termBuffer = 1 << 19 // 8 MiB of terms for each sorted run

	smallRows = 200 // payments that are stored by Publish itself
	maxTerms  = 8   // of a payment, about
)

// maxRank bounds the number of loads: see row.Span.
const maxRank = 1<<31 - 1

// rankOf turns a load's id into its rank: the younger, the smaller.
func rankOf(load int64) int64 { return maxRank - load }

// Load is one reading of a file on its way into the index: invisible until
// Publish. It is for one goroutine.
type Load struct {
	db    *DB
	ctx   context.Context // of Begin: Add is handed to a reader that knows no context
	file  uuid.UUID
	fence int64
	id    int64 // 0 until something of it is stored; while a batch is being stored, the storer's

	rows  row.Rows
	terms []term.Term // since the last sorted run
	last  int64       // seq of the payment before
	count int64
	dates payment.Dates // first and last, "" when no payment has one
	done  bool
	over  atomic.Bool // the file was forgotten meanwhile; set in a transaction

	stored     chan error // when a batch is being stored: how it went
	broken     error      // how it went, when it went wrong
	spareRows  row.Rows   // what is being stored, or can be filled
	spareTerms []term.Term
}

// Begin starts a load of file. Nothing is stored before there is a batch of
// payments or Publish is called: a small file takes one transaction in all.
func (db *DB) Begin(ctx context.Context, file uuid.UUID, fence int64) (*Load, error) {
	if err := db.failure("accountdb: begin"); err != nil {
		return nil, err
	}
	l := &Load{db: db, ctx: ctx, file: file, fence: fence}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.loads[l] = true
	return l, nil
}

// close ends the load in memory.
func (l *Load) close() {
	l.done, l.rows, l.terms, l.spareRows, l.spareTerms = true, row.Rows{}, nil, row.Rows{}, nil
	l.db.mu.Lock()
	defer l.db.mu.Unlock()
	delete(l.db.loads, l)
}

// forget ends the loads of a file of which nothing may be stored any more.
func (db *DB) forget(file uuid.UUID) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for l := range db.loads {
		if l.file == file {
			l.over.Store(true)
		}
	}
}

// Add puts a payment aside; its Seq is larger than that of the one before. It
// keeps nothing of p but its strings.
func (l *Load) Add(p *payment.Payment) error {
	const op = "accountdb: add"
	if l.done || p.Seq <= l.last || p.Seq > row.MaxSeq {
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
	l.rows.Add(p)
	l.terms = term.Append(l.terms, p)
	if l.rows.Len() < l.db.batch {
		return nil
	}
	return l.handOn(op)
}

// handOn has the batch stored while the next one is being read. How that went
// is told when the next one is handed on, or by Publish.
func (l *Load) handOn(op string) error {
	if err := sqlite.Wrap(op, errors.Join(l.ctx.Err(), l.wait())); err != nil {
		return err
	}
	l.rows, l.spareRows = l.spareRows, l.rows
	full := len(l.terms) >= termBuffer
	if full {
		l.terms, l.spareTerms = l.spareTerms, l.terms
	}
	stored := make(chan error, 1)
	l.stored = stored
	go func() {
		err := l.storeRows(l.ctx, op, &l.spareRows)
		if err == nil && full {
			err = l.storeTerms(l.ctx, op, &l.spareTerms)
		}
		stored <- err
	}()
	return nil
}

// wait waits until nothing is being stored. A load that has lost a batch stays
// broken.
func (l *Load) wait() error {
	if l.stored != nil && l.broken == nil {
		l.broken = <-l.stored
		l.stored = nil
	}
	return l.broken
}

// storeRows writes a batch in one transaction.
func (l *Load) storeRows(ctx context.Context, op string, r *row.Rows) error {
	if r.Len() == 0 {
		return nil
	}
	if err := l.update(ctx, op, relaxed, func(s *sqlite.Session, id int64) error { return r.Insert(s, rankOf(id)) }); err != nil {
		return err
	}
	r.Clear()
	return nil
}

// storeTerms writes the terms put aside, sorted, a batch a transaction: a run
// over the whole index that visits each page once.
func (l *Load) storeTerms(ctx context.Context, op string, terms *[]term.Term) error {
	slices.SortFunc(*terms, term.Term.Compare)
	*terms = slices.Compact(*terms)
	for batch := range slices.Chunk(*terms, l.db.batch) {
		err := l.update(ctx, op, relaxed, func(s *sqlite.Session, id int64) error {
			_, err := insertTerms(s, insertTerm, rankOf(id), batch)
			return err
		})
		if err != nil {
			return err
		}
	}
	*terms = (*terms)[:0]
	return nil
}

// small reports whether what is left to store is so little that it may go with
// Publish, in its transaction: for a small file, all of it.
func (l *Load) small() bool {
	return l.rows.Len() <= smallRows && len(l.terms) <= smallRows*maxTerms
}

// update is DB.update for a load that has not been taken over. The first time,
// it makes the row of the load.
func (l *Load) update(ctx context.Context, op string, d durability, fn func(s *sqlite.Session, id int64) error) error {
	id := l.id
	err := l.db.update(ctx, op, d, func(s *sqlite.Session) (err error) {
		if l.id != 0 {
			if err := l.alive(s, op); err != nil {
				return err
			}
			return fn(s, l.id)
		}
		if id, err = l.claim(s, op); err != nil {
			return err
		}
		if err := s.Do("INSERT INTO load (id, file, fence) VALUES (?, ?, ?)", id, l.file[:], l.fence); err != nil {
			return err
		}
		return fn(s, id)
	})
	if err == nil {
		l.id = id
	}
	return err
}

// alive finds out whether another worker has ended the load.
func (l *Load) alive(s *sqlite.Session, op string) error {
	var alive bool
	err := s.Row("SELECT EXISTS (SELECT 1 FROM load WHERE id = ? AND file = ? AND fence = ? AND NOT dropped)", l.id, l.file[:], l.fence).Scan(&alive)
	if err == nil && !alive {
		err = stale(op)
	}
	return err
}

// claim returns a number for the load and ends those of the file that hold
// older leases; when a younger one has stored something, this one ends.
//
// A number is used again only when nothing of the load that had it is left:
// its payments go in the transaction in which its row goes.
func (l *Load) claim(s *sqlite.Session, op string) (id int64, err error) {
	var newer, older int64
	err = s.Row(`SELECT (SELECT count(*) FROM file WHERE id = ?1 AND fence >= ?2) + (SELECT count(*) FROM load WHERE file = ?1 AND fence > ?2 AND NOT dropped),
		(SELECT count(*) FROM load WHERE file = ?1 AND fence <= ?2 AND NOT dropped),
		1 + max((SELECT coalesce(max(id), 0) FROM load), (SELECT ?3 - coalesce(min(rank), ?3) FROM file))`,
		l.file[:], l.fence, int64(maxRank)).Scan(&newer, &older, &id)
	switch {
	case err != nil:
		return 0, err
	case newer > 0 || l.over.Load():
		return 0, stale(op)
	case id >= maxRank:
		return 0, fault.New(fault.Internal, op, "the payment index has no load numbers left")
	case older > 0:
		l.db.untidy.Store(true)
		err = s.Do("UPDATE load SET dropped = 1 WHERE file = ? AND NOT dropped", l.file[:])
	}
	return id, err
}

// Drop gives the load up. After Publish it does nothing.
func (l *Load) Drop(ctx context.Context) error {
	if l.done {
		return nil
	}
	_ = l.wait() // it is given up, whatever became of it
	l.close()
	if l.id == 0 {
		return nil
	}
	l.db.untidy.Store(true)
	return l.db.update(ctx, "accountdb: drop", relaxed, func(s *sqlite.Session) error {
		return s.Do("UPDATE load SET dropped = 1 WHERE id = ? AND file = ? AND fence = ?", l.id, l.file[:], l.fence)
	})
}
