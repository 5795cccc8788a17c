package bankgirot

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"sealgate/internal/index/indextest"
	"sealgate/internal/payment"
)

// open and bodies of good records; total states count and sum for them.
const (
	open11  = "110005999123260302LEVERANTÖRSBETALNINGAR260304"
	openDay = "110005999123260302LEVERANTÖRSBETALNINGAR      " // without a day of its own
	openRet = "110005999123260302LEVERANTÖRSBETALNINGAR2603041"
)

// pay writes a 14, 15, 16 or 54 of one krona.
func pay(code, number, day string) string {
	return fmt.Sprintf("%s%-10s%-25s%012d%s", code, number, "REF", 100, day)
}

func total(count int, sum string) string { return fmt.Sprintf("290005999123%08d%s", count, sum) }

const (
	one = "000000000100"
	two = "000000000200"
)

// latin1 joins records with CRLF in ISO 8859-1.
func latin1(records ...string) []byte {
	var b []byte
	for _, r := range records {
		for _, c := range r {
			b = append(b, byte(c))
		}
		b = append(b, '\r', '\n')
	}
	return b
}

func codes(a indextest.Answer) map[payment.Code]int64 {
	m := map[payment.Code]int64{}
	for _, f := range a.Findings {
		m[f.Code] = f.Count
	}
	return m
}

type findings = map[payment.Code]int64

