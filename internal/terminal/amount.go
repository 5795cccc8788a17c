package terminal

import (
	"strconv"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"
)

// Locale knows how one language writes numbers.
type Locale struct {
	group, point string
}

// Plain writes numbers for programs: no groups, a point.
var Plain = Locale{point: "."}

// LocaleOf picks the locale that the environment asks for, in the order of
// POSIX: LC_ALL, LC_NUMERIC, LANG. Without one, or with "C", it is English.
func LocaleOf(getenv func(string) string) Locale {
	for _, name := range []string{"LC_ALL", "LC_NUMERIC", "LANG"} {
		value, _, _ := strings.Cut(getenv(name), ".")
		if value == "" {
			continue
		}
		if tag, err := language.Parse(strings.ReplaceAll(value, "_", "-")); err == nil && value != "C" && value != "POSIX" {
			return localeOf(tag)
		}
		break
	}
	return Locale{group: ",", point: "."}
}

// localeOf reads a language's marks off a number written in it. A no-break space
// becomes a plain one: a terminal does not break lines inside a table, and people
// copy and search what they see.
func localeOf(tag language.Tag) Locale {
	text := message.NewPrinter(tag).Sprint(number.Decimal(1234567.5, number.Scale(1)))
	marks := strings.FieldsFunc(text, func(r rune) bool { return r >= '0' && r <= '9' })
	if len(marks) < 2 {
		return Locale{group: ",", point: "."}
	}
	group := marks[0]
	if strings.TrimSpace(group) == "" || group == "\u00a0" || group == "\u202f" {
		group = " "
	}
	return Locale{group: group, point: marks[len(marks)-1]}
}

// Amount writes an amount of the smallest unit: 123450 with two decimals is
// "1 234,50" or "1,234.50".
func (l Locale) Amount(minor int64, decimals int) string {
	digits := strconv.FormatInt(minor, 10)
	sign := ""
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = "-", rest
	}
	if short := decimals + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	whole, part := digits[:len(digits)-decimals], digits[len(digits)-decimals:]
	text := sign + l.groups(whole)
	if decimals > 0 {
		text += l.point + part
	}
	return text
}

// Count writes a whole number.
func (l Locale) Count(n int64) string { return l.Amount(n, 0) }

func (l Locale) groups(whole string) string {
	var parts []string
	for len(whole) > 3 {
		parts = append([]string{whole[len(whole)-3:]}, parts...)
		whole = whole[:len(whole)-3]
	}
	return strings.Join(append([]string{whole}, parts...), l.group)
}
