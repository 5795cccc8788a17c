package ui

import (
	"strconv"
	"strings"
	"time"

	"sealgate/internal/index/check"
	"sealgate/internal/portal"
)

// nbsp keeps the parts of a number on one line.
const nbsp = "\u00a0"

// None stands where there is nothing to show.
const None = "–"

// numbers is how a language writes them.
type numbers struct {
	group, point string
	moment, day  string // layouts of package time, with English months
	months       []string
}

var numbersOf = map[Language]numbers{
	Swedish: {
		group: nbsp, point: ",", moment: "2 Jan 2006 15:04", day: "2 Jan 2006",
		months: []string{"jan", "feb", "mars", "apr", "maj", "juni", "juli", "aug", "sep", "okt", "nov", "dec"},
	},
	English: {
		group: ",", point: ".", moment: "2 Jan 2006, 15:04", day: "2 Jan 2006",
		months: []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
	},
}

// Number writes a whole number.
func (n numbers) Number(v int64) string { return n.decimal(v, 0) }

// Amount writes an amount in minor units: "1 234,50 SEK". It does not break.
func (n numbers) Amount(minor int64, currency string) string {
	decimals, ok := check.Currency(currency)
	if !ok {
		decimals = 2
	}
	return strings.TrimSuffix(n.decimal(minor, decimals)+nbsp+currency, nbsp)
}

func (n numbers) decimal(v int64, decimals int) string {
	digits, negative := strings.CutPrefix(strconv.FormatInt(v, 10), "-")
	if short := decimals + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	whole, part := digits[:len(digits)-decimals], digits[len(digits)-decimals:]
	var b strings.Builder
	if negative {
		b.WriteString("\u2212")
	}
	for i, d := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(n.group)
		}
		b.WriteRune(d)
	}
	if decimals > 0 {
		b.WriteString(n.point + part)
	}
	return b.String()
}

// Bytes writes a size with three figures: "12.3 MB".
func (n numbers) Bytes(size int64) string {
	if size < 1000 {
		return n.Number(size) + nbsp + "B"
	}
	value, unit := float64(size)/1000, "kB"
	for _, next := range []string{"MB", "GB", "TB", "PB"} {
		if value < 999.5 {
			break
		}
		value, unit = value/1000, next
	}
	decimals := 0
	if value < 99.95 {
		decimals = 1
	}
	return strings.Replace(strconv.FormatFloat(value, 'f', decimals, 64), ".", n.point, 1) + nbsp + unit
}

// Moment writes a point of time, and says that it is in UTC: the server does not
// know where its reader is.
func (n numbers) Moment(t time.Time) string {
	return n.named(t.UTC(), n.moment) + " UTC"
}

// Day writes a day.
func (n numbers) Day(t time.Time) string { return n.named(t, n.day) }

// Date writes a day that is given as 2026-11-22; what is no day stays as it is.
func (n numbers) Date(text string) string {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return text
	}
	return n.Day(t)
}

func (n numbers) named(t time.Time, layout string) string {
	return strings.Replace(t.Format(layout), t.Format("Jan"), n.months[t.Month()-1], 1)
}

// Duration writes a duration in its largest whole unit: "400 days".
func (l *Locale) Duration(d portal.Duration) string {
	text := d.String()
	n, err := strconv.ParseInt(text[:len(text)-1], 10, 64)
	if err != nil {
		return text
	}
	return l.T("duration."+text[len(text)-1:], "n", n)
}
