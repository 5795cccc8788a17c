package check

import "sealgate/internal/payment"

// doubled is the digit sum of twice a digit: what Luhn adds at even places.
var doubled = [10]byte{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}

// Luhn reports whether s is digits only and passes the mod 10 check, its last
// digit being the check digit.
func Luhn[T Text](s T) bool {
	sum, double := uint64(0), false
	for i := len(s) - 1; i >= 0; i-- {
		d := s[i] - '0'
		if d > 9 {
			return false
		}
		if double {
			d = doubled[d]
		}
		double = !double
		sum += uint64(d)
	}
	return sum%10 == 0 && len(s) > 0
}

// OCR reports whether s can be an OCR reference: 2 to 25 digits that pass
// Luhn. A payee's own agreement on lengths is not in the file.
func OCR[T Text](s T) bool {
	return len(s) >= 2 && len(s) <= 25 && Luhn(s)
}

// Bankgiro tests a Bankgiro number of 7 or 8 digits.
func Bankgiro[T Text](s T) payment.Code { return giro(s, 7, 8) }

// Plusgiro tests a Plusgiro number of 2 to 8 digits.
func Plusgiro[T Text](s T) payment.Code { return giro(s, 2, 8) }

func giro[T Text](s T, shortest, longest int) payment.Code {
	if len(s) < shortest || len(s) > longest || !Digits(s) {
		return payment.BadAccount
	}
	if !Luhn(s) {
		return payment.BadCheckDigit
	}
	return ""
}

// ABA tests a US routing number of nine digits.
func ABA[T Text](s T) payment.Code {
	if len(s) != 9 || !Digits(s) {
		return payment.BadAccount
	}
	weights := [9]int{3, 7, 1, 3, 7, 1, 3, 7, 1}
	sum := 0
	for i, w := range weights {
		sum += w * int(s[i]-'0')
	}
	if sum%10 != 0 {
		return payment.BadCheckDigit
	}
	return ""
}
