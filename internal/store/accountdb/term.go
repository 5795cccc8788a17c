package accountdb

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"sealgate/internal/payment"
)

// A term is something that a payment is looked up by: an account number of
// either side, or a reference. What is stored is 64 bits of a SHA-256, so that
// all kinds share one narrow index. Two different terms of an account meet by
// chance once in 2^64; a hit is taken at its word.
type term struct {
	hash int64
	seq  int64 // of the payment in its load
}

func (t term) compare(u term) int {
	return cmp.Or(cmp.Compare(t.hash, u.hash), cmp.Compare(t.seq, u.seq))
}

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

const (
	numberTerm    = "n"
	referenceTerm = "r"
)

func hashTerm(kind, normal string) int64 {
	var buf [96]byte
	sum := sha256.Sum256(append(append(buf[:0], kind...), normal...))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// terms appends what p is looked up by.
func terms(ts []term, p *payment.Payment) []term {
	ts = accountTerms(ts, p.Seq, p.Payer.Account)
	ts = accountTerms(ts, p.Seq, p.Payee.Account)
	if ref := p.Reference; ref != nil && ref.Value != "" {
		ts = append(ts, term{hashTerm(referenceTerm, normalReference(ref.Value)), p.Seq})
	}
	return ts
}

// accountTerms appends the number and, for a Swedish account, the clearing
// number with it: people write the two as one.
func accountTerms(ts []term, seq int64, a *payment.Account) []term {
	if a == nil || a.Number == "" {
		return ts
	}
	n := normalNumber(a.Number)
	ts = append(ts, term{hashTerm(numberTerm, n), seq})
	if a.Scheme == payment.SchemeSEAccount && a.Bank != nil {
		ts = append(ts, term{hashTerm(numberTerm, normalNumber(*a.Bank)+n), seq})
	}
	return ts
}

// normalNumber takes blanks and hyphens out of an account number.
func normalNumber(s string) string {
	if plain(s) {
		return s
	}
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) {
			return -1
		}
		return r
	}, s))
}

// normalReference takes blanks and case out of a reference.
func normalReference(s string) string {
	if plain(s) {
		return strings.ToLower(s)
	}
	return fold(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s))
}

// plain reports whether s is capitals and digits alone, as nearly every number
// in a file is.
func plain(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// fold takes case out of a text: two texts that differ only in case, or in how
// an accent is encoded, fold to the same. Upper and then lower, so that letters
// with two small forms (the final sigma) meet.
func fold(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return norm.NFC.String(strings.ToLower(strings.ToUpper(norm.NFC.String(s))))
		}
	}
	return strings.ToLower(s)
}

// insertTerms runs insertTerm or insertYoung over ts, of a rank, and tells how
// many it stored. The last round is filled up with its last term: one that is
// there already is ignored.
func insertTerms(s *session, statement string, rank int64, ts []term) (stored int64, err error) {
	first, _ := span(rank)
	args := make([]any, 0, 2*termsAtOnce)
	for round := range slices.Chunk(ts, termsAtOnce) {
		args = args[:0]
		for i := range termsAtOnce {
			t := round[min(i, len(round)-1)]
			args = append(args, t.hash, first|t.seq)
		}
		n, err := s.exec(statement, args...)
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
	err := db.update(ctx, "accountdb: ripen", relaxed, func(s *session) error {
		if err := s.do("INSERT OR IGNORE INTO term (hash, payment) SELECT hash, payment FROM young ORDER BY hash, payment"); err != nil {
			return err
		}
		return s.do("DELETE FROM young")
	})
	if err == nil {
		db.young.Store(0)
	}
	return err
}
