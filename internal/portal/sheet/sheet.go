// Package sheet writes payments as CSV for spreadsheets (RFC 4180): amounts as plain
// decimals, empty cells for what is not there, and no cell that a spreadsheet would
// take for a formula.
package sheet

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"sealgate/internal/index/check"
	"sealgate/internal/payment"
	"sealgate/internal/terminal"
)

// Mark is the byte order mark, by which spreadsheets know UTF-8.
const Mark = "\uFEFF"

// Writer writes one sheet.
type Writer struct{ csv *csv.Writer }

// New writes the headings.
func New(w io.Writer) (*Writer, error) {
	c := csv.NewWriter(w)
	err := c.Write([]string{
		"file_id", "seq", "direction", "kind", "payer", "payer_account", "payee", "payee_account", "amount", "currency",
		"execution_date", "reference_type", "reference", "message", "end_to_end_id",
	})
	return &Writer{c}, err
}

// amountCell is the one cell that may begin with a minus sign.
const amountCell = 8

// Add writes a payment of a file.
func (w *Writer) Add(file string, p *payment.Payment) error {
	var refType, ref string
	if p.Reference != nil {
		refType, ref = p.Reference.Type, p.Reference.Value
	}
	amount := ""
	if p.AmountMinor != nil {
		decimals, _ := check.Currency(orEmpty(p.Currency))
		amount = terminal.Plain.Amount(*p.AmountMinor, decimals)
	}
	row := []string{
		file, strconv.FormatInt(p.Seq, 10), string(p.Direction), p.Kind, orEmpty(p.Payer.Name), number(p.Payer.Account),
		orEmpty(p.Payee.Name), number(p.Payee.Account), amount, orEmpty(p.Currency), orEmpty(p.ExecutionDate), refType, ref,
		orEmpty(p.Message), orEmpty(p.EndToEndID),
	}
	for i, cell := range row {
		if i != amountCell {
			row[i] = Harmless(cell)
		}
	}
	return w.csv.Write(row)
}

// Flush writes what is still in memory.
func (w *Writer) Flush() error {
	w.csv.Flush()
	return w.csv.Error()
}

// Harmless keeps a spreadsheet from taking text of a file for a formula. The
// full-width forms of the signs count as well, for some programs fold them, and so
// do blanks in front, for some skip them.
func Harmless(cell string) string {
	// Blanks of all widths, and what cannot be seen at all.
	seen := strings.TrimLeftFunc(cell, func(r rune) bool { return unicode.In(r, unicode.Zs, unicode.Cf) })
	first, _ := utf8.DecodeRuneInString(seen)
	if seen != "" && strings.ContainsRune("=+-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20", first) {
		return "'" + cell
	}
	return cell
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// number is an account number as people write it.
func number(acct *payment.Account) string {
	switch {
	case acct == nil:
		return ""
	case acct.Scheme == payment.SchemeSEAccount && acct.Bank != nil:
		return *acct.Bank + "-" + acct.Number
	}
	return acct.Number
}
