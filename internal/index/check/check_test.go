package check

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"sealgate/internal/payment"
)

func TestLuhnWorkedExample(t *testing.T) {
	if !Luhn("9912346") { // 991-2346
		t.Error("9912346 fails")
	}
	for d := byte('0'); d <= '9'; d++ {
		if s := "991234" + string(d); Luhn(s) != (d == '6') {
			t.Errorf("Luhn(%s) = %v", s, Luhn(s))
		}
	}
	if Luhn("") || Luhn("991234 6") || Luhn("-") {
		t.Error("Luhn takes what is not a number")
	}
}

func TestGiroNumbers(t *testing.T) {
	for _, c := range []struct {
		number     string
		bank, plus payment.Code
	}{
		{"5999313", "", ""},
		{"5999316", payment.BadCheckDigit, payment.BadCheckDigit},
		{"59990473", "", ""},
		{"18", payment.BadAccount, ""},
		{"0", payment.BadAccount, payment.BadAccount},
		{"", payment.BadAccount, payment.BadAccount},
		{"599931X", payment.BadAccount, payment.BadAccount},
		{"599904730", payment.BadAccount, payment.BadAccount},
	} {
		if got := Bankgiro(c.number); got != c.bank {
			t.Errorf("Bankgiro(%q) = %q, want %q", c.number, got, c.bank)
		}
		if got := Plusgiro([]byte(c.number)); got != c.plus {
			t.Errorf("Plusgiro(%q) = %q, want %q", c.number, got, c.plus)
		}
	}
}

func TestABA(t *testing.T) {
	for number, want := range map[string]payment.Code{
		"231380104": "", "021000021": "", "231380105": payment.BadCheckDigit, "23138010": payment.BadAccount, "23138O104": payment.BadAccount,
	} {
		if got := ABA(number); got != want {
			t.Errorf("ABA(%q) = %q, want %q", number, got, want)
		}
	}
}

func TestIBAN(t *testing.T) {
	for iban, want := range map[string]payment.Code{
		"SE4550000000058398257466":        "",
		"NO9386011117947":                 "",
		"DE89370400440532013000":          "",
		"GB29NWBK60161331926819":          "",
		"MT84MALT011000012345MTLCAST001S": "",
		"BE68539007547034":                "",
		"SE4550000000058398257467":        payment.BadCheckDigit,
		"SE455000000005839825746":         payment.BadAccount, // one short
		"SE45500000000583982574661":       payment.BadAccount,
		"se4550000000058398257466":        payment.BadAccount,
		"SE45 5000 0000 0583 9825 7466":   payment.BadAccount,
		"":                                payment.BadAccount,
		"SE45":                            payment.BadAccount,
		"SEX550000000058398257466":        payment.BadAccount,
		"ZZ00123":                         payment.BadCheckDigit, // not in the register: shape only
		"ZZ00" + strings.Repeat("1", 31):  payment.BadAccount,
		"DE8937040044053201300\xc5":       payment.BadAccount,
	} {
		if got := IBAN(iban); got != want {
			t.Errorf("IBAN(%q) = %q, want %q", iban, got, want)
		}
		if got := IBAN([]byte(iban)); got != want {
			t.Errorf("IBAN([]byte %q) = %q, want %q", iban, got, want)
		}
	}
}

func TestIBANLengthTable(t *testing.T) {
	want := "SE 24, NO 15, DK 18, FI 18, IS 26, EE 20, LV 21, LT 20, DE 22, NL 18, BE 16, FR 27, ES 24, IT 27, PT 25, AT 20, IE 22, " +
		"LU 20, CH 21, GB 22, PL 28, CZ 24, SK 24, HU 28, RO 24, BG 22, GR 27, HR 21, SI 19, CY 28, MT 31, TR 26, AE 23, SA 24, KW 30, QA 29, IL 23"
	for _, e := range strings.Split(want, ", ") {
		var country string
		var n uint8
		if _, err := fmt.Sscanf(e, "%s %d", &country, &n); err != nil {
			t.Fatal(err)
		}
		if got := ibanLengths[letterPair(country[0], country[1])]; got != n {
			t.Errorf("%s: %d, want %d", country, got, n)
		}
	}
}

