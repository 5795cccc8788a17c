// Package term derives what a payment is looked up by: an account number of either
// side, or a reference.
//
// What is stored is 64 bits of a SHA-256, so that all kinds share one narrow index.
// Two different terms of an account meet by chance once in 2^64; a hit is taken at
// its word. Both what is stored and what is asked for is brought into one form
// before, in which neither blanks nor case count.
package term

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"sealgate/internal/payment"
)

// Term is one way to look a payment up.
type Term struct {
	Hash int64
	Seq  int64 // of the payment in its load
}

// Compare puts terms in the order of the index.
func (t Term) Compare(u Term) int {
	return cmp.Or(cmp.Compare(t.Hash, u.Hash), cmp.Compare(t.Seq, u.Seq))
}

// Kinds of terms.
const (
	number    = "n"
	reference = "r"
)

// Number returns the hash of what is asked for as an account number, with or
// without blanks and hyphens; false when nothing is.
func Number(text string) (hash int64, ok bool) { return asked(number, normalNumber(text)) }

// Reference returns the hash of what is asked for as a reference; false when
// nothing is.
func Reference(text string) (hash int64, ok bool) { return asked(reference, normalReference(text)) }

func asked(kind, normal string) (int64, bool) { return hashOf(kind, normal), normal != "" }

func hashOf(kind, normal string) int64 {
	var buf [96]byte
	sum := sha256.Sum256(append(append(buf[:0], kind...), normal...))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// Append appends what p is looked up by.
func Append(ts []Term, p *payment.Payment) []Term {
	ts = accountTerms(ts, p.Seq, p.Payer.Account)
	ts = accountTerms(ts, p.Seq, p.Payee.Account)
	if ref := p.Reference; ref != nil && ref.Value != "" {
		ts = append(ts, Term{hashOf(reference, normalReference(ref.Value)), p.Seq})
	}
	return ts
}

// accountTerms appends the number and, for a Swedish account, the clearing
// number with it: people write the two as one.
func accountTerms(ts []Term, seq int64, a *payment.Account) []Term {
	if a == nil || a.Number == "" {
		return ts
	}
	n := normalNumber(a.Number)
	ts = append(ts, Term{hashOf(number, n), seq})
	if a.Scheme == payment.SchemeSEAccount && a.Bank != nil {
		ts = append(ts, Term{hashOf(number, normalNumber(*a.Bank)+n), seq})
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
	return Fold(strings.Map(func(r rune) rune {
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

// Fold takes case out of a text: two texts that differ only in case, or in how
// an accent is encoded, fold to the same. Upper and then lower, so that letters
// with two small forms (the final sigma) meet.
func Fold(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return norm.NFC.String(strings.ToLower(strings.ToUpper(norm.NFC.String(s))))
		}
	}
	return strings.ToLower(s)
}
