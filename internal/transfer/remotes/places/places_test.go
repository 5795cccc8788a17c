package places_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/transfer/remotes/places"
)

// One server under any number of names, and of any number of accounts, has as many
// places as one with one name.
func TestNamesOfOneAddressDoNotMultiply(t *testing.T) {
	for _, c := range []struct {
		what string
		addr func(i int) string
		want int
	}{
		{"one address", func(int) string { return "192.0.2.1" }, 4},
		{"one address in two forms", func(i int) string { return []string{"192.0.2.1", "::ffff:192.0.2.1"}[i%2] }, 4},
		{"one network of IPv6", func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) }, 4},
		{"networks of IPv6", func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }, 16},
		{"addresses", func(i int) string { return fmt.Sprintf("192.0.2.%d", i) }, 16},
	} {
		p := places.New(32, 8, 4, time.Now)
		var in []*places.Taken
		for i := range 16 {
			got, _ := p.Take(places.Place{Account: uuid.New(), Host: fmt.Sprintf("a%d.evil.example", i)})
			if got == nil {
				t.Fatalf("%s: no place for name %d", c.what, i)
			}
			addr := netip.MustParseAddr(c.addr(i))
			if !got.Reach(addr) {
				got.Give()
				continue
			}
			if !got.Reach(addr) {
				t.Errorf("%s: who is there is sent away", c.what)
			}
			in = append(in, got)
		}
		if len(in) != c.want {
			t.Errorf("%s: %d places, want %d", c.what, len(in), c.want)
		}
		in[0].Give()
		next, _ := p.Take(places.Place{Account: uuid.New(), Host: "b.example"})
		if !next.Reach(netip.MustParseAddr(c.addr(0))) {
			t.Errorf("%s: a place that was given back is not there", c.what)
		}
	}
}

// Who goes on to another address is at the one before no more.
func TestReachingAnotherAddress(t *testing.T) {
	p := places.New(8, 8, 1, time.Now)
	a, _ := p.Take(places.Place{Account: uuid.New(), Host: "a"})
	b, _ := p.Take(places.Place{Account: uuid.New(), Host: "b"})
	first, second := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	if !a.Reach(first) || b.Reach(first) || !a.Reach(second) || !b.Reach(first) || b.Reach(second) {
		t.Error("places at addresses are not given on")
	}
}

// Who was turned away at an address waits for a place there, and has it from the start.
func TestWhoWasTurnedAwayWaits(t *testing.T) {
	p := places.New(8, 8, 1, time.Now)
	addr := netip.MustParseAddr("192.0.2.1")
	one, other := places.Place{Account: uuid.New(), Host: "a"}, places.Place{Account: uuid.New(), Host: "b"}
	a, _ := p.Take(one)
	b, _ := p.Take(other)
	if !a.Reach(addr) || b.Reach(addr) {
		t.Fatal("two have one place")
	}
	b.Give()
	b, freed := p.Take(other)
	if b != nil {
		t.Fatal("who was turned away sets out again, though there is no place")
	}
	a.Give()
	select {
	case <-freed:
	default:
		t.Fatal("who waits is not told")
	}
	if b, _ = p.Take(other); b == nil {
		t.Fatal("no place, though one was given back")
	}
	if a, _ = p.Take(one); a != nil {
		t.Fatal("the place was taken, and another gets it")
	}
	// Its name leads elsewhere now.
	if !b.Reach(netip.MustParseAddr("192.0.2.2")) {
		t.Fatal("no place at another address")
	}
	if a, _ = p.Take(one); a == nil || !a.Reach(addr) {
		t.Error("the place that was kept for somebody who went elsewhere is lost")
	}
}

// A host that has moved from an address where all places are taken is looked for anew
// after a while.
func TestAHostThatHasMoved(t *testing.T) {
	now := time.Now()
	p := places.New(8, 8, 1, func() time.Time { return now })
	old, moved := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	first, _ := p.Take(places.Place{Account: uuid.New(), Host: "moving"})
	if !first.Reach(old) {
		t.Fatal("no place at an empty address")
	}
	first.Give()
	stays, _ := p.Take(places.Place{Account: uuid.New(), Host: "staying"})
	if !stays.Reach(old) {
		t.Fatal("no place that was given back")
	}
	now = now.Add(9 * time.Minute)
	if got, _ := p.Take(places.Place{Account: uuid.New(), Host: "moving"}); got != nil {
		t.Error("where it was is forgotten at once")
	}
	now = now.Add(time.Minute)
	got, _ := p.Take(places.Place{Account: uuid.New(), Host: "moving"})
	if got == nil {
		t.Fatal("it waits at the address that it has left")
	}
	if !got.Reach(moved) {
		t.Error("no place where it is now")
	}
}
