package check

import "sealgate/internal/payment"

// ClearingTableDate is the day that the table of clearing ranges was read.
// Banks come and go; a newer list replaces the table whole.
const ClearingTableDate = "2024-12-31"

// rule is how a bank's account numbers carry their check digit.
type rule uint8

const (
	rule11of3 rule = iota + 1 // mod 11 over three clearing and seven serial digits
	rule11of4                 // mod 11 over four clearing and seven serial digits
	rule11                    // mod 11 over nine serial digits
	rule10                    // Luhn over ten serial digits
)

// serialDigits is how many digits a serial number has at most under each rule.
var serialDigits = [...]int{rule11of3: 7, rule11of4: 7, rule11: 9, rule10: 10}

type clearingRange struct {
	first, last int
	rule        rule
	bank        string
}

// clearingRanges is sorted and without overlaps.
var clearingRanges = [...]clearingRange{
	{1100, 1199, rule11of3, "Nordea"},
	{1200, 1399, rule11of3, "Danske Bank"},
	{1400, 2099, rule11of3, "Nordea"},
	{2300, 2399, rule11of4, "Ålandsbanken"},
	{2400, 2499, rule11of3, "Danske Bank"},
	{3000, 3299, rule11of3, "Nordea"},
	{3300, 3300, rule10, "Nordea personal accounts"},
	{3301, 3399, rule11of3, "Nordea"},
	{3400, 3409, rule11of3, "Länsförsäkringar"},
	{3410, 3781, rule11of3, "Nordea"},
	{3782, 3782, rule10, "Nordea personal accounts"},
	{3783, 3999, rule11of3, "Nordea"},
	{4000, 4999, rule11of4, "Nordea"},
	{5000, 5999, rule11of3, "SEB"},
	{6000, 6999, rule11, "Handelsbanken"},
	{7000, 7999, rule11of3, "Swedbank"},
	{8000, 8999, rule10, "Swedbank and savings banks"},
	{9020, 9029, rule11of4, "Länsförsäkringar"},
	{9040, 9049, rule11of4, "Citibank"},
	{9060, 9069, rule11of3, "Länsförsäkringar"},
	{9070, 9079, rule11of3, "Multitude"},
	{9100, 9109, rule11of4, "Nordnet"},
	{9120, 9124, rule11of3, "SEB"},
	{9130, 9149, rule11of3, "SEB"},
	{9150, 9169, rule11of4, "Skandia"},
	{9170, 9179, rule11of3, "Ikano"},
	{9180, 9189, rule10, "Danske Bank"},
	{9190, 9199, rule11of4, "DNB"},
	{9230, 9239, rule11of3, "Marginalen"},
	{9250, 9259, rule11of3, "SBAB"},
	{9260, 9269, rule11of4, "DNB"},
	{9270, 9279, rule11of3, "ICA"},
	{9280, 9289, rule11of3, "Resurs"},
	{9300, 9349, rule10, "Swedbank, former Öresund"},
	{9390, 9399, rule11of4, "Landshypotek"},
	{9400, 9449, rule11of3, "Forex"},
	{9460, 9469, rule11of3, "Santander"},
	{9470, 9479, rule11of4, "BNP Paribas"},
	{9500, 9549, rule10, "Plusgirot"},
	{9550, 9569, rule11of4, "Avanza"},
	{9570, 9579, rule10, "Sparbanken Syd"},
	{9580, 9589, rule11of3, "Aion"},
	{9590, 9599, rule11of4, "Penser"},
	{9630, 9639, rule11of3, "Lån & Spar"},
	{9640, 9649, rule11of4, "NOBA"},
	{9660, 9669, rule11of4, "Svea"},
	{9670, 9679, rule11of4, "JAK"},
	{9680, 9689, rule11of3, "Bluestep"},
	{9700, 9709, rule11of4, "Ekobanken"},
	{9710, 9719, rule11of4, "Lunar"},
	{9750, 9759, rule11of4, "Northmill"},
	{9780, 9789, rule11of4, "Klarna"},
	{9880, 9889, rule11of4, "Riksgälden"},
	{9890, 9899, rule10, "Riksgälden"},
	{9960, 9969, rule10, "Plusgirot"},
}

// SwedishAccount tests an account at a clearing number of four digits, or five
// in Swedbank's 8xxx series. BadAccount: letters, or nothing but zeros.
// UnknownClearing and AccountCheckDigit are warnings: banks come and go, and
// some real accounts fail their bank's check.
func SwedishAccount[T Text](clearing, account T) payment.Code {
	if !Digits(account) {
		return payment.BadAccount
	}
	account = TrimZeros(account)
	if len(account) == 1 && account[0] == '0' {
		return payment.BadAccount
	}
	if !Digits(clearing) || (len(clearing) != 4 && (len(clearing) != 5 || clearing[0] != '8')) {
		return payment.UnknownClearing
	}
	clearing = clearing[:4]
	r := clearingRule(number(clearing, 4))
	if r == 0 {
		return payment.UnknownClearing
	}
	if len(account) > serialDigits[r] || !r.holds([4]byte{clearing[0], clearing[1], clearing[2], clearing[3]}, serial(account)) {
		return payment.AccountCheckDigit
	}
	return ""
}

// clearingRule finds the rule of a clearing number; 0 when no range has it.
func clearingRule(n int) rule {
	lo, hi := 0, len(clearingRanges)
	for lo < hi {
		if mid := (lo + hi) / 2; clearingRanges[mid].last < n {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(clearingRanges) && clearingRanges[lo].first <= n {
		return clearingRanges[lo].rule
	}
	return 0
}

// serial right aligns an account in ten digits, zeros before.
func serial[T Text](account T) (s [10]byte) {
	for i := range s {
		s[i] = '0'
		if at := len(account) - len(s) + i; at >= 0 {
			s[i] = account[at]
		}
	}
	return s
}

func (r rule) holds(clearing [4]byte, serial [10]byte) bool {
	switch r {
	case rule10:
		return Luhn(serial[:])
	case rule11:
		return mod11(serial[1:])
	}
	var digits [11]byte
	copy(digits[:], clearing[:])
	copy(digits[4:], serial[3:])
	if r == rule11of3 {
		return mod11(digits[1:])
	}
	return mod11(digits[:])
}

// mod11 weighs digits from the right by 1, 2, 3 … 10, then 1 again.
func mod11(digits []byte) bool {
	sum := 0
	for i := range digits {
		sum += int(digits[len(digits)-1-i]-'0') * (i%10 + 1)
	}
	return sum%11 == 0
}
