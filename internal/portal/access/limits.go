package access

import (
	"sync"
	"time"
)

// Rate is how fast a bucket refills.
type Rate struct {
	Burst float64
	Every time.Duration // for one more
}

// maxBuckets is when buckets that are full again are forgotten.
const maxBuckets = 10_000

// Limiter counts for each caller what he may still do.
type Limiter struct {
	Rate
	now func() time.Time

	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// NewLimiter returns one whose buckets are full.
func NewLimiter(r Rate, now func() time.Time) *Limiter {
	return &Limiter{Rate: r, now: now, buckets: map[string]bucket{}}
}

// Take takes one, or says how long it is until there is one.
func (l *Limiter) Take(name string) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.level(name, now)
	if b.left < 1 {
		l.buckets[name] = b
		return time.Duration((1 - b.left) * float64(l.Every))
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
func (l *Limiter) level(name string, now time.Time) bucket {
	b, ok := l.buckets[name]
	if !ok {
		return bucket{l.Burst, now}
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.left = min(l.Burst, b.left+float64(passed)/float64(l.Every))
	}
	b.at = now
	return b
}

func (l *Limiter) forget(now time.Time) {
	for name := range l.buckets {
		if l.level(name, now).left >= l.Burst {
			delete(l.buckets, name)
		}
	}
}
