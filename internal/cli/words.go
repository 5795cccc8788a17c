package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"sealgate/internal/index/check"
	"sealgate/internal/payment"
	"sealgate/internal/terminal"
)

// Format names a file's format: the variant where there is one.
func Format(format, variant *string) string {
	switch {
	case variant != nil:
		return *variant
	case format != nil:
		return *format
	}
	return "-"
}

// Sums writes totals for people: "out 1 234,50 SEK, in 10,00 EUR".
func (a *App) Sums(sums []payment.Sum) string {
	parts := make([]string, 0, len(sums))
	for _, s := range sums {
		parts = append(parts, fmt.Sprintf("%s %s", s.Direction, a.Amount(s.Minor, s.Currency)))
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ", ")
}

// Amount writes an amount for people: "1,234.50 SEK".
func (a *App) Amount(minor int64, currency string) string {
	decimals, ok := check.Currency(currency)
	if !ok {
		decimals = 2
	}
	return a.Locale.Amount(minor, decimals) + " " + currency
}

// Findings writes one line for each finding of a file.
func Findings(name string, list []payment.Finding) []string {
	var lines []string
	for _, f := range list {
		line := fmt.Sprintf("%s: %s %s", name, f.Severity, f.Code)
		if f.Count > 1 {
			line += fmt.Sprintf(" (%d times)", f.Count)
		}
		if f.Message != "" {
			line += ": " + f.Message
		}
		if at := f.FirstAt; at != nil && at.Line > 0 {
			line += fmt.Sprintf(", line %d", at.Line)
		}
		if at := f.FirstAt; at != nil && at.Payment > 0 {
			line += fmt.Sprintf(", payment %d", at.Payment)
		}
		lines = append(lines, line)
	}
	return lines
}

// Moment writes a time that may not have come.
func Moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return terminal.Time(*t)
}

// OrUnreadable writes a text that may be sealed under a key that was destroyed.
func OrUnreadable(s *string) string {
	if s == nil {
		return "(unreadable)"
	}
	return *s
}

// Yes writes a yes or a no.
func Yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// WriteTable writes a table.
func WriteTable(w io.Writer, t *terminal.Table) error {
	_, err := t.WriteTo(w)
	return err
}
