package term_test

import (
	"slices"
	"testing"

	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb/term"
)

func hashes(ts []term.Term) (all []int64) {
	for _, t := range ts {
		all = append(all, t.Hash)
	}
	return all
}

// People write numbers and references with blanks, hyphens and in any case.
func TestAPaymentIsFoundByWhatPeopleWrite(t *testing.T) {
	bank := "5001"
	p := &payment.Payment{
		Seq:       7,
		Payer:     payment.Party{Account: &payment.Account{Scheme: payment.SchemeIBAN, Number: "SE8050000000052810112347"}},
		Payee:     payment.Party{Account: &payment.Account{Scheme: payment.SchemeSEAccount, Number: "1234563", Bank: &bank}},
		Reference: &payment.Reference{Type: "rf", Value: "RF18 5390 0754 7034"},
	}
	ts := term.Append(nil, p)
	if len(ts) != 4 {
		t.Fatalf("%d terms", len(ts))
	}
	for _, c := range ts {
		if c.Seq != 7 {
			t.Errorf("%+v is another payment's", c)
		}
	}
	found := func(hash int64, ok bool) bool { return ok && slices.Contains(hashes(ts), hash) }
	for _, text := range []string{"SE8050000000052810112347", "se80 5000 0000 0528 1011 2347", "1234563", "123 456-3", "5001-123 45 63", "5001\u20131234563"} {
		if !found(term.Number(text)) {
			t.Errorf("number %q finds nothing", text)
		}
	}
	for _, text := range []string{"rf18539007547034", "RF18 5390 0754 7034"} {
		if !found(term.Reference(text)) {
			t.Errorf("reference %q finds nothing", text)
		}
	}
	for _, text := range []string{"123456", "RF18539007547034", "5001"} {
		if found(term.Number(text)) {
			t.Errorf("number %q finds something", text)
		}
	}
	if found(term.Reference("1234563")) || found(term.Reference("RF18-5390-0754-7034")) {
		t.Error("a number, or another reference, is found as a reference")
	}
}

func TestNothingIsAskedFor(t *testing.T) {
	for _, text := range []string{"", " ", " \t"} {
		if _, ok := term.Number(text); ok {
			t.Errorf("number %q", text)
		}
		if _, ok := term.Reference(text); ok {
			t.Errorf("reference %q", text)
		}
	}
	if _, ok := term.Number(" - "); ok {
		t.Error("a hyphen is no number")
	}
	if ts := term.Append(nil, &payment.Payment{Payee: payment.Party{Account: &payment.Account{}}, Reference: new(payment.Reference)}); len(ts) != 0 {
		t.Errorf("%v", ts)
	}
}

func TestTextsThatDifferInCaseOnlyFoldToTheSame(t *testing.T) {
	for _, c := range [][2]string{{"Åkeri HB", "ÅKERI hb"}, {"A\u030Akeri", "åkeri"}, {"ΟΔΟΣ", "οδος"}, {"abc", "ABC"}} {
		if term.Fold(c[0]) != term.Fold(c[1]) {
			t.Errorf("%q and %q", c[0], c[1])
		}
	}
	if term.Fold("Åkeri") == term.Fold("Akeri") {
		t.Error("an accent counts")
	}
}
