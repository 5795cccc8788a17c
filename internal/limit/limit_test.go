package limit

import (
	"net/netip"
	"strconv"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	l := New(Rate{Burst: 3, Every: time.Second}, func() time.Time { return now })
	take := func(name string, times int) (taken int, wait time.Duration) {
		for range times {
			if wait = l.Take(name); wait > 0 {
				return taken, wait
			}
			taken++
		}
		return taken, 0
	}
	if n, wait := take("a", 10); n != 3 || wait != time.Second {
		t.Errorf("%d at once, then %s", n, wait)
	}
	if n, _ := take("b", 3); n != 3 {
		t.Error("one caller spends what another has")
	}
	now = now.Add(1500 * time.Millisecond)
	if n, wait := take("a", 10); n != 1 || wait != 500*time.Millisecond {
		t.Errorf("%d after 1.5 s, then %s", n, wait)
	}
	now = now.Add(-time.Hour) // the clock is set back
	if n, _ := take("a", 10); n != 0 {
		t.Errorf("%d for a clock that was set back", n)
	}
	now = now.Add(time.Second)
	if n, _ := take("a", 10); n != 1 {
		t.Errorf("%d a second later", n)
	}
	now = now.Add(24 * time.Hour)
	if n, _ := take("a", 10); n != 3 {
		t.Errorf("%d a day later", n)
	}
}

// Ever new names neither fill the memory nor are let through, and are in nobody's way
// who was there before.
func TestAFloodOfNames(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	l := New(Rate{Burst: 3, Every: time.Minute}, func() time.Time { return now })
	l.Take("before")
	passed := 1
	for i := range 2 * maxBuckets {
		if l.Take(strconv.Itoa(i)) == 0 {
			passed++
		}
	}
	if passed != maxBuckets || len(l.buckets) != maxBuckets {
		t.Errorf("%d of them took one, %d buckets are remembered", passed, len(l.buckets))
	}
	if l.Take("before") != 0 {
		t.Error("who was there before is refused")
	}
	now = now.Add(time.Hour)
	if l.Take("one more") != 0 || len(l.buckets) != 1 {
		t.Errorf("an hour later %d buckets are remembered", len(l.buckets))
	}
}

func TestNetwork(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.1": "192.0.2.1/32", "2001:db8:1:2::3": "2001:db8:1::/48", "fe80::1%eth0": "fe80::/48",
	} {
		if got := Network(netip.MustParseAddr(a)).String(); got != want {
			t.Errorf("%s counts as %s, want %s", a, got, want)
		}
	}
	if Network(netip.Addr{}).IsValid() {
		t.Error("no address is a network")
	}
}
