package access

import (
	"strconv"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	l := NewLimiter(Rate{Burst: 3, Every: time.Second}, func() time.Time { return now })
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
	for i := range maxBuckets {
		l.Take(strconv.Itoa(i))
	}
	now = now.Add(time.Hour)
	l.Take("one more")
	if len(l.buckets) > 2 {
		t.Errorf("%d buckets are remembered", len(l.buckets))
	}
}