func TestReferences(t *testing.T) {
	for _, c := range []struct {
		in, plainType, structuredType, value string
		code                                 payment.Code
	}{
		{"202600417", "ocr", "ocr", "202600417", ""},
		{"202600418", "text", "ocr", "202600418", payment.BadReferenceCheckDigit},
		{"RF18 5390 0754 7034", "rf", "rf", "RF18539007547034", ""},
		{"RF19 5390 0754 7034", "rf", "rf", "RF19539007547034", payment.BadReferenceCheckDigit},
		{"RF18", "rf", "rf", "RF18", payment.BadReferenceCheckDigit},
		{"RFX8539", "text", "text", "RFX8539", ""},
		{"FAKTURA 77-319", "text", "text", "FAKTURA 77-319", ""},
		{"7", "text", "ocr", "7", payment.BadReferenceCheckDigit},
	} {
		if got := PlainReference(c.in); got != (payment.Reference{Type: c.plainType, Value: c.value}) {
			t.Errorf("PlainReference(%q) = %v", c.in, got)
		}
		got, code := StructuredReference(c.in)
		if got != (payment.Reference{Type: c.structuredType, Value: c.value}) || code != c.code {
			t.Errorf("StructuredReference(%q) = %v, %q", c.in, got, code)
		}
	}
}

func TestBIC(t *testing.T) {
	for bic, want := range map[string]bool{
		"ESSESESS": true, "HANDSESSXXX": true, "1234SESS": true, "ESSESE1S": true,
		"ESSESESO": true, "ESSE12SS": false, "ESSESES": false, "ESSESESSX": false,
		"NOTPROVIDED": true, "essesess": false, "": false,
	} {
		if got := BIC(bic); got != want {
			t.Errorf("BIC(%q) = %v, want %v", bic, got, want)
		}
	}
}

func TestSwedishAccounts(t *testing.T) {
	for _, c := range []struct {
		clearing, account string
		want              payment.Code
	}{
		{"5001", "1234563", ""},      // 11/3
		{"5001", "000001234563", ""}, // as the fixed formats write it
		{"6112", "987654322", ""},    // 11
		{"8000", "0000000018", ""},   // 10
		{"80005", "18", ""},          // the fifth digit of the 8xxx series
		{"9960", "18", ""},
		{"5001", "1234564", payment.AccountCheckDigit},
		{"6112", "987654321", payment.AccountCheckDigit},
		{"5001", "50011234563", payment.AccountCheckDigit}, // clearing number repeated
		{"0999", "1234563", payment.UnknownClearing},
		{"9999", "1234563", payment.UnknownClearing},
		{"50011", "1234563", payment.UnknownClearing},
		{"", "1234563", payment.UnknownClearing},
		{"5001", "12345X3", payment.BadAccount},
		{"5001", "", payment.BadAccount},
		{"5001", "000000000000", payment.BadAccount},
	} {
		if got := SwedishAccount(c.clearing, c.account); got != c.want {
			t.Errorf("SwedishAccount(%s, %s) = %q, want %q", c.clearing, c.account, got, c.want)
		}
	}
}

func TestClearingTable(t *testing.T) {
	last := 0
	for _, r := range clearingRanges {
		if r.first <= last || r.last < r.first || r.rule < rule11of3 || r.rule > rule10 || r.bank == "" {
			t.Errorf("range %+v after %d", r, last)
		}
		last = r.last
	}
	for n := range 10_000 {
		want := rule(0)
		for _, r := range clearingRanges {
			if r.first <= n && n <= r.last {
				want = r.rule
			}
		}
		if got := clearingRule(n); got != want {
			t.Fatalf("clearing %d: rule %d, want %d", n, got, want)
		}
	}
}

