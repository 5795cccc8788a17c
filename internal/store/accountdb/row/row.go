// Package row is how payments lie in the database: each in a row of its own, and once
// more, a thousand to a block, as much of them as a search walks over. A row costs more
// to visit than to compare: over rows, a search through a million took a third of a
// second and more, over blocks a tenth of that.
package row

import (
	"slices"
	"strings"

	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb/detail"
	"sealgate/internal/store/accountdb/sqlite"
	"sealgate/internal/store/accountdb/term"
)

// MaxSeq is the largest seq of a payment in its load. Its id is rank << 32 | seq.
const MaxSeq = 1<<32 - 1

// Span returns the smallest and the largest id of a rank's payments.
func Span(rank int64) (first, last int64) { return rank << 32, rank<<32 | MaxSeq }

// Columns are read by Scan; what is written comes from Rows.
const Columns = "p.id, p.amount, p.currency, p.execution_date, p.detail"

const (
	columnCount = 6
	rowsAtOnce  = 16 // go in with one statement: the driver costs more than the row
)

var (
	insertRow  = insertPayments(1)
	insertRows = insertPayments(rowsAtOnce)
)

func insertPayments(n int) string {
	row := "(?" + strings.Repeat(", ?", columnCount-1) + ")"
	return "INSERT INTO payment (id, payee_folded, amount, currency, execution_date, detail) VALUES " + row + strings.Repeat(", "+row, n-1)
}

// Rows are payments put aside: columnCount values for each, in the order of
// insertPayments, the first of them the seq.
type Rows struct {
	values []any
	packed []byte // what the details point into
}

// Len is how many there are.
func (r *Rows) Len() int { return len(r.values) / columnCount }

// Add puts p aside. It keeps nothing of it but its strings.
func (r *Rows) Add(p *payment.Payment) {
	from := len(r.packed)
	r.packed = detail.Pack(r.packed, p)
	// A later Add may move packed; this detail stays where it is.
	packed := r.packed[from:len(r.packed):len(r.packed)]
	r.values = append(r.values, p.Seq, folded(p.Payee.Name), number(p.AmountMinor), text(p.Currency), text(p.ExecutionDate), packed)
}

// Insert stores the rows as those of a rank.
func (r *Rows) Insert(s *sqlite.Session, rank int64) error {
	first, _ := Span(rank)
	args := make([]any, 0, rowsAtOnce*columnCount)
	for left := r.values; len(left) > 0; left = left[len(args):] {
		text, n := insertRows, rowsAtOnce*columnCount
		if len(left) < n {
			text, n = insertRow, columnCount
		}
		args = append(args[:0], left[:n]...)
		for i := 0; i < n; i += columnCount {
			args[i] = first | args[i].(int64)
		}
		if err := s.Do(text, args...); err != nil {
			return err
		}
	}
	for block := range slices.Chunk(r.values, blockRows*columnCount) {
		last := first | block[len(block)-columnCount].(int64)
		if err := s.Do("INSERT INTO block (last, packed) VALUES (?, ?)", last, pack(block)); err != nil {
			return err
		}
	}
	return nil
}

// Clear makes room for others.
func (r *Rows) Clear() {
	clear(r.values)
	r.values, r.packed = r.values[:0], r.packed[:0]
}

func text(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}

func number(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

func folded(s *string) any {
	if s == nil {
		return nil
	}
	return term.Fold(*s)
}

// Scan reads Columns, and then whatever else the query selects,
// and returns the payment's id.
func Scan(scan func(...any) error, p *payment.Payment, more ...any) (id int64, err error) {
	*p = payment.Payment{}
	var packed []byte
	if err = scan(append([]any{&id, &p.AmountMinor, &p.Currency, &p.ExecutionDate, &packed}, more...)...); err != nil {
		return 0, err
	}
	p.Seq = id & MaxSeq
	return id, detail.Unpack(packed, p)
}
