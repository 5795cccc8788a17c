package upload

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/intake"
)

const (
	idleFor    = 10 * time.Minute // how long an upload stays open with no request
	staleAfter = 5 * time.Second  // a request by which nothing comes for so long gives way
	givesWayIn = 5 * time.Second  // and has so long to do so
	maxIdle    = 512              // uploads that are open with no request
)

var errIdle = errors.New("nobody goes on with it")

// transfer is an upload that this process knows. One request at a time holds it;
// between two requests its arrival stays open, because opening it again means
// reading it.
type transfer struct {
	id     uuid.UUID
	offset atomic.Int64 // how much has come
	heard  atomic.Int64 // when something last did, Unix milliseconds
	stop   atomic.Bool  // the request that holds it is to end

	// For the holder only.
	arrival *intake.Arrival // nil = not open
	length  int64           // or unknown

	// Guarded by the table's mu.
	free      chan struct{} // closed when the holder lets go; nil = nobody holds it
	interrupt func()        // wakes the holder up
}

// table is the transfers of this process.
type table struct {
	now func() time.Time

	mu   sync.Mutex // guards the field below, and what transfer says
	open map[uuid.UUID]*transfer
}

func newTable(now func() time.Time) *table {
	return &table{now: now, open: map[uuid.UUID]*transfer{}}
}

var errBusy = refuse(http.StatusLocked, fault.TryLater, "another request sends this upload now")

// take gives the transfer to a request, which answers to interrupt by letting it
// go. It fails with errBusy while another request holds it and is heard of; the
// transfer is returned then, too, to be looked at.
func (t *table) take(ctx context.Context, id uuid.UUID, interrupt func()) (*transfer, error) {
	for range 2 {
		t.mu.Lock()
		x := t.open[id]
		if x == nil {
			x = &transfer{id: id, length: unknown}
			t.open[id] = x
		}
		free := x.free
		if free == nil {
			x.free, x.interrupt = make(chan struct{}), interrupt
			x.stop.Store(false)
			t.mu.Unlock()
			t.hear(x)
			return x, nil
		}
		if t.silent(x) < staleAfter {
			t.mu.Unlock()
			return x, errBusy
		}
		x.stop.Store(true)
		x.interrupt()
		t.mu.Unlock()
		select {
		case <-free:
		case <-ctx.Done():
			return x, errBusy
		case <-time.After(givesWayIn):
			return x, errBusy
		}
	}
	return nil, errBusy
}

// add puts an upload that was just begun on the table, held by nobody.
func (t *table) add(x *transfer) {
	t.hear(x)
	t.mu.Lock()
	t.open[x.id] = x
	t.mu.Unlock()
	t.closeMost(maxIdle)
}

// give lets the transfer go. One whose arrival is not open is forgotten.
func (t *table) give(x *transfer) {
	t.hear(x)
	t.mu.Lock()
	close(x.free)
	x.free, x.interrupt = nil, nil
	if x.arrival == nil {
		delete(t.open, x.id)
	}
	t.mu.Unlock()
	t.closeMost(maxIdle)
}

func (t *table) hear(x *transfer) { x.heard.Store(t.now().UnixMilli()) }

func (t *table) silent(x *transfer) time.Duration {
	return t.now().Sub(time.UnixMilli(x.heard.Load()))
}

// closeIdle closes the uploads that nobody has asked for so long.
func (t *table) closeIdle(long time.Duration) {
	for _, x := range t.idle() {
		if t.silent(x) >= long {
			t.close(x.id)
		}
	}
}

// closeMost closes the longest idle uploads until there are at most so many.
func (t *table) closeMost(most int) {
	t.mu.Lock()
	few := len(t.open) <= most
	t.mu.Unlock()
	if few {
		return
	}
	idle := t.idle()
	if len(idle) <= most {
		return
	}
	slices.SortFunc(idle, func(a, b *transfer) int { return int(a.heard.Load() - b.heard.Load()) })
	for _, x := range idle[:len(idle)-most] {
		t.close(x.id)
	}
}

func (t *table) idle() []*transfer {
	t.mu.Lock()
	defer t.mu.Unlock()
	var idle []*transfer
	for _, x := range t.open {
		if x.free == nil {
			idle = append(idle, x)
		}
	}
	return idle
}

// close makes what has come of an upload durable and closes it, unless a request
// holds it by now.
func (t *table) close(id uuid.UUID) {
	t.mu.Lock()
	x := t.open[id]
	if x == nil || x.free != nil {
		t.mu.Unlock()
		return
	}
	x.free, x.interrupt = make(chan struct{}), func() {}
	t.mu.Unlock()
	x.arrival.Abort(errIdle)
	x.arrival = nil
	t.give(x)
}
