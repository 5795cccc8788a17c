package signin

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"sealgate/internal/fault"
)

func TestWaitingRoom(t *testing.T) {
	r := newRoom(1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := r.enter(ctx, false); err != nil {
		t.Fatal(err)
	}
	var strangers, known, busy atomic.Int32
	var wg sync.WaitGroup
	order := make(chan string, 200)
	for range roomSize + 10 {
		wg.Go(func() {
			if err := r.enter(ctx, false); err != nil {
				if !fault.Is(err, fault.TryLater) {
					t.Error(err)
				}
				busy.Add(1)
				return
			}
			strangers.Add(1)
			order <- "stranger"
			r.leave()
		})
	}
	for busy.Load() < 10 {
		runtime.Gosched()
	}
	wg.Go(func() {
		if err := r.enter(ctx, true); err != nil {
			t.Errorf("a known source was sent away: %v", err)
			return
		}
		known.Add(1)
		order <- "known"
		r.leave()
	})
	for r.waiting(1) == 0 {
		runtime.Gosched()
	}
	r.leave()
	wg.Wait()
	if strangers.Load() != roomSize || known.Load() != 1 {
		t.Errorf("%d strangers, %d known", strangers.Load(), known.Load())
	}
	if first := <-order; first != "known" {
		t.Errorf("first was a %s", first)
	}
	if r.free != 1 {
		t.Errorf("%d places free", r.free)
	}
}

func (r *room) waiting(q int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queues[q])
}

func TestRoomGivesUpWithItsContext(t *testing.T) {
	r := newRoom(1)
	if err := r.enter(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.enter(ctx, true); !fault.Is(err, fault.TryLater) {
		t.Error(err)
	}
	r.leave()
	if err := r.enter(t.Context(), false); err != nil || r.waiting(1) != 0 {
		t.Error("somebody who left is still in the queue")
	}
}

// A password that is set takes its place in the room as one that is tried: however many
// are set at once, the memory is that of a few.
func TestHashesWaitTheirTurn(t *testing.T) {
	var running, most, busy atomic.Int32
	release := make(chan struct{})
	o := &Service{hashing: newRoom(1), derive: func([]byte, []byte, uint32, uint32, uint8, uint32) []byte {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		<-release
		return make([]byte, hashSize)
	}}
	var wg sync.WaitGroup
	for range 1 + roomSize + 10 {
		wg.Go(func() {
			if _, err := o.Hash(t.Context(), []byte("x")); err != nil {
				if !fault.Is(err, fault.TryLater) {
					t.Error(err)
				}
				busy.Add(1)
			}
		})
	}
	for busy.Load() < 10 && running.Load() < 2 {
		runtime.Gosched()
	}
	close(release)
	wg.Wait()
	if busy.Load() != 10 || most.Load() != 1 {
		t.Errorf("%d at once, %d were sent away", most.Load(), busy.Load())
	}
}
