package live

import (
	"testing"

	"github.com/google/uuid"
)

type arrival struct{ length int64 }

func (a *arrival) Durable() int64 { return a.length }

func TestOneArrivalUnderANameAndOneWhoReopens(t *testing.T) {
	r := New[*arrival]()
	id, other := uuid.New(), uuid.New()
	name := Name{Login: uuid.New(), Path: "/a"}
	first, second := &arrival{10}, &arrival{20}
	r.Suspended(id, 5)
	if n, ok := r.Length(id); !ok || n != 5 {
		t.Errorf("cut: %d, %v", n, ok)
	}
	if !r.Claim(id) || r.Claim(id) || !r.Busy(id) {
		t.Error("an arrival that is reopened can be claimed once")
	}
	r.Add(id, name, first)
	r.Unclaim(id)
	if r.Claim(id) || r.Open(id) != first || r.Named(name) != first {
		t.Error("an open arrival is not found, or is free")
	}
	if n, _ := r.Length(id); n != 10 {
		t.Errorf("open: %d", n)
	}
	// The name goes to the next one, and the end of the first leaves it there.
	r.Add(other, name, second)
	r.Remove(id, name, first)
	if r.Named(name) != second || r.Open(id) != nil || r.Busy(id) {
		t.Error("the end of one arrival takes the other's name")
	}
	if r.Named(Name{Login: uuid.New(), Path: "/a"}) != nil {
		t.Error("another login's name")
	}
	if _, ok := r.Length(id); ok {
		t.Error("a length is remembered of what is over")
	}
}
