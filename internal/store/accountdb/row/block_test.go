package row

import (
	"slices"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
)

func ptr[T any](v T) *T { return &v }

// A block of three: the second payment has nothing that is looked at, the third two
// seqs further.
func three() []byte {
	var r Rows
	r.Add(&payment.Payment{Seq: 7, AmountMinor: ptr(int64(-500)), Currency: ptr("SEK"), ExecutionDate: ptr("2026-03-25"), Payee: payment.Party{Name: ptr("Åsa Berg")}})
	r.Add(&payment.Payment{Seq: 8})
	r.Add(&payment.Payment{Seq: 10, AmountMinor: ptr(int64(1 << 62)), Currency: ptr("EUR"), ExecutionDate: ptr("2026-04-01"), Payee: payment.Party{Name: ptr("Äng AB")}})
	return pack(r.values)
}

func matches(f Filter, block []byte) (seqs []int64, err error) {
	err = f.Match(block, func(seq int64) bool { seqs = append(seqs, seq); return true })
	return seqs, err
}

func TestBlock(t *testing.T) {
	block := three()
	for _, c := range []struct {
		filter Filter
		want   []int64
	}{
		{Filter{}, []int64{7, 8, 10}},
		{Filter{Payee: "berg"}, []int64{7}},
		{Filter{Payee: "bergä"}, nil}, // the end of one name and the beginning of the next
		{Filter{Payee: "ng"}, []int64{10}},
		{Filter{Min: ptr(int64(-500))}, []int64{7, 10}},
		{Filter{Min: ptr(int64(-499))}, []int64{10}},
		{Filter{Max: ptr(int64(0))}, []int64{7}},
		{Filter{From: "2026-03-26"}, []int64{10}},
		{Filter{To: "2026-03-25"}, []int64{7}},
		{Filter{Currency: "EUR"}, []int64{10}},
		{Filter{Currency: "EUR", Payee: "berg"}, nil},
	} {
		if got, err := matches(c.filter, block); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%+v finds %v, %v; want %v", c.filter, got, err, c.want)
		}
	}
	f, met := Filter{}, 0
	if err := f.Match(block, func(int64) bool { met++; return false }); err != nil || met != 1 {
		t.Errorf("%d payments after the end was asked for, %v", met, err)
	}
}

func FuzzBlock(f *testing.F) {
	block := three()
	for end := range block {
		f.Add(block[:end])
	}
	f.Add(block)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, filter := range []Filter{{}, {Payee: "a", Min: ptr(int64(1)), From: "2026-01-01", Currency: "SEK"}} {
			if _, err := matches(filter, b); err != nil && !fault.Is(err, fault.Damaged) {
				t.Error(err)
			}
		}
	})
}