// TestRules has one file for each sentence of the format's description.
func TestRules(t *testing.T) {
	const bg, pg = "0005999313", "0000000018"
	name := "260000990010ÅSA LINDSTRÖM"
	account := "4000009900105001000001234563"
	for _, c := range []struct {
		name    string
		records []string
		want    findings // fatal: the one; none: indexed
	}{
		{"good", []string{open11, pay("14", bg, ""), total(1, one)}, nil},
		{"no payment at all", []string{open11, total(0, "000000000000")}, nil},
		{"blanks for zeros", []string{open11, pay("14", "   5999313", ""), "29   5999123       1         100"}, nil},
		{"hyphen kept", []string{open11, pay("14", "00599-9313", ""), "250005999313text", total(1, one)}, nil},
		{"hyphen in the total's sender", []string{open11, "2900599-912300000000000000000000"}, nil},

		{"count too high", []string{open11, pay("14", bg, ""), total(2, one)}, findings{payment.CountMismatch: 1}},
		{"sum too low", []string{open11, pay("14", bg, ""), total(1, "000000000099")}, findings{payment.ControlSumMismatch: 1}},
		{
			"both, in two sections",
			[]string{open11, pay("14", bg, ""), total(2, two), open11, pay("14", bg, ""), total(2, two)},
			findings{payment.CountMismatch: 2, payment.ControlSumMismatch: 2},
		},
		{"count and sum blank", []string{open11, pay("14", bg, ""), "290005999123"}, findings{payment.CountMismatch: 1, payment.ControlSumMismatch: 1}},
		{
			"total cut in the sender",
			[]string{open11, pay("14", bg, ""), "290005999"},
			findings{payment.BatchMismatch: 1, payment.CountMismatch: 1, payment.ControlSumMismatch: 1},
		},
		{
			"total cut in the count",
			[]string{open11, pay("14", bg, ""), "290005999123000"},
			findings{payment.BadAmount: 1, payment.CountMismatch: 1, payment.ControlSumMismatch: 1},
		},
		{"total for another", []string{open11, pay("14", bg, ""), "29000599920400000001" + one}, findings{payment.BatchMismatch: 1}},
		{"minus forgotten", []string{open11, pay("15", bg, ""), total(1, one)}, findings{payment.ControlSumMismatch: 1}},
		{"minus", []string{open11, pay("15", bg, ""), total(1, one+"-")}, nil},
		{"minus where none belongs", []string{open11, pay("14", bg, ""), total(1, one+"-")}, findings{payment.ControlSumMismatch: 1}},
		{"another sign", []string{open11, pay("14", bg, ""), total(1, one+"+")}, findings{payment.ControlSumMismatch: 1}},
		{"54 adds", []string{open11, pay("14", bg, ""), pay("54", pg, ""), total(2, two)}, nil},
		{"16 subtracts", []string{open11, pay("14", bg, ""), pay("16", bg, ""), total(2, "000000000000")}, nil},

		{"sender's check digit", []string{strings.Replace(open11, "5999123", "5999124", 1), "29000599912400000000000000000000"}, findings{payment.BadCheckDigit: 1}},
		{"payee's check digit", []string{open11, pay("14", "0005999314", ""), total(1, one)}, findings{payment.BadCheckDigit: 1}},
		{"Plusgiro check digit", []string{open11, pay("54", "0000000019", ""), total(1, one)}, findings{payment.BadCheckDigit: 1}},
		{"letter in a number", []string{open11, pay("14", "00059993X3", ""), total(1, one)}, findings{payment.BadAccount: 1}},
		{"number too short", []string{strings.Replace(open11, "0005999123", "0000000018", 1), "29000000001800000000000000000000"}, findings{payment.BadAccount: 1}},
		{"number too long", []string{open11, pay("14", "5959993139", ""), total(1, one)}, findings{payment.BadAccount: 1}},
		{"no number", []string{open11, pay("14", "", ""), total(1, one)}, findings{payment.BadAccount: 1}},
		{"no sender", []string{"11          260302LEVERANTÖRSBETALNINGAR260304", "29          00000000000000000000"}, findings{payment.BadAccount: 1}},

		{"no day anywhere", []string{openDay, pay("14", bg, ""), total(1, one)}, findings{payment.BadDate: 1}},
		{"own day", []string{openDay, pay("14", bg, "260304"), total(1, one)}, nil},
		{"own day wrong", []string{open11, pay("14", bg, "260230"), total(1, one)}, findings{payment.BadDate: 1}},
		{"own day cut", []string{open11, pay("14", bg, "2603"), total(1, one)}, findings{payment.BadDate: 1}},
		{"section's day wrong", []string{strings.Replace(open11, "260304", "261304", 1), pay("14", bg, ""), pay("14", bg, ""), total(2, two)}, findings{payment.BadDate: 1}},
		{"at once", []string{openDay, pay("14", bg, "GENAST"), total(1, one)}, nil},
		{"16 without a day", []string{openDay, pay("16", bg, ""), total(1, one+"-")}, nil},
		{"15 without a day", []string{openDay, pay("15", bg, ""), total(1, one+"-")}, findings{payment.BadDate: 1}},

		{"zero", []string{open11, strings.Replace(pay("14", bg, ""), one, "000000000000", 1), total(1, "000000000000")}, findings{payment.BadAmount: 1}},
		{"no amount", []string{open11, "14" + bg, total(1, "000000000000")}, findings{payment.BadAmount: 1}},
		{"amount cut", []string{open11, strings.Replace(pay("14", bg, ""), one, "0000000001", 1), total(1, one)}, findings{payment.BadAmount: 1, payment.ControlSumMismatch: 1}},
		{"comma in an amount", []string{open11, strings.Replace(pay("14", bg, ""), one, "00000001,00", 1) + "0", total(1, one)}, findings{payment.BadAmount: 1, payment.ControlSumMismatch: 1}},
		{"USD", []string{open11 + "             USD", pay("14", bg, ""), total(1, one)}, findings{payment.BadCurrency: 1}},
		{"EUR", []string{open11 + "             EUR", pay("14", bg, ""), total(1, one)}, nil},

		{"11 inside a section", []string{open11, pay("14", bg, ""), open11, total(1, one)}, findings{payment.RecordOrder: 1}},
		{"payment after the total", []string{open11, total(0, "000000000000"), pay("14", bg, "")}, findings{payment.RecordOrder: 1}},
		{"two totals", []string{open11, total(0, "000000000000"), total(0, "000000000000")}, findings{payment.RecordOrder: 1}},
		{"no total", []string{open11, pay("14", bg, "")}, findings{payment.Truncated: 1}},
		{"no total of the last section", []string{open11, total(0, "000000000000"), open11, pay("14", bg, "")}, findings{payment.Truncated: 1}},
		{"text first", []string{open11, "250005999313text", total(0, "000000000000")}, findings{payment.RecordOrder: 1}},
		{"text for another", []string{open11, pay("14", bg, ""), "250059990473text", total(1, one)}, findings{payment.RecordOrder: 1}},
		{"25 after 54", []string{open11, pay("54", pg, ""), "25" + pg + "text", total(1, one)}, findings{payment.RecordOrder: 1}},
		{"65 after 14", []string{open11, pay("14", bg, ""), "65" + bg + "text", total(1, one)}, findings{payment.RecordOrder: 1}},
		{"text after something else", []string{open11, pay("14", bg, ""), name, "25" + bg + "text", total(1, one)}, findings{payment.RecordOrder: 1}},
		{"17", []string{open11, "17" + bg, total(0, "000000000000")}, findings{payment.UnknownRecord: 1}},
		{"21 in orders", []string{open11, "21" + bg, total(0, "000000000000")}, findings{payment.UnknownRecord: 1}},
		{"one character", []string{open11, "1", total(0, "000000000000")}, findings{payment.UnknownRecord: 1}},
		{"seal of a section", []string{open11, pay("14", bg, ""), "28FF", total(1, one)}, nil},
		{"81 characters", []string{open11, fmt.Sprintf("%-80sX", pay("14", bg, "")), total(1, one)}, findings{payment.RecordLength: 1}},
		{"80 characters", []string{open11, fmt.Sprintf("%-79sX", pay("14", bg, "")), total(1, one)}, nil},
		{"a line of 4097", []string{open11, fmt.Sprintf("%-4097s", pay("14", bg, "")), total(1, one)}, findings{payment.FieldLimit: 1}},
		{"a line of 4096", []string{open11, fmt.Sprintf("%-4096s", pay("14", bg, "")), total(1, one)}, nil},

		{"account", []string{open11, account, name, pay("14", "0000990010", ""), total(1, one)}, nil},
		{"blank check digit here", []string{open11, account, pay("14", "000099001 ", ""), "250000990010text", total(1, one)}, nil},
		{"blank check digit there", []string{open11, strings.Replace(account, "990010", "99001 ", 1), pay("14", "0000990010", ""), total(1, one)}, nil},
		{"wrong check digit", []string{open11, account, pay("14", "0000990011", ""), total(1, one)}, findings{payment.BadCheckDigit: 1}},
		{"wrong check digit in 40", []string{open11, strings.Replace(account, "990010", "990011", 1), pay("14", "000099001 ", ""), total(1, one)}, findings{payment.BadCheckDigit: 1}},
		{"wrong and unused", []string{open11, strings.Replace(account, "990010", "990011", 1), total(0, "000000000000")}, findings{payment.BadCheckDigit: 1}},
		{"not introduced", []string{open11, pay("14", "0000990010", ""), total(1, one)}, findings{payment.RecordOrder: 1}},
		{"introduced by an address only", []string{open11, "270000990010STORGATAN 1", pay("14", "0000990010", ""), total(1, one)}, findings{payment.RecordOrder: 1}},
		{"introduced after", []string{open11, pay("14", "0000990010", ""), account, total(1, one)}, findings{payment.RecordOrder: 1}},
		{"introduced in the section before", []string{open11, account, total(0, "000000000000"), open11, pay("14", "0000990010", ""), total(1, one)}, findings{payment.RecordOrder: 1}},
		{"letters in a transfer number", []string{open11, account, pay("14", "0000X90010", ""), total(1, one)}, findings{payment.BadAccount: 1}},
		{"account fails its bank's check", []string{open11, "4000009900105001000001234564", pay("14", "0000990010", ""), total(1, one)}, findings{payment.AccountCheckDigit: 1}},
		{"clearing number unknown", []string{open11, "4000009900100999000001234563", pay("14", "0000990010", ""), total(1, one)}, findings{payment.UnknownClearing: 1}},
		{"letter in an account", []string{open11, "40000099001050010000012X4563", pay("14", "0000990010", ""), total(1, one)}, findings{payment.BadAccount: 1}},
		{"account cut", []string{open11, "40000099001050010000012345", pay("14", "0000990010", ""), total(1, one)}, findings{payment.BadAccount: 1}},
		{"54 is no transfer number", []string{open11, pay("54", "0000990010", ""), total(1, one)}, nil},

		{"seal not closed", []string{"00260302HMAC", open11, total(0, "000000000000")}, findings{payment.Truncated: 1}},
		{"seal closed short", []string{"00260302HMAC", open11, total(0, "000000000000"), "99260302" + strings.Repeat("0", 63)}, findings{payment.Truncated: 1}},
		{"seal closed", []string{"00260302HMAC", open11, total(0, "000000000000"), "99260302" + strings.Repeat("0", 64)}, nil},
		{"seal closed in a section", []string{"00260302HMAC", open11, "99260302" + strings.Repeat("0", 64)}, findings{payment.Truncated: 1}},
		{"closed but not opened", []string{open11, total(0, "000000000000"), "99260302" + strings.Repeat("0", 64)}, findings{payment.RecordOrder: 1}},
		{"two seals", []string{"00260302HMAC", "00260302HMAC", open11, total(0, "000000000000")}, findings{payment.RecordOrder: 1}},
		{"data after the seal", []string{"00260302HMAC", open11, total(0, "000000000000"), "99260302" + strings.Repeat("0", 64), open11, "77"}, findings{payment.TrailingData: 1}},

		{"report", []string{openRet, "260005999313HOLDER", pay("14", bg, "000000000001002474"), total(1, one)}, nil},
		{"report with its own records", []string{openRet, pay("14", bg, ""), "20", "21", "48", total(1, one)}, nil},
		{"report with a wrong total", []string{openRet, pay("14", bg, ""), total(1, two)}, findings{payment.ControlSumMismatch: 1}},
		{"report after orders", []string{open11, total(0, "000000000000"), openRet, total(0, "000000000000")}, findings{payment.RecordOrder: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := latin1(c.records...)
			got := read(t, data)
			want, outcome := c.want, payment.Indexed
			if want == nil {
				want = findings{}
			}
			for code := range want {
				switch code.Severity() {
				case payment.Fatal:
					outcome = payment.Refused
				case payment.Error:
					outcome = payment.Held
				}
			}
			if !maps.Equal(codes(got), want) || got.Outcome != outcome {
				t.Errorf("%s %v, want %s %v", got.Outcome, got.Findings, outcome, want)
			}
		})
	}
}

