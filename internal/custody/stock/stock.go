// Package stock makes the keys of new files ahead of their need.
//
// They cost half a millisecond of arithmetic, and a client that sends thousands
// of small files waits for them one after the other. So for accounts that are
// sending a few are made ahead, while the disk is busy. Nothing depends on it:
// without Run, or when the shelf is empty, whoever takes makes them himself.
//
// What is ready is forgotten with the account's keys (Forget), after a minute
// without use, and when Run ends; it is wiped then.
package stock

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	maxReady  = 32          // on one shelf
	shelfLife = time.Minute // unused for so long, what is ready is wiped
)

// Name names a shelf: what is on it fits any file of its account whose content
// is, or is not, kept.
type Name struct {
	Account uuid.UUID
	Keep    bool
}

// Stock is what was made ahead. It is safe for concurrent use.
type Stock[T any] struct {
	produce func(context.Context, Name) (T, error)
	wipe    func(T)
	now     func() time.Time

	mu      sync.Mutex // guards shelves
	shelves map[Name]*shelf[T]
	refill  chan struct{} // of capacity 1: there may be room on a shelf
}

// New returns an empty stock of what produce makes and wipe destroys.
func New[T any](produce func(context.Context, Name) (T, error), wipe func(T), now func() time.Time) *Stock[T] {
	return &Stock[T]{produce: produce, wipe: wipe, now: now, shelves: map[Name]*shelf[T]{}, refill: make(chan struct{}, 1)}
}

// shelf holds what is ready for one account. want grows with each file taken,
// so one file alone causes no work ahead but one.
type shelf[T any] struct {
	ready []T
	want  int
	used  time.Time
}

// Take returns what is ready, if anything is. More of it is made after Refill.
func (s *Stock[T]) Take(name Name) (ready T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shelves[name]
	if sh == nil {
		sh = new(shelf[T])
		s.shelves[name] = sh
	}
	sh.used, sh.want = s.now(), min(sh.want+1, maxReady)
	last := len(sh.ready) - 1
	if last < 0 {
		return ready, false
	}
	ready = sh.ready[last]
	sh.ready = sh.ready[:last]
	return ready, true
}

// Refill has what was taken made again, by Run. It never blocks. Whoever takes
// calls it when he is about to wait for something else, the disk best of all.
func (s *Stock[T]) Refill() {
	select {
	case s.refill <- struct{}{}:
	default:
	}
}

// room returns a shelf that wants more.
func (s *Stock[T]) room() (Name, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, sh := range s.shelves {
		if len(sh.ready) < sh.want {
			return name, true
		}
	}
	return Name{}, false
}

// put lays what was made on its shelf, or wipes it when the shelf is gone.
func (s *Stock[T]) put(name Name, made T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh := s.shelves[name]; sh != nil {
		sh.ready = append(sh.ready, made)
		return
	}
	s.wipe(made)
}

// fail takes the shelf away of an account that nothing can be made for.
func (s *Stock[T]) fail(name Name) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shelves[name] != nil {
		s.drop(name)
	}
}

// clear wipes the shelves that were last used before a time.
func (s *Stock[T]) clear(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, sh := range s.shelves {
		if sh.used.Before(before) {
			s.drop(name)
		}
	}
}

// Forget wipes what is ready for an account.
func (s *Stock[T]) Forget(account uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.shelves {
		if name.Account == account {
			s.drop(name)
		}
	}
}

// drop takes a shelf away. The caller holds mu.
func (s *Stock[T]) drop(name Name) {
	for _, unused := range s.shelves[name].ready {
		s.wipe(unused)
	}
	delete(s.shelves, name)
}

// Ready returns how many lie ready, of all accounts.
func (s *Stock[T]) Ready() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.shelves {
		n += len(sh.ready)
	}
	return n
}

// Fill fills the shelves that have room. A shelf that nothing can be made for is
// taken away: who makes it himself will hear why.
func (s *Stock[T]) Fill(ctx context.Context) {
	for ctx.Err() == nil {
		name, ok := s.room()
		if !ok {
			return
		}
		made, err := s.produce(ctx, name)
		if err != nil {
			slog.DebugContext(ctx, "no keys made ahead", "account", name.Account, "err", err)
			s.fail(name)
			continue
		}
		s.put(name, made)
	}
}

// Run fills shelves until ctx ends, and leaves nothing on them.
func (s *Stock[T]) Run(ctx context.Context) {
	defer func() { s.clear(s.now().Add(shelfLife)) }()
	tick := time.NewTicker(shelfLife)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.clear(s.now().Add(-shelfLife))
		case <-s.refill:
			s.Fill(ctx)
		}
	}
}
