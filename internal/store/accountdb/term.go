package accountdb

import (
	"context"
	"slices"
	"strings"

	"sealgate/internal/store/accountdb/row"
	"sealgate/internal/store/accountdb/sqlite"
	"sealgate/internal/store/accountdb/term"
)

// Terms are random numbers: those of a small file would touch a page of the
// index each. So they wait in the table young, in the order of their payments,
// until there are so many that a sorted run over the index pays. A search looks
// through both.
const youngTerms = 20_000

// termsAtOnce go in with one statement: the driver costs more than the row.
const termsAtOnce = 50

var (
	insertTerm  = "INSERT OR IGNORE INTO term (hash, payment) VALUES (?, ?)" + strings.Repeat(", (?, ?)", termsAtOnce-1)
	insertYoung = "INSERT OR IGNORE INTO young (hash, payment) VALUES (?, ?)" + strings.Repeat(", (?, ?)", termsAtOnce-1)
)

// insertTerms runs insertTerm or insertYoung over ts, of a rank, and tells how
// many it stored. The last round is filled up with its last term: one that is
// there already is ignored.
func insertTerms(s *sqlite.Session, statement string, rank int64, ts []term.Term) (stored int64, err error) {
	first, _ := row.Span(rank)
	args := make([]any, 0, 2*termsAtOnce)
	for round := range slices.Chunk(ts, termsAtOnce) {
		args = args[:0]
		for i := range termsAtOnce {
			t := round[min(i, len(round)-1)]
			args = append(args, t.Hash, first|t.Seq)
		}
		n, err := s.Exec(statement, args...)
		if err != nil {
			return stored, err
		}
		stored += n
	}
	return stored, nil
}

// ripen brings the young terms into the index when there are enough of them.
// What fails is left to the next time.
func (db *DB) ripen(ctx context.Context) error {
	if db.young.Load() < db.ripe {
		return nil
	}
	err := db.update(ctx, "accountdb: ripen", relaxed, func(s *sqlite.Session) error {
		if err := s.Do("INSERT OR IGNORE INTO term (hash, payment) SELECT hash, payment FROM young ORDER BY hash, payment"); err != nil {
			return err
		}
		return s.Do("DELETE FROM young")
	})
	if err == nil {
		db.young.Store(0)
	}
	return err
}
