// Package check holds the rules by which account numbers, references, amounts,
// dates and codes in payment files are right or wrong: check digits, lengths,
// ranges and calendars, as docs/formats.md lists them.
//
// Everything here is pure and, on the good path, allocates nothing: each rule
// runs once for every payment of files that have millions. A rule returns a
// bool, or the payment.Code of the finding that it calls for, "" when the value
// is fine. Rules do not tidy their input: blanks, hyphens and lower case are the
// caller's to remove (Compact, TrimZeros), because the original is kept for
// display.
package check

// Text is what a rule can be asked about: a field still in its file's buffer,
// or a string that was made of it.
type Text interface{ ~string | ~[]byte }

// Digits reports whether s is digits only, and at least one.
func Digits[T Text](s T) bool {
	for i := 0; i < len(s); i++ {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return len(s) > 0
}

// Compact appends s to dst the way account numbers are compared: without
// blanks, tabs, line ends, no-break spaces and hyphens, letters as capitals.
func Compact[T Text](dst []byte, s T) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '-':
		case c == 0xC2 && i+1 < len(s) && s[i+1] == 0xA0: // U+00A0 in UTF-8
			i++
		case 'a' <= c && c <= 'z':
			dst = append(dst, c-'a'+'A')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// TrimZeros cuts leading zeros; a number of zeros only keeps the last one.
func TrimZeros[T Text](s T) T {
	i := 0
	for i+1 < len(s) && s[i] == '0' {
		i++
	}
	return s[i:]
}

func isDigit(c byte) bool   { return c-'0' <= 9 }
func isCapital(c byte) bool { return c-'A' <= 'Z'-'A' }
func isAlnum(c byte) bool   { return isDigit(c) || isCapital(c) }
