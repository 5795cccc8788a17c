package accountdbtest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb"
)

func caseAndForm(t *testing.T, pool *accountdb.Pool) {
	db := database(t, pool)
	p := pay(1)
	p.Payee.Name = ptr("ÅSA Öberg-Ängström ΟΔΟΣ")
	p.Payee.Account = &payment.Account{Scheme: payment.SchemeSEAccount, Number: "1234563", Bank: ptr("5001")}
	p.Reference = &payment.Reference{Type: "rf", Value: "RF18539007547034"}
	publish(t, db, uuid.New(), 1, meta(1, "x", 1), p)
	for _, q := range []accountdb.Query{
		{Payee: "åsa"},
		{Payee: "ÖBERG"},
		{Payee: " ängstr"},
		{Payee: "A\u030asa o\u0308berg"},
		{Payee: "οδος"},
		{Number: "1234563"},
		{Number: "123 456-3"},
		{Number: "5001-123 45 63"},
		{Number: "SE80 5000 0000 0528 1011 2347"},
		{Number: "se8050000000052810112347"},
		{Reference: "rf18 5390 0754 7034"},
		{Reference: "RF18539007547034", Number: "5001 1234563"},
		{From: "2026-03-04", To: "2026-03-04"},
		{Min: ptr(int64(1001)), Max: ptr(int64(1001))},
		{Currency: "sek"},
	} {
		if n := search(t, db, q).Total; n != 1 {
			t.Errorf("%+v finds %d", q, n)
		}
	}
	for _, q := range []accountdb.Query{
		{Payee: "asa"},
		{Payee: "%"},
		{Payee: "berg_"},
		{Number: "123456"},
		{Number: "RF18539007547034"},
		{Reference: "1234563"},
		{Reference: "RF18539007547034", Number: "4711"},
		{From: "2026-03-05"},
		{To: "2026-03-03"},
		{Min: ptr(int64(1002))},
		{Currency: "EUR"},
		{File: uuid.New()},
		{Payee: "\"; DROP TABLE payment; --"},
	} {
		if n := search(t, db, q).Total; n != 0 {
			t.Errorf("%+v finds %d", q, n)
		}
	}
}

func order(t *testing.T, pool *accountdb.Pool) {
	db := database(t, pool)
	var want []string
	for f := range int64(3) {
		file := uuid.New()
		publish(t, db, file, 1, meta(f+1, fmt.Sprint(f), 3), pay(1), pay(2), pay(3))
		want = slices.Insert(want, 0, fmt.Sprint(file, 1), fmt.Sprint(file, 2), fmt.Sprint(file, 3))
	}
	for _, q := range []accountdb.Query{{}, {Number: "59990473"}, {Payee: "åkeri"}} {
		for limit := 1; limit <= 10; limit++ {
			q.Limit, q.After = limit, ""
			var got []string
			for {
				page := search(t, db, q)
				if page.Total != 9 || !page.TotalIsExact {
					t.Fatalf("total %d, exact %v", page.Total, page.TotalIsExact)
				}
				for _, f := range page.Payments {
					got = append(got, fmt.Sprint(f.FileID, f.Seq))
				}
				if page.Next == nil {
					break
				}
				q.After = *page.Next
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%+v: pages of %d give %v, want %v", q, limit, got, want)
			}
		}
	}
}

// The world of the property test, and the filter it is compared with.
type model struct {
	files []modelFile // newest first
}

type modelFile struct {
	id       uuid.UUID
	held     bool
	payments []payment.Payment
}

func (m *model) search(q accountdb.Query) (found []accountdb.Found) {
	for _, f := range m.files {
		if q.File != uuid.Nil && f.id != q.File || q.File == uuid.Nil && (f.held && q.Held == accountdb.WithoutHeld || !f.held && q.Held == accountdb.OnlyHeld) {
			continue
		}
		for _, p := range f.payments {
			if matches(q, &p) {
				found = append(found, accountdb.Found{FileID: f.id, Payment: p})
			}
		}
	}
	return found
}

func matches(q accountdb.Query, p *payment.Payment) bool {
	clean := strings.NewReplacer(" ", "", "-", "")
	has := func(a *payment.Account) bool {
		return a != nil && clean.Replace(a.Number) == clean.Replace(q.Number)
	}
	date := ""
	if p.ExecutionDate != nil {
		date = *p.ExecutionDate
	}
	switch {
	case q.Payee != "" && (p.Payee.Name == nil || !strings.Contains(strings.ToLower(*p.Payee.Name), strings.ToLower(q.Payee))),
		q.Number != "" && !has(p.Payee.Account) && !has(p.Payer.Account),
		q.Reference != "" && (p.Reference == nil || !strings.EqualFold(p.Reference.Value, q.Reference)),
		q.From != "" && date < q.From, q.To != "" && (date == "" || date > q.To),
		q.Min != nil && (p.AmountMinor == nil || *p.AmountMinor < *q.Min), q.Max != nil && (p.AmountMinor == nil || *p.AmountMinor > *q.Max),
		q.Currency != "" && (p.Currency == nil || *p.Currency != q.Currency):
		return false
	}
	return true
}

// Any search, in any pages, finds what a naive filter over everything finds.
func naive(t *testing.T, pool *accountdb.Pool) {
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 42))
		db := database(t, pool)
		m := &model{}
		for f := range int64(25) {
			m.add(t, db, rng, f)
		}
		for range 50 {
			q := m.query(rng)
			want := m.search(q)
			q.Limit = 1 + rng.IntN(40)
			var got []accountdb.Found
			for {
				page := search(t, db, q)
				if page.Total != int64(len(want)) || !page.TotalIsExact {
					t.Fatalf("%+v: total %d (exact %v), want %d", q, page.Total, page.TotalIsExact, len(want))
				}
				got = append(got, page.Payments...)
				if page.Next == nil {
					break
				}
				q.After = *page.Next
			}
			if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
				t.Fatalf("%+v: found %d, want %d", q, len(got), len(want))
			}
		}
	}
}

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

