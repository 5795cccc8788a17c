package accountdb

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
)

// supplier returns payment i of a large file: one payer, 50,000 payees, each
// with its own reference.
func supplier(i int64) *payment.Payment {
	p := pay(i)
	who := i * 7919 % 50_000
	p.Payee.Name = ptr(fmt.Sprintf("Leverantör %d Östermalm AB", who))
	p.Payee.Account = &payment.Account{Scheme: payment.SchemeIBAN, Number: fmt.Sprintf("SE%020d", who*104729), Bank: ptr("HANDSESS")}
	p.Reference = &payment.Reference{Type: "ocr", Value: fmt.Sprintf("%012d", i*15485863)}
	p.EndToEndID = ptr(fmt.Sprintf("INV-%d", i))
	return p
}

func fill(b testing.TB, db *DB, files, perFile int64) {
	b.Helper()
	for f := range files {
		l := begin(b, db, uuid.New(), 1)
		for i := range perFile {
			p := supplier(f*perFile + i + 1)
			p.Seq = i + 1
			if err := l.Add(p); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := l.Publish(context.Background(), meta(f+1, fmt.Sprint(f), perFile)); err != nil {
			b.Fatal(err)
		}
	}
}

// How many payments a second does a large file bring in?
func BenchmarkLoad(b *testing.B) {
	db := newDB(b)
	l := begin(b, db, uuid.New(), 1)
	ready := make([]*payment.Payment, 1<<16)
	for i := range ready {
		ready[i] = supplier(int64(i + 1))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		p := ready[i%len(ready)]
		p.Seq = int64(i + 1)
		if err := l.Add(p); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := l.Publish(context.Background(), meta(1, "x", int64(b.N))); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "payments/s")
}

// How long does a small file take in all, power-cut safe, in an index that has
// some already?
func BenchmarkSmallFile(b *testing.B) {
	db := newDB(b)
	fill(b, db, 20, 5_000)
	const perFile = 12
	i := int64(1 << 20)
	for b.Loop() {
		i++
		file := uuid.New()
		if _, err := db.Result(b.Context(), file, 0); !fault.Is(err, fault.NotFound) {
			b.Fatal(err)
		}
		l := begin(b, db, file, 1)
		for seq := range int64(perFile) {
			p := supplier(i*perFile + seq)
			p.Seq = seq + 1
			if err := l.Add(p); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := l.Publish(b.Context(), meta(i, fmt.Sprint(i), perFile, fmt.Sprint("M", i))); err != nil {
			b.Fatal(err)
		}
	}
}

// How long does a search take among a million payments in 20 files?
func BenchmarkSearch(b *testing.B) {
	db := newDB(b)
	fill(b, db, 20, 50_000)
	for _, c := range []struct {
		name string
		q    Query
	}{
		{"newest page", Query{Limit: 100}},
		{"number", Query{Number: fmt.Sprintf("SE%020d", 7919*104729)}},
		{"reference", Query{Reference: fmt.Sprintf("%012d", 500_000*15485863)}},
		{"own number", Query{Number: "SE80 5000 0000 0528 1011 2347"}},
		{"common payee", Query{Payee: "ÖSTERMALM", Limit: 100}},
		{"rare payee", Query{Payee: "leverantör 4711 "}},
		{"no payee", Query{Payee: "nobody"}},
		{"amount", Query{Min: ptr(int64(500_000)), Max: ptr(int64(500_010))}},
		{"other month", Query{From: "2026-04-01", To: "2026-04-30"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				search(b, db, c.q)
			}
		})
	}
}