func TestMod11Rules(t *testing.T) {
	// Each rule must see every digit that it covers and no other.
	for _, c := range []struct {
		rule   rule
		inside int // digits of clearing and serial, from the right
	}{{rule11of3, 10}, {rule11of4, 11}, {rule11, 9}} {
		digits := []byte("00000000000000") // four clearing, ten serial
		for i := range digits {
			if c.rule != rule11 && i >= 4 && i < 7 {
				continue // the three serial digits that 11/3 and 11/4 leave out
			}
			d := append([]byte(nil), digits...)
			d[i] = '1'
			at := len(d) - i
			if at > 10 {
				at -= 3
			}
			seen := at <= c.inside
			if c.rule == rule11 {
				seen = len(d)-i <= 9
			}
			if holds := c.rule.holds([4]byte(d[:4]), [10]byte(d[4:])); holds == seen {
				t.Errorf("rule %d, digit %d: holds = %v", c.rule, i, holds)
			}
		}
	}
}

func TestCurrencies(t *testing.T) {
	for code, want := range map[string]int{"SEK": 2, "EUR": 2, "JPY": 0, "ISK": 0, "KWD": 3, "CLF": 4, "XCG": 2} {
		if got, ok := Currency([]byte(code)); !ok || got != want {
			t.Errorf("%s: %d, %v", code, got, ok)
		}
	}
	for _, code := range []string{"", "SE", "sek", "SEKK", "XXX", "XTS", "SKR", "S\xc5K"} {
		if _, ok := Currency(code); ok {
			t.Errorf("%q is taken for a currency", code)
		}
	}
	for code, want := range map[string]int{
		"BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF": 0, "BHD IQD JOD KWD LYD OMR TND": 3, "CLF UYW": 4,
	} {
		for _, c := range strings.Fields(code) {
			if got, ok := Currency(c); !ok || got != want {
				t.Errorf("%s: %d decimals, want %d", c, got, want)
			}
		}
	}
}

func TestAmounts(t *testing.T) {
	for _, c := range []struct {
		text     string
		decimals int
		minor    int64
		code     payment.Code
	}{
		{"7.10000", 2, 710, ""},
		{"10.505", 2, 0, payment.AmountPrecision},
		{"1500.00", 0, 1500, ""},
		{"1500.50", 0, 0, payment.AmountPrecision},
		{"1.234", 3, 1234, ""},
		{".5", 2, 50, ""},
		{"100.", 2, 10000, ""},
		{"+7.10", 2, 710, ""},
		{"00007", 2, 700, ""},
		{"0", 2, 0, ""},
		{"0.00", 2, 0, ""},
		{"92233720368547758.07", 2, 9223372036854775807, ""},
		{"92233720368547758.08", 2, 0, payment.BadAmount},
		{"92233720368547759", 2, 0, payment.BadAmount},
		{strings.Repeat("9", 60), 2, 0, payment.BadAmount},
		{strings.Repeat("0", 60) + "1", 2, 100, ""},
		{"", 2, 0, payment.BadAmount},
		{".", 2, 0, payment.BadAmount},
		{"+", 2, 0, payment.BadAmount},
		{"+.", 2, 0, payment.BadAmount},
		{"-1.00", 2, 0, payment.BadAmount},
		{"1,00", 2, 0, payment.BadAmount},
		{"1e3", 2, 0, payment.BadAmount},
		{"1.0.0", 2, 0, payment.BadAmount},
		{"1 000", 2, 0, payment.BadAmount},
		{"NaN", 2, 0, payment.BadAmount},
	} {
		if minor, code := Amount(c.text, c.decimals); minor != c.minor || code != c.code {
			t.Errorf("Amount(%q, %d) = %d, %q; want %d, %q", c.text, c.decimals, minor, code, c.minor, c.code)
		}
	}
}

