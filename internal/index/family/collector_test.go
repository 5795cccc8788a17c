package family

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"sealgate/internal/payment"
)

func pay(currency string, minor int64, day string) *payment.Payment {
	return &payment.Payment{Direction: payment.Out, Currency: &currency, AmountMinor: &minor, ExecutionDate: &day}
}

func TestCollectorAddsUp(t *testing.T) {
	var seqs []int64
	c := NewCollector(func(p *payment.Payment) error { seqs = append(seqs, p.Seq); return nil })
	for _, p := range []*payment.Payment{pay("SEK", 100, "2026-03-05"), pay("EUR", 7, "2026-03-04"), pay("SEK", -30, "2026-03-06"), {Direction: payment.Out}} {
		if err := c.Payment(p); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		c.Add(payment.BadBIC, payment.Place{Line: int64(c.AddBatch())}, "batch %d", 1)
	}
	s := c.Summary()
	if !reflect.DeepEqual(seqs, []int64{1, 2, 3, 4}) || s.PaymentCount != 4 || s.BatchCount != 3 || s.Outcome != payment.Indexed {
		t.Errorf("seqs %v, %+v", seqs, s)
	}
	if want := []payment.Sum{{Currency: "EUR", Direction: payment.Out, Count: 1, Minor: 7}, {Currency: "SEK", Direction: payment.Out, Count: 2, Minor: 70}}; !reflect.DeepEqual(s.Sums, want) {
		t.Errorf("sums %+v", s.Sums)
	}
	if *s.ExecutionDates != (payment.Dates{First: "2026-03-04", Last: "2026-03-06"}) {
		t.Errorf("dates %+v", s.ExecutionDates)
	}
	if f := s.Findings[0]; len(s.Findings) != 1 || f.Count != 3 || f.FirstAt.Line != 1 || f.Message != "batch 1" {
		t.Errorf("findings %+v", s.Findings)
	}
	c.Add(payment.BadDate, payment.Place{}, "a day")
	if s = c.Summary(); s.Outcome != payment.Held {
		t.Errorf("outcome %s with an error", s.Outcome)
	}
}

// A sum that does not fit must hold the file, not wrap around.
func TestCollectorOverflow(t *testing.T) {
	c := NewCollector(func(*payment.Payment) error { return nil })
	for range 3 {
		if err := c.Payment(pay("SEK", math.MaxInt64-1, "2026-03-05")); err != nil {
			t.Fatal(err)
		}
	}
	if s := c.Summary(); s.Outcome != payment.Held || s.Sums[0].Minor != math.MaxInt64-1 || s.Findings[0].Count != 1 {
		t.Errorf("%+v", s)
	}
}

// A file that names a new currency in each payment must cost neither memory nor
// time that grows with it, and the currencies it names rightly keep their sums.
func TestCollectorBoundsCurrencies(t *testing.T) {
	c := NewCollector(func(*payment.Payment) error { return nil })
	add := func(currency string) {
		if err := c.Payment(pay(currency, 1, "2026-03-05")); err != nil {
			t.Fatal(err)
		}
	}
	add("SEK")
	add(strings.Repeat("x", maxCurrencyName+1))
	for i := range 3 * maxSums {
		add(fmt.Sprintf("C%d", i))
		add("SEK")
	}
	s := c.Summary()
	if len(s.Sums) != maxSums || s.Outcome != payment.Held || s.PaymentCount != 6*maxSums+2 {
		t.Errorf("%d sums of %d payments, %s", len(s.Sums), s.PaymentCount, s.Outcome)
	}
	if last := s.Sums[maxSums-1]; last.Currency != "SEK" || last.Count != 3*maxSums+1 {
		t.Errorf("last sum %+v", last)
	}
	if f := s.Findings[0]; len(s.Findings) != 1 || f.Code != payment.BadCurrency || f.Count != 1 {
		t.Errorf("findings %+v", s.Findings)
	}
}

func TestRefusedIsEmpty(t *testing.T) {
	c := NewCollector(func(*payment.Payment) error { return nil })
	c.Identify("f", "")
	c.AddMessageID("m")
	c.Add(payment.BadDate, payment.Place{}, "a day")
	if err := c.Payment(pay("SEK", 1, "2026-03-05")); err != nil {
		t.Fatal(err)
	}
	var stop *Stop
	if !errors.As(Fatal(payment.Truncated, payment.Place{Line: 7}, "cut"), &stop) {
		t.Fatal("Fatal is no *Stop")
	}
	f := "f"
	want := payment.Summary{
		Outcome: payment.Refused, Format: &f, MessageIDs: []string{}, Sums: []payment.Sum{},
		Findings: []payment.Finding{{Code: payment.Truncated, Severity: payment.Fatal, Count: 1, FirstAt: &payment.Place{Line: 7}, Message: "cut"}},
	}
	if got := c.Refused(stop); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestEmitsErrorComesBack(t *testing.T) {
	full := errors.New("full")
	c := NewCollector(func(*payment.Payment) error { return full })
	if err := c.Payment(&payment.Payment{}); !errors.Is(err, full) {
		t.Error(err)
	}
}
