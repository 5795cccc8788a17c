package check

import "sealgate/internal/payment"

// IBAN tests a whole IBAN in capitals without blanks: shape and the length of
// its country (BadAccount), then ISO 7064 mod 97-10 (BadCheckDigit). For a
// country that the table does not have, the shape alone decides.
func IBAN[T Text](s T) payment.Code {
	if len(s) < 5 || len(s) > 34 || !isCapital(s[0]) || !isCapital(s[1]) || !isDigit(s[2]) || !isDigit(s[3]) {
		return payment.BadAccount
	}
	if want := ibanLengths[letterPair(s[0], s[1])]; want != 0 && int(want) != len(s) {
		return payment.BadAccount
	}
	rem, ok := mod97(s)
	if !ok {
		return payment.BadAccount
	}
	if rem != 1 {
		return payment.BadCheckDigit
	}
	return ""
}

// LooksRF reports whether s starts as an ISO 11649 creditor reference does.
func LooksRF[T Text](s T) bool {
	return len(s) >= 4 && s[0] == 'R' && s[1] == 'F' && isDigit(s[2]) && isDigit(s[3])
}

// RF reports whether s, without blanks, is a creditor reference: RF, two check
// digits, 1 to 21 letters or digits, mod 97 like an IBAN.
func RF[T Text](s T) bool {
	if !LooksRF(s) || len(s) < 5 || len(s) > 25 {
		return false
	}
	rem, ok := mod97(s)
	return ok && rem == 1
}

// mod97 reads s, of four characters or more, with its first four moved to the
// end, letters as 10 to 35, modulo 97. Not ok: neither capital nor digit.
func mod97[T Text](s T) (rem uint64, ok bool) {
	if rem, ok = remainder(0, s[4:]); ok {
		rem, ok = remainder(rem, s[:4])
	}
	return rem, ok
}

func remainder[T Text](rem uint64, s T) (uint64, bool) {
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c):
			rem = rem*10 + uint64(c-'0')
		case isCapital(c):
			rem = rem*100 + uint64(c-'A'+10)
		default:
			return 0, false
		}
		if rem > 1<<56 { // two more digits still fit
			rem %= 97
		}
	}
	return rem % 97, true
}

func letterPair(a, b byte) int { return int(a-'A')*26 + int(b-'A') }

// ibanLengths has the length of each country of the ISO 13616 register, 0 for
// a country that is not in it. As of 2025.
var ibanLengths = func() (t [26 * 26]uint8) {
	const register = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 " +
		"EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 " +
		"KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 " +
		"PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 " +
		"VG24 XK20 YE30 "
	for i := 0; i < len(register); i += 5 {
		e := register[i:]
		t[letterPair(e[0], e[1])] = (e[2]-'0')*10 + e[3] - '0'
	}
	return t
}()