func TestDecimalAgainstBig(t *testing.T) {
	var d Decimal
	want := new(big.Rat)
	for i := range 5000 {
		text := fmt.Sprintf("%d.%0*d", i*7919*i, i%9+1, i%10)
		if i%100 == 0 {
			text = "." + strings.Repeat("9", i%37+1) + strings.Repeat("0", i%3)
		}
		r, _ := new(big.Rat).SetString(text)
		want.Add(want, r)
		if !d.Add(text) {
			t.Fatalf("Add(%q)", text)
		}
	}
	exact := want.FloatString(60)
	if !d.Equal(exact) || !d.EqualBytes([]byte("+00"+exact+"00")) {
		t.Errorf("sum is not %s", exact)
	}
	if d.Equal(exact+"1") || d.Equal("1"+exact) || d.Equal("") || d.Equal("x") {
		t.Error("another number is equal")
	}
	d.Reset()
	if !d.Equal("0") || !d.Equal("0.00") || d.Equal("0.001") {
		t.Error("Reset leaves something")
	}
}

func TestDecimalNamesTheFloatWriter(t *testing.T) {
	var d Decimal
	for _, a := range []string{"1000.10", "0.0"} {
		d.Add(a)
	}
	if d.Equal("1000.1000000001") || !d.Equal("1000.1") || d.Add("-1") || d.Add("1,0") || !d.Equal("1000.100") {
		t.Error("control sum compared wrongly")
	}
}

func TestDecimalCarriesBeforeOverflow(t *testing.T) {
	d := Decimal{whole: []uint32{9}, frac: []uint32{9}, pending: 1<<32/9 - 4}
	d.whole[0], d.frac[0] = 9*d.pending, 9*d.pending
	want := new(big.Rat).Mul(big.NewRat(99, 10), big.NewRat(int64(d.pending), 1))
	for range 8 {
		d.Add("9.9")
		want.Add(want, big.NewRat(99, 10))
	}
	if s := want.FloatString(1); !d.Equal(s) {
		t.Errorf("sum is not %s", s)
	}
}

func TestDates(t *testing.T) {
	for s, want := range map[string]bool{
		"2026-03-04": true, "2024-02-29": true, "2026-02-29": false, "1900-02-29": false, "2000-02-29": true,
		"2026-13-01": false, "2026-00-01": false, "2026-01-00": false, "2026-04-31": false, "0000-01-01": false,
		"2026-3-04": false, "2026/03/04": false, "20260304": false, "": false, "2026-03-04Z": false,
	} {
		if got := Date(s); got != want {
			t.Errorf("Date(%q) = %v", s, got)
		}
	}
	for s, want := range map[string]bool{"260304": true, "240229": true, "260229": false, "26030": false, "2603 4": false, "GENAST": false} {
		if got, ok := ShortDate(s); ok != want || (ok && got != "20"+s[:2]+"-"+s[2:4]+"-"+s[4:]) {
			t.Errorf("ShortDate(%q) = %q, %v", s, got, ok)
		}
	}
	for s, want := range map[string][2]bool{ // DateDay, DateTimeDay
		"2026-03-04": {true, true}, "2026-03-04Z": {true, true}, "2026-03-04+02:00": {true, true},
		"2026-03-04T23:59:59": {false, true}, "2026-03-04T23:59:59.123Z": {false, true}, "2026-03-04T23:59:59-14:00": {false, true},
		"2026-03-04T24:00:00": {false, true}, "2026-03-04T24:00:01": {false, false}, "2026-03-04T23:60:00": {false, false},
		"2026-03-04T": {false, false}, "2026-02-30T10:00:00": {false, false}, "2026-03-04T10:00:00.": {false, false},
		"2026-03-04+15:00": {false, false}, "2026-03-04 10:00:00": {false, false},
	} {
		day, ok := DateDay(s)
		dtDay, dtOK := DateTimeDay(s)
		if ok != want[0] || dtOK != want[1] {
			t.Errorf("DateDay, DateTimeDay(%q) = %v, %v", s, ok, dtOK)
		}
		if (ok && day != s[:10]) || (dtOK && dtDay != s[:10]) {
			t.Errorf("%q: the day is not as written", s)
		}
	}
}

