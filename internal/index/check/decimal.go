package check

import (
	"math"

	"sealgate/internal/payment"
)

// decimal splits decimal text (iso20022 "Amount text") into the digits before
// and after the point, without leading and trailing zeros. Legal are digits
// with leading zeros or a plus before them and a fraction after them, also .5
// and 100.; no exponent, no comma, no minus, no blanks.
func decimal[T Text](s T) (whole, frac T, ok bool) {
	if len(s) > 0 && s[0] == '+' {
		s = s[1:]
	}
	point := len(s)
	for i := range len(s) {
		switch {
		case isDigit(s[i]):
		case s[i] == '.' && point == len(s):
			point = i
		default:
			return s[:0], s[:0], false
		}
	}
	if len(s) == 0 || (len(s) == 1 && point == 0) {
		return s[:0], s[:0], false
	}
	whole = s[:point]
	frac = s[min(point+1, len(s)):]
	for len(whole) > 0 && whole[0] == '0' {
		whole = whole[1:]
	}
	for len(frac) > 0 && frac[len(frac)-1] == '0' {
		frac = frac[:len(frac)-1]
	}
	return whole, frac, true
}

// Amount reads decimal text into minor units of a currency with this many
// decimals. The code is BadAmount when the text is no number or is beyond an
// int64, AmountPrecision when it has more decimals than the currency, zeros
// at the end not counted. Zero is a number: an order must refuse it itself.
func Amount[T Text](text T, decimals int) (minor int64, code payment.Code) {
	whole, frac, ok := decimal(text)
	if !ok {
		return 0, payment.BadAmount
	}
	if len(frac) > decimals {
		return 0, payment.AmountPrecision
	}
	v := uint64(0)
	for i := range len(whole) + decimals {
		d := byte('0')
		if i < len(whole) {
			d = whole[i]
		} else if i-len(whole) < len(frac) {
			d = frac[i-len(whole)]
		}
		if v > (math.MaxInt64-9)/10 {
			if v > math.MaxInt64/10 || uint64(d-'0') > math.MaxInt64-v*10 {
				return 0, payment.BadAmount
			}
		}
		v = v*10 + uint64(d-'0')
	}
	return int64(v), ""
}

// Decimal adds decimal numbers of any size and precision exactly. Control sums
// need it: they add amounts of several currencies as written, and a writer that
// used floating point must be found out at the last digit. The zero value is 0.
//
// Each column of digits is kept as a plain count and carried only when the sum
// is read or could overflow, so adding costs a few instructions a digit.
type Decimal struct {
	whole, frac []uint32 // whole[0] is the ones, frac[0] the tenths
	pending     uint32   // additions since the columns were carried
}

// Add adds a number; false, and nothing added, when text is no decimal.
func (d *Decimal) Add(text string) bool { return addDecimal(d, text) }

// AddBytes is Add for text still in a buffer.
func (d *Decimal) AddBytes(text []byte) bool { return addDecimal(d, text) }

// Equal reports whether text is the number that d holds: 1000.0 is 1000.00.
func (d *Decimal) Equal(text string) bool { return equalDecimal(d, text) }

// EqualBytes is Equal for text still in a buffer.
func (d *Decimal) EqualBytes(text []byte) bool { return equalDecimal(d, text) }

// Reset makes d zero again and keeps its memory.
func (d *Decimal) Reset() { d.whole, d.frac, d.pending = d.whole[:0], d.frac[:0], 0 }

func addDecimal[T Text](d *Decimal, text T) bool {
	whole, frac, ok := decimal(text)
	if !ok {
		return false
	}
	d.whole = widen(d.whole, len(whole))
	d.frac = widen(d.frac, len(frac))
	for i := range len(whole) {
		d.whole[len(whole)-1-i] += uint32(whole[i] - '0')
	}
	for i := range len(frac) {
		d.frac[i] += uint32(frac[i] - '0')
	}
	// A carried column holds at most 9 and takes up to 9 more each time.
	if d.pending++; d.pending == math.MaxUint32/9-1 {
		d.carry()
	}
	return true
}

func widen(columns []uint32, n int) []uint32 {
	for len(columns) < n {
		columns = append(columns, 0)
	}
	return columns
}

// carry brings every column below ten.
func (d *Decimal) carry() {
	d.pending = 0
	c := uint32(0)
	for i := len(d.frac) - 1; i >= 0; i-- {
		v := d.frac[i] + c
		d.frac[i], c = v%10, v/10
	}
	for i := range d.whole {
		v := uint64(d.whole[i]) + uint64(c)
		d.whole[i], c = uint32(v%10), uint32(v/10)
	}
	for ; c > 0; c /= 10 {
		d.whole = append(d.whole, c%10)
	}
}

func equalDecimal[T Text](d *Decimal, text T) bool {
	whole, frac, ok := decimal(text)
	if !ok {
		return false
	}
	d.carry()
	if len(whole) > len(d.whole) || len(frac) > len(d.frac) {
		return false
	}
	for i := range d.whole {
		want := uint32(0)
		if i < len(whole) {
			want = uint32(whole[len(whole)-1-i] - '0')
		}
		if d.whole[i] != want {
			return false
		}
	}
	for i := range d.frac {
		want := uint32(0)
		if i < len(frac) {
			want = uint32(frac[i] - '0')
		}
		if d.frac[i] != want {
			return false
		}
	}
	return true
}