// only returns the one payment of a file that was read.
func only(t *testing.T, a indextest.Answer) payment.Payment {
	t.Helper()
	if len(a.Payments) != 1 {
		t.Fatalf("%d payments: %v", len(a.Payments), a.Findings)
	}
	return a.Payments[0]
}

func TestReturnReportIsNoOrder(t *testing.T) {
	a := read(t, latin1(openRet+"            SEK", "260005999313SWEDEX AB",
		"140005999313106871203               "+" "+one+"000000000001002474", total(1, one)))
	if *a.Format != "bankgirot.lb-return" || a.Outcome != payment.Indexed || a.ExecutionDates != nil {
		t.Fatal(text(t, a))
	}
	p := only(t, a)
	if p.Direction != payment.Out || p.ExecutionDate != nil || p.Immediate || *p.Payee.Name != "SWEDEX AB" || *p.AmountMinor != 100 ||
		p.Payee.Account.Number != "5999313" || p.Reference.Value != "106871203" || *p.InstructionID != "1002474" {
		t.Error(text(t, a))
	}
}

func TestMessages(t *testing.T) {
	p := only(t, read(t, latin1(open11, pay("14", "0005999313", ""), "250005999313 first ", "250005999313", "250005999313second", total(1, one))))
	if *p.Message != "first\nsecond" {
		t.Errorf("message %q", *p.Message)
	}
	// A text of 65 ends at position 47, one of 25 at 62.
	p = only(t, read(t, latin1(open11, pay("54", "0000000018", ""), "650000000018"+strings.Repeat("x", 50), total(1, one))))
	if len(*p.Message) != 35 {
		t.Errorf("%d characters", len(*p.Message))
	}
	records := []string{open11, pay("14", "0005999313", "")}
	for range 1300 {
		records = append(records, "250005999313"+strings.Repeat("x", 50))
	}
	if got := read(t, latin1(append(records, total(1, one))...)); codes(got)[payment.FieldLimit] != 1 {
		t.Errorf("a message of 66,000 characters: %v", got.Findings)
	}
}