func TestCompact(t *testing.T) {
	for in, want := range map[string]string{"se45 5000-0000\u00a00583\t": "SE45500000000583", "": "", "å": "å", "\xc2": "\xc2"} {
		if got := string(Compact(nil, in)); got != want {
			t.Errorf("Compact(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"000": "0", "0010": "10", "": "", "7": "7"} {
		if got := TrimZeros(in); got != want {
			t.Errorf("TrimZeros(%q) = %q", in, got)
		}
	}
}

func TestRulesDoNotAllocate(t *testing.T) {
	iban, bg, amount, account := []byte("SE4550000000058398257466"), []byte("59990473"), []byte("1234567.89"), []byte("000001234563")
	var d Decimal
	d.AddBytes(amount)
	if n := testing.AllocsPerRun(100, func() {
		IBAN(iban)
		Bankgiro(bg)
		Amount(amount, 2)
		SwedishAccount(account[:0], account)
		SwedishAccount("5001", "000001234563")
		Currency(iban[:3])
		d.AddBytes(amount)
		DateTimeDay("2026-03-04")
		PlainReference("202600417")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzIBAN(f *testing.F) {
	for _, s := range []string{"SE4550000000058398257466", "RF18539007547034", "GB29NWBK60161331926819", "ZZ", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		code := IBAN(s)
		if code != IBAN([]byte(s)) {
			t.Fatal("string and bytes differ")
		}
		if code == "" {
			// ISO 7064: changing one check digit of a right IBAN makes it wrong.
			b := []byte(s)
			b[3] = '0' + (b[3]-'0'+1)%10
			if IBAN(b) != payment.BadCheckDigit {
				t.Fatalf("%q and %q are both right", s, b)
			}
		}
		RF(s)
		ABA(s)
		Compact(nil, s)
		if ref, _ := StructuredReference(s); ref.Value == "" && strings.Trim(s, " ") != "" {
			t.Fatalf("%q loses its value", s)
		}
	})
}

func FuzzAmount(f *testing.F) {
	for _, s := range []string{"7.10000", ".5", "100.", "+1", "92233720368547758.08", "1e3", "0.0"} {
		f.Add(s, 2)
	}
	f.Fuzz(func(t *testing.T, s string, decimals int) {
		decimals = max(0, min(decimals, 4))
		minor, code := Amount(s, decimals)
		bytesMinor, bytesCode := Amount([]byte(s), decimals)
		if bytesMinor != minor || bytesCode != code {
			t.Fatal("string and bytes differ")
		}
		var d Decimal
		if !d.Add(s) {
			if code != payment.BadAmount {
				t.Fatalf("%q is no decimal and gives %q", s, code)
			}
			return
		}
		if !d.Equal(s) {
			t.Fatalf("%q is not equal to itself", s)
		}
		want, ok := new(big.Rat).SetString(strings.TrimPrefix(s, "+"))
		if !ok {
			t.Fatalf("%q is no number to math/big", s)
		}
		scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
		want.Mul(want, new(big.Rat).SetInt(scale))
		if code == "" && want.Cmp(new(big.Rat).SetInt64(minor)) != 0 {
			t.Fatalf("%q is %d minor units", s, minor)
		}
		if code == payment.AmountPrecision && want.IsInt() {
			t.Fatalf("%q has no more decimals than %d", s, decimals)
		}
		if code == payment.BadAmount && want.IsInt() && want.Num().IsInt64() {
			t.Fatalf("%q fits", s)
		}
	})
}

func BenchmarkIBAN(b *testing.B) {
	iban := []byte("SE4550000000058398257466")
	for b.Loop() {
		IBAN(iban)
	}
}

func BenchmarkDecimalAdd(b *testing.B) {
	var d Decimal
	amount := []byte("12345.67")
	for b.Loop() {
		d.AddBytes(amount)
	}
}
