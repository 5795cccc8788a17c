package signin

import (
	"context"
	"sync"
	"time"

	"sealgate/internal/fault"
)

// Bounds of the waiting room before the password check.
const (
	roomSize = 64 // for strangers, and as many again for known sources
	roomTime = 5 * time.Second
)

// room lets a few password checks run at a time; each takes 19 MiB and a core.
// Who has to wait does so in one of two queues of bounded length: a flood of
// strangers fills its own and leaves the other, which is served first, to those
// who come from where they have always come from.
type room struct {
	mu     sync.Mutex // guards the fields below
	free   int
	queues [2][]chan struct{} // 0: strangers, 1: known sources
}

func newRoom(places int) *room { return &room{free: places} }

// enter waits for a place; leave gives it back.
func (r *room) enter(ctx context.Context, known bool) error {
	q := 0
	if known {
		q = 1
	}
	r.mu.Lock()
	if r.free > 0 {
		r.free--
		r.mu.Unlock()
		return nil
	}
	if len(r.queues[q]) >= roomSize {
		r.mu.Unlock()
		return errBusy
	}
	turn := make(chan struct{})
	r.queues[q] = append(r.queues[q], turn)
	r.mu.Unlock()
	t := time.NewTimer(roomTime)
	defer t.Stop()
	select {
	case <-turn:
		return nil
	case <-t.C:
	case <-ctx.Done():
	}
	if r.quit(q, turn) {
		return errBusy
	}
	return nil // the place came in the same moment
}

// quit leaves the queue; it is false when the turn had come.
func (r *room) quit(q int, turn chan struct{}) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, c := range r.queues[q] {
		if c == turn {
			r.queues[q] = append(r.queues[q][:i], r.queues[q][i+1:]...)
			return true
		}
	}
	return false
}

func (r *room) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for q := len(r.queues) - 1; q >= 0; q-- {
		if len(r.queues[q]) > 0 {
			close(r.queues[q][0])
			r.queues[q] = r.queues[q][1:]
			return
		}
	}
	r.free++
}

var errBusy = fault.New(fault.TryLater, "sign-in: sign in", "too many people are signing in; try again in a few seconds")
