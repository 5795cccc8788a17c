package accountdb

import (
	"strings"

	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb/detail"
	"sealgate/internal/store/accountdb/sqlite"
	"sealgate/internal/store/accountdb/term"
)

// A payment's id is rank << 32 | seq.
const (
	maxRank = 1<<31 - 1
	maxSeq  = 1<<32 - 1
)

// rankOf turns a load's id into its rank: the younger, the smaller.
func rankOf(load int64) int64 { return maxRank - load }

// span returns the smallest and the largest id of a rank's payments.
func span(rank int64) (first, last int64) { return rank << 32, rank<<32 | maxSeq }

// paymentColumns are read by scanPayment; what is written comes from rows.
const paymentColumns = "p.id, p.amount, p.currency, p.execution_date, p.detail"

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

// rows are payments put aside: columnCount values for each, in the order of
// insertPayments, the first of them the seq.
type rows struct {
	values []any
	packed []byte // what the details point into
}

func (r *rows) len() int { return len(r.values) / columnCount }

// add puts p aside. It keeps nothing of it but its strings.
func (r *rows) add(p *payment.Payment) {
	from := len(r.packed)
	r.packed = detail.Pack(r.packed, p)
	// A later add may move packed; this detail stays where it is.
	packed := r.packed[from:len(r.packed):len(r.packed)]
	r.values = append(r.values, p.Seq, folded(p.Payee.Name), number(p.AmountMinor), text(p.Currency), text(p.ExecutionDate), packed)
}

// insert stores the rows as those of a rank.
func (r *rows) insert(s *sqlite.Session, rank int64) error {
	first, _ := span(rank)
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
	return nil
}

func (r *rows) clear() {
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

// scanPayment reads paymentColumns, and then whatever else the query selects,
// and returns the payment's id.
func scanPayment(scan func(...any) error, p *payment.Payment, more ...any) (id int64, err error) {
	*p = payment.Payment{}
	var packed []byte
	if err = scan(append([]any{&id, &p.AmountMinor, &p.Currency, &p.ExecutionDate, &packed}, more...)...); err != nil {
		return 0, err
	}
	p.Seq = id & maxSeq
	return id, detail.Unpack(packed, p)
}