func maybe[T any](rng *rand.Rand, v T) *T {
	if rng.IntN(8) == 0 {
		return nil
	}
	return &v
}

var (
	someNames   = []string{"Åsa Berg", "ÅSA BERGSTRÖM", "Örjan Äng", "Äng & Co AB", "Mejeri Öst", "mejeri väst"}
	someNumbers = []string{"5999313", "599-9313", "SE8050000000052810112347", "1 234 567", "42"}
	someDates   = []string{"2026-01-31", "2026-02-28", "2026-03-01", "2026-12-31"}
)

// add publishes, and now and then drops, forgets or reads again.
func (m *model) add(t *testing.T, db *accountdb.DB, rng *rand.Rand, n int64) {
	f := modelFile{id: uuid.New(), held: rng.IntN(4) == 0}
	l := begin(t, db, f.id, 1)
	for seq := range int64(rng.IntN(30)) {
		p := payment.Payment{
			Seq: seq + 1, Direction: pick(rng, payment.In, payment.Out), Kind: "transfer",
			AmountMinor: maybe(rng, rng.Int64N(40)-10), Currency: maybe(rng, pick(rng, "SEK", "EUR")), ExecutionDate: maybe(rng, pick(rng, someDates...)),
		}
		p.Payee.Name = maybe(rng, pick(rng, someNames...))
		p.Payer.Account = maybe(rng, payment.Account{Scheme: "other", Number: pick(rng, someNumbers...)})
		p.Payee.Account = maybe(rng, payment.Account{Scheme: "bban", Number: pick(rng, someNumbers...)})
		if rng.IntN(2) == 0 {
			p.Reference = &payment.Reference{Type: "text", Value: pick(rng, "RF18X", "rf18x", "202600417", "42")}
		}
		if err := l.Add(&p); err != nil {
			t.Fatal(err)
		}
		f.payments = append(f.payments, p)
	}
	if rng.IntN(6) == 0 {
		if err := l.Drop(t.Context()); err != nil {
			t.Fatal(err)
		}
		return
	}
	info := meta(n+1, fmt.Sprint(n), int64(len(f.payments)))
	if f.held {
		info.Summary.Findings = []payment.Finding{{Code: payment.BadAmount, Severity: payment.Error, Count: 1}}
	}
	if _, err := l.Publish(t.Context(), info); err != nil {
		t.Fatal(err)
	}
	m.files = slices.Insert(m.files, 0, f)
	if rng.IntN(6) == 0 {
		i := rng.IntN(len(m.files))
		if err := db.Forget(t.Context(), m.files[i].id); err != nil {
			t.Fatal(err)
		}
		m.files = slices.Delete(m.files, i, i+1)
	}
}

func (m *model) query(rng *rand.Rand) (q accountdb.Query) {
	rare := func() bool { return rng.IntN(4) == 0 }
	q.Held = pick(rng, accountdb.WithoutHeld, accountdb.WithoutHeld, accountdb.WithHeld, accountdb.OnlyHeld)
	if rare() {
		q.Payee = pick(rng, "åsa", "BERG", "mejeri ö", "&", "zzz")
	}
	if rare() {
		q.Number = pick(rng, someNumbers...)
	}
	if rare() {
		q.Reference = pick(rng, "RF18X", "202600417", "42", "none")
	}
	if rare() {
		q.From = pick(rng, someDates...)
	}
	if rare() {
		q.To = pick(rng, someDates...)
	}
	if rare() {
		q.Min = ptr(rng.Int64N(30) - 5)
	}
	if rare() {
		q.Max = ptr(rng.Int64N(30) - 5)
	}
	if rare() {
		q.Currency = pick(rng, "SEK", "EUR")
	}
	if rare() && len(m.files) > 0 {
		q.File = m.files[rng.IntN(len(m.files))].id
	}
	return q
}

func cursors(t *testing.T, pool *accountdb.Pool) {
	db := database(t, pool)
	publish(t, db, uuid.New(), 1, meta(1, "x", 3), pays(3)...)
	good := *search(t, db, accountdb.Query{Limit: 1}).Next
	for _, after := range []string{"x", "!!!", good[:5], good + "A", "AAAAAAAAAAAA", strings.Repeat("A", 1000)} {
		_, err := db.Search(t.Context(), accountdb.Query{After: after})
		wantKind(t, "cursor "+after[:min(len(after), 20)], err, fault.Invalid)
	}
}

// A total of more than 10,000 is told exactly only where that costs nothing.
func totals(t *testing.T, pool *accountdb.Pool) {
	const many = 10_003
	db := database(t, pool)
	publish(t, db, uuid.New(), 1, meta(1, "x", many), pays(many)...)
	if p := search(t, db, accountdb.Query{Currency: "SEK", Limit: 10}); p.Total != 10_000 || p.TotalIsExact {
		t.Errorf("a filtered total of %d, exact %v", p.Total, p.TotalIsExact)
	}
	if p := search(t, db, accountdb.Query{Number: "59990473", Limit: 10}); p.Total != 10_000 || p.TotalIsExact {
		t.Errorf("a total of a number of %d, exact %v", p.Total, p.TotalIsExact)
	}
	if p := search(t, db, accountdb.Query{Limit: 10}); p.Total != many || !p.TotalIsExact {
		t.Errorf("an unfiltered total of %d, exact %v", p.Total, p.TotalIsExact)
	}
}
