package custody

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
)

// A file's keys cost half a millisecond of arithmetic, and a client that sends
// thousands of small files waits for them one after the other. So for accounts
// that are sending a few are made ahead, while the disk is busy. Nothing depends
// on it: without Run, or when the shelf is empty, NewFile draws them itself.
const (
	maxReady  = 32          // on one shelf
	shelfLife = time.Minute // unused for so long, what is ready is wiped
)

type shelfName struct {
	account uuid.UUID
	keep    bool
}

// shelf holds what is ready for one account. want grows with each file taken,
// so one file alone causes no work ahead but one.
type shelf struct {
	ready []*Fresh
	want  int
	used  time.Time
}

type stock struct {
	mu      sync.Mutex // guards shelves
	shelves map[shelfName]*shelf
	taken   chan struct{} // of capacity 1: there may be room on a shelf
}

func newStock() *stock {
	return &stock{shelves: make(map[shelfName]*shelf), taken: make(chan struct{}, 1)}
}

// take returns a file's keys from the shelf, nil when there are none.
func (s *stock) take(name shelfName, now time.Time) *Fresh {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shelves[name]
	if sh == nil {
		sh = new(shelf)
		s.shelves[name] = sh
	}
	sh.used, sh.want = now, min(sh.want+1, maxReady)
	select {
	case s.taken <- struct{}{}:
	default:
	}
	if len(sh.ready) == 0 {
		return nil
	}
	last := len(sh.ready) - 1
	f := sh.ready[last]
	sh.ready = sh.ready[:last]
	return f
}

// room returns a shelf that wants more.
func (s *stock) room() (shelfName, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, sh := range s.shelves {
		if len(sh.ready) < sh.want {
			return name, true
		}
	}
	return shelfName{}, false
}

// put lays f on its shelf, or wipes it when the shelf is gone.
func (s *stock) put(name shelfName, f *Fresh) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sh := s.shelves[name]; sh != nil {
		sh.ready = append(sh.ready, f)
		return
	}
	f.Key.Wipe()
}

// fail takes the shelf away of an account that nothing can be made for.
func (s *stock) fail(name shelfName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shelves[name] != nil {
		s.drop(name)
	}
}

// clear wipes the shelves that were last used before a time.
func (s *stock) clear(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, sh := range s.shelves {
		if sh.used.Before(before) {
			s.drop(name)
		}
	}
}

// forget wipes the shelves of an account.
func (s *stock) forget(account uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.shelves {
		if name.account == account {
			s.drop(name)
		}
	}
}

// drop takes a shelf away. The caller holds mu.
func (s *stock) drop(name shelfName) {
	for _, f := range s.shelves[name].ready {
		f.Key.Wipe()
	}
	delete(s.shelves, name)
}

// refill fills the shelves that have room. A shelf whose account cannot be
// sealed for is taken away: NewFile will say why to who asks.
func (c *Custodian) refill(ctx context.Context) {
	for ctx.Err() == nil {
		name, ok := c.stock.room()
		if !ok {
			return
		}
		f, err := c.draw(ctx, name)
		if err != nil {
			slog.DebugContext(ctx, "no keys made ahead", "account", name.account, "err", err)
			c.stock.fail(name)
			continue
		}
		c.stock.put(name, f)
	}
}

// keepStock runs until ctx ends and leaves nothing on the shelves.
func (c *Custodian) keepStock(ctx context.Context) {
	defer func() { c.stock.clear(c.now().Add(shelfLife)) }()
	tick := time.NewTicker(shelfLife)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.stock.clear(c.now().Add(-shelfLife))
		case <-c.stock.taken:
			c.refill(ctx)
		}
	}
}