func TestKinds(t *testing.T) {
	const cash, salary = "260000990010N", "4000009900105001000001234563            L"
	for _, c := range []struct {
		name, before, code, want string
	}{
		{"name only", cash, "14", payment.KindCash},
		{"salary", salary, "14", payment.KindSalary},
		{"deduction from a salary", salary, "15", payment.KindDeduction},
		{"credit note", salary, "16", payment.KindCreditNote},
	} {
		sum := one
		if c.code != "14" {
			sum += "-"
		}
		p := only(t, read(t, latin1(open11, c.before, pay(c.code, "0000990010", ""), total(1, sum))))
		if p.Kind != c.want || (p.Payee.Account == nil) != (c.before == cash) {
			t.Errorf("%s: %s, account %v", c.name, p.Kind, p.Payee.Account)
		}
	}
}

func TestReferences(t *testing.T) {
	for field, want := range map[string]payment.Reference{
		"202600417":           {Type: "ocr", Value: "202600417"},
		"202600418":           {Type: "text", Value: "202600418"},
		"RF18 5390 0754 7034": {Type: "rf", Value: "RF18539007547034"},
		"FAKTURA 12":          {Type: "text", Value: "FAKTURA 12"},
	} {
		r := fmt.Sprintf("14%-10s%-25s%s", "0005999313", field, one)
		if p := only(t, read(t, latin1(open11, r, total(1, one)))); *p.Reference != want {
			t.Errorf("%q: %v", field, *p.Reference)
		}
	}
}

