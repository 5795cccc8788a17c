package stock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody/stock"
)

// factory makes numbers, and remembers which were wiped.
type factory struct {
	made  int
	wiped map[int]bool
	fails error
	busy  func() // while one is made
	now   time.Time
}

func newStock() (*stock.Stock[int], *factory) {
	f := &factory{wiped: map[int]bool{}, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	produce := func(context.Context, stock.Name) (int, error) {
		if f.busy != nil {
			f.busy()
		}
		f.made++
		return f.made, f.fails
	}
	return stock.New(produce, func(n int) { f.wiped[n] = true }, func() time.Time { return f.now }), f
}

func TestWhoTakesMoreFindsMoreReady(t *testing.T) {
	s, f := newStock()
	name := stock.Name{Account: uuid.New()}
	if _, ok := s.Take(name); ok || f.made != 0 {
		t.Fatal("something was made before anybody asked")
	}
	s.Fill(t.Context())
	if s.Ready() != 1 {
		t.Errorf("%d ready after one file", s.Ready())
	}
	seen := map[int]bool{}
	for range 200 {
		n, ok := s.Take(name)
		if !ok || seen[n] {
			t.Fatalf("%d, %v: nothing ready, or one thing twice", n, ok)
		}
		seen[n] = true
		s.Fill(t.Context())
	}
	if s.Ready() != 32 {
		t.Errorf("%d ready, want no more than 32", s.Ready())
	}
	if _, ok := s.Take(stock.Name{Account: name.Account, Keep: true}); ok {
		t.Error("taken from another shelf")
	}
}

func TestWhatIsForgottenIsWiped(t *testing.T) {
	s, f := newStock()
	mine, other := stock.Name{Account: uuid.New(), Keep: true}, stock.Name{Account: uuid.New()}
	s.Take(mine)
	s.Take(other)
	s.Fill(t.Context())
	s.Forget(mine.Account)
	if len(f.wiped) != 1 || s.Ready() != 1 {
		t.Errorf("wiped %v, %d ready", f.wiped, s.Ready())
	}
	if _, ok := s.Take(other); !ok {
		t.Error("the other account lost its own")
	}
	if _, ok := s.Take(mine); ok {
		t.Error("it can still be taken")
	}
	// What was begun before comes too late.
	f.busy = func() { s.Forget(mine.Account); s.Forget(other.Account) }
	s.Fill(t.Context())
	if s.Ready() != 0 || !f.wiped[f.made] {
		t.Errorf("%d ready, wiped %v", s.Ready(), f.wiped)
	}
}

func TestAnAccountThatCannotBeSealedForIsLeftAlone(t *testing.T) {
	s, f := newStock()
	f.fails = errors.New("no certificate")
	s.Take(stock.Name{Account: uuid.New()})
	s.Fill(t.Context())
	s.Fill(t.Context())
	if f.made != 1 || s.Ready() != 0 {
		t.Errorf("tried %d times, %d ready", f.made, s.Ready())
	}
}

func TestNothingIsLeftWhenRunEnds(t *testing.T) {
	s, f := newStock()
	ctx, stop := context.WithCancel(t.Context())
	f.busy = stop
	s.Take(stock.Name{Account: uuid.New()})
	s.Refill()
	s.Run(ctx)
	if s.Ready() != 0 || len(f.wiped) != f.made {
		t.Errorf("%d ready, %d of %d wiped", s.Ready(), len(f.wiped), f.made)
	}
}
