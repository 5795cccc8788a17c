// Package limit bounds how often somebody may do something, by a bucket for each name.
//
// Buckets are in memory: what has to outlast a restart, such as guesses at a password,
// is counted in the catalog (package signin).
package limit

import (
	"net/netip"
	"sync"
	"time"
)

// Rate is how fast a bucket refills.
type Rate struct {
	Burst float64
	Every time.Duration // for one more
}

const (
	// maxBuckets is how many are kept. When that many are not full, whoever is new is
	// refused: a flood from ever new names neither grows without end nor is let through.
	maxBuckets  = 10_000
	forgetEvery = time.Second // full buckets are looked for at most so often
)

// Limiter counts for each name what may still be done. It is safe for concurrent use.
type Limiter struct {
	Rate
	now func() time.Time

	mu      sync.Mutex // guards what follows
	buckets map[string]bucket
	forgot  time.Time // when full buckets were looked for
}

type bucket struct {
	left float64
	at   time.Time
}

// New returns a limiter whose buckets are full.
func New(r Rate, now func() time.Time) *Limiter {
	return &Limiter{Rate: r, now: now, buckets: map[string]bucket{}}
}

// Take takes one, or says how long it is until there is one.
func (l *Limiter) Take(name string) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if _, ok := l.buckets[name]; !ok && !l.room(now) {
		return l.Every
	}
	b := l.level(name, now)
	if b.left < 1 {
		l.buckets[name] = b
		return time.Duration((1 - b.left) * float64(l.Every))
	}
	b.left--
	l.buckets[name] = b
	return 0
}

// Give gives back one that was taken for something that did not come to be.
func (l *Limiter) Give(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.buckets[name]; ok {
		b.left = min(l.Burst, b.left+1)
		l.buckets[name] = b
	}
}

// level is a bucket as it is now. A clock that was set back does not empty it.
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

// room makes room for one more bucket, and reports whether there is.
func (l *Limiter) room(now time.Time) bool {
	if len(l.buckets) < maxBuckets {
		return true
	}
	if now.Sub(l.forgot).Abs() < forgetEvery {
		return false
	}
	l.forgot = now
	for name := range l.buckets {
		if l.level(name, now).left >= l.Burst {
			delete(l.buckets, name)
		}
	}
	return len(l.buckets) < maxBuckets
}

// Network is what counts as one source of strangers: an IPv4 address, an IPv6 /48,
// which is what one subscriber is given at most.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 48
	}
	p, _ := a.Prefix(bits) // no address is no network
	return p
}