func TestBrokenCharacterSet(t *testing.T) {
	good := string(latin1(open11, "250005999313x", total(0, "")))
	for name, data := range map[string]string{
		"UTF-8, then a Latin-1 byte": strings.Replace(good, "\xd6", "Ö", 1) + "12\xe5\r\n",
		"UTF-8 cut in a character":   strings.Replace(good, "\xd6", "Ö", 1) + "12\xc3\r\n",
		"mark, then Latin-1":         "\xef\xbb\xbf" + good,
		"seven bits, then eight":     strings.Replace(good, "\xd6", `\`, 1) + "12\xe5\r\n",
	} {
		// The text record makes the rest unreadable in any other way.
		data = strings.Replace(data, "250005999313x\r\n", "", 1)
		data = strings.Replace(data, "\r\n29", "\r\n12", 1)
		if got := read(t, []byte(data)); codes(got)[payment.BadEncoding] != 1 || got.Outcome != payment.Refused {
			t.Errorf("%s: %v", name, got.Findings)
		}
	}
}

func TestMatch(t *testing.T) {
	good := string(latin1(open11))
	seal := "00260302HMAC"
	for name, c := range map[string]struct {
		head string
		want bool
	}{
		"order":                  {good, true},
		"mark and line ends":     {"\xef\xbb\xbf\r\n\n" + good, true},
		"two bytes for Ö":        {strings.Replace(good, "\xd6", "Ö", 1), true},
		"any byte for Ö":         {strings.Replace(good, "\xd6", "?", 1), true},
		"sealed":                 {seal + "\r\n" + good, true},
		"sealed and padded":      {fmt.Sprintf("%-80s\r\n\r\n", seal) + good, true},
		"sealed, no line ends":   {fmt.Sprintf("%-80s", seal) + fmt.Sprintf("%-80s", strings.TrimSpace(good)), true},
		"seal of something else": {seal + "\r\n01260302  L\xd6N", false},
		"inside a letter":        {"Dear bank,\r\n" + good, false},
		"product name elsewhere": {"11 LEVERANT\xd6RSBETALNINGAR", false},
		"another record":         {"01" + good[2:], false},
		"three letters for Ö":    {strings.Replace(good, "\xd6", "OEH", 1), false},
		"cut":                    {good[:39], false},
		"seal only":              {seal, false},
		"nothing":                {"", false},
	} {
		if got := (LB{}).Match([]byte(c.head)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
