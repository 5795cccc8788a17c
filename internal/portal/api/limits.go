package api

import (
	"sync"
	"time"
)

// What one caller may ask for. A robot that sends a file a second never meets the
// limit; a loop that forgot to wait does.
var (
	requestRate = rate{burst: 500, every: 20 * time.Millisecond}
	// missRate is how many requests for what is not theirs are put on record.
	missRate = rate{burst: 100, every: 5 * time.Second}
)

// rate is how fast a bucket refills.
type rate struct {
	burst float64
	every time.Duration // for one more
}

// maxBuckets is when buckets that are full again are forgotten.
const maxBuckets = 10_000

// limiter counts for each caller what he may still do.
type limiter struct {
	rate
	now func() time.Time

	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

func newLimiter(r rate, now func() time.Time) *limiter {
	return &limiter{rate: r, now: now, buckets: map[string]bucket{}}
}

// take takes one, or says how long it is until there is one.
func (l *limiter) take(name string) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.level(name, now)
	if b.left < 1 {
		l.buckets[name] = b
		return time.Duration((1 - b.left) * float64(l.every))
	}
	b.left--
	if len(l.buckets) >= maxBuckets {
		l.forget(now)
	}
	l.buckets[name] = b
	return 0
}

// level is a caller's bucket as it is now. A clock that was set back does not
// empty it.
func (l *limiter) level(name string, now time.Time) bucket {
	b, ok := l.buckets[name]
	if !ok {
		return bucket{l.burst, now}
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.left = min(l.burst, b.left+float64(passed)/float64(l.every))
	}
	b.at = now
	return b
}

func (l *limiter) forget(now time.Time) {
	for name := range l.buckets {
		if l.level(name, now).left >= l.burst {
			delete(l.buckets, name)
		}
	}
}
