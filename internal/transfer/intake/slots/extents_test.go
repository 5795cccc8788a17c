package slots

import (
	"math/rand/v2"
	"testing"
)

func TestExtentsAgainstABitmap(t *testing.T) {
	const n = 64
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var e extents
		var want [n]bool
		for range rng.IntN(20) {
			from := rng.IntN(n)
			to := from + rng.IntN(n-from+1)
			e = e.add(from, to)
			for i := from; i < to; i++ {
				want[i] = true
			}
		}
		var got [n]bool
		last := -1
		for _, s := range e {
			if s.from <= last || s.from >= s.to {
				t.Fatalf("%v is not sorted, or its spans touch", e)
			}
			last = s.to
			for i := s.from; i < s.to; i++ {
				got[i] = true
			}
		}
		if got != want {
			t.Fatalf("%v holds %v, want %v", e, got, want)
		}
		lead := 0
		for lead < n && want[lead] {
			lead++
		}
		if !e.covers(lead) || lead < n && e.covers(lead+1) {
			t.Fatalf("%v: covers is wrong at %d", e, lead)
		}
	}
}
