package sheet

import (
	"strings"
	"testing"

	"sealgate/internal/payment"
)

func TestCSVIsNoFormula(t *testing.T) {
	name, message := `=HYPERLINK("http://evil.example")`, "två rader\r\n\"citat\", komma"
	currency, minor := "SEK", int64(-123450)
	var b strings.Builder
	w, err := New(&b)
	if err != nil {
		t.Fatal(err)
	}
	err = w.Add("id", &payment.Payment{Seq: 1, Payee: payment.Party{Name: &name}, AmountMinor: &minor, Currency: &currency, Message: &message})
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	got := b.String()
	if strings.Contains(got, `,"=HYPER`) || !strings.Contains(got, `"'=HYPERLINK(""http://evil.example"")"`) {
		t.Errorf("a spreadsheet would run this: %s", got)
	}
	if !strings.Contains(got, ",-1234.50,SEK,") {
		t.Errorf("the amount is no number: %s", got)
	}
	if !strings.Contains(got, `""citat"", komma"`) {
		t.Errorf("the message falls apart: %s", got)
	}
}

func TestEverySignOfAFormulaIsQuoted(t *testing.T) {
	for _, cell := range []string{
		"=1", "+1", "-1", "@x", "\tx", "\r=1", "\n", "\uFF1D1", "\uFF0B1", "\uFF0D1", "\uFF20x",
		" =1", "\u00A0+1", "\u3000=1", "\uFEFF=1", "\u200B@x", "\u202E-1",
	} {
		if got := Harmless(cell); got != "'"+cell {
			t.Errorf("%q is written as %q", cell, got)
		}
	}
	for _, cell := range []string{"", " ", "A=1", "\xFF", "åkeri", " 1"} {
		if got := Harmless(cell); got != cell {
			t.Errorf("%q is written as %q", cell, got)
		}
	}
}
