// Package terminal is what people see of the command line: tables, times,
// amounts and sizes the way the reader's locale writes them, and progress bars.
//
// Nothing that came from a stranger reaches a terminal raw: Clean replaces
// control and direction characters, and tables clean every cell.
package terminal

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Clean replaces what could steer a terminal or turn text around.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return '\uFFFD'
		}
		return r
	}, s)
}

// Table lines up rows under headings. A heading that begins with ">" makes its
// column right-aligned.
type Table struct {
	headings []string
	rows     [][]string
}

// NewTable returns a table with these headings.
func NewTable(headings ...string) *Table { return &Table{headings: headings} }

// Row adds a row, one cell for each heading.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(t.headings))
	for i, c := range cells {
		row[i] = Clean(c)
	}
	t.rows = append(t.rows, row)
}

// WriteTo writes the table. A table without rows is its headings only.
func (t *Table) WriteTo(w io.Writer) (int64, error) {
	right := make([]bool, len(t.headings))
	head := make([]string, len(t.headings))
	width := make([]int, len(t.headings))
	for i, h := range t.headings {
		head[i], right[i] = strings.CutPrefix(h, ">")
	}
	rows := append([][]string{head}, t.rows...)
	for _, row := range rows {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, c := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if right[i] {
				line.WriteString(pad + c + "  ")
			} else {
				line.WriteString(c + pad + "  ")
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// Time writes a time for people, in their own zone; a zero time is a dash.
func Time(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05 MST")
}

// Size writes a number of bytes for people: 999 B, 12.3 kB, 4.7 GB.
func Size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), 0
	for value >= 999.95 && unit < 5 {
		value /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", value, " kMGTP"[unit])
}
