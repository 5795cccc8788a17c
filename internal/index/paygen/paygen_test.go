package paygen_test

import (
	"bytes"
	"context"
	"testing"

	"sealgate/internal/index"
	"sealgate/internal/index/paygen"
	"sealgate/internal/payment"
)

var specs = []paygen.Spec{
	{Format: paygen.Pain001, Version: "03", Payments: 1_003, Batch: 100, Seed: 1},
	{Format: paygen.Pain001, Version: "09", Payments: 1_003, Batch: 100, Seed: 2},
	{Format: paygen.LB, Payments: 1_003, Batch: 100, Seed: 3},
	{Format: paygen.LB, Payments: 1, Batch: 1, Seed: 4},
}

func TestIndexFindsTheTotals(t *testing.T) {
	for _, s := range specs {
		var file bytes.Buffer
		want, err := paygen.Write(&file, s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := index.Read(context.Background(), &file, func(*payment.Payment) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if got.Outcome != payment.Indexed || len(got.Findings) != 0 || *got.Format != want.Format ||
			got.PaymentCount != int64(want.Payments) || got.BatchCount != int64(want.Batches) || len(got.Sums) != 1 ||
			got.Sums[0] != (payment.Sum{Currency: "SEK", Direction: payment.Out, Count: int64(want.Sums[0].Count), Minor: int64(want.Sums[0].Minor)}) {
			t.Errorf("%+v: got %+v, want %+v", s, got, want)
		}
	}
}

func TestSameSpecSameBytes(t *testing.T) {
	for _, s := range specs {
		var a, b, other bytes.Buffer
		for _, w := range []*bytes.Buffer{&a, &b} {
			if _, err := paygen.Write(w, s); err != nil {
				t.Fatal(err)
			}
		}
		s.Seed++
		if _, err := paygen.Write(&other, s); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) || bytes.Equal(a.Bytes(), other.Bytes()) {
			t.Errorf("%+v: bytes do not follow the spec", s)
		}
	}
}

func TestBadSpecs(t *testing.T) {
	for _, s := range []paygen.Spec{
		{},
		{Format: "camt053", Payments: 1, Batch: 1},
		{Format: paygen.LB, Batch: 1},
		{Format: paygen.LB, Payments: 1},
		{Format: paygen.Pain001, Version: "02", Payments: 1, Batch: 1},
	} {
		if _, err := paygen.Write(&bytes.Buffer{}, s); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}
