// Package events tells who follows them what happens to files, a moment after it
// happened.
//
//	change ─ audit entry ─ number ─ Hub ─┬ follower of an account
//	                                     └ follower of all
//
// The audit log is the one source: an event is an entry about a file, and its id is
// the entry's number in the log. Numbers have no gaps and never change, so that who
// was away goes on where he was and misses nothing. As long as somebody follows, the
// log is asked to number its entries at once.
//
// One goroutine reads the log for all followers (Hub.Run); when it ends, and when a
// follower is too slow, his stream ends, and he comes again.
package events

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/portal/access"
	"sealgate/internal/store/catalog"
)

const (
	step    = 50 * time.Millisecond // how often the log is looked at while somebody follows
	group   = 500                   // entries that are read at a time
	backlog = 1000                  // entries that wait for a follower before he is too slow
	each    = 10                    // streams of one caller
	shared  = 100                   // of all callers of an account together
	all     = 1000                  // streams in all
)

// Hub hands what happens to who follows.
type Hub struct {
	catalog *catalog.Catalog
	log     *slog.Logger
	missed  int64         // maxMissed
	woken   chan struct{} // somebody began to follow

	mu        sync.Mutex
	followers map[*follower]struct{}
	next      int64 // number of the entry that is handed out next; -1 = nobody follows
	closed    bool
}

// follower is one stream. Its channel is closed when it ends.
type follower struct {
	name    string    // of the caller
	share   string    // with whom he shares
	account uuid.UUID // Nil = of all
	events  chan audit.Numbered
}

// New returns a hub that nobody follows.
func New(cat *catalog.Catalog, log *slog.Logger) *Hub {
	return &Hub{catalog: cat, log: log, missed: maxMissed, woken: make(chan struct{}, 1), followers: map[*follower]struct{}{}, next: -1}
}

// Run reads the log until ctx ends; then all streams end.
func (h *Hub) Run(ctx context.Context) error {
	defer h.close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.woken:
		}
		h.attend(ctx)
	}
}

// attend reads as long as somebody follows.
func (h *Hub) attend(ctx context.Context) {
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		h.catalog.HurryAudit()
		more := true
		for more {
			var err error
			var anybody bool
			if more, anybody, err = h.handOut(ctx); err != nil {
				if ctx.Err() == nil {
					h.log.WarnContext(ctx, "events: the audit log could not be read", "error", err)
				}
				break
			}
			if !anybody {
				return
			}
		}
	}
}

// handOut reads what is new and hands it out. more says that there is more at once.
func (h *Hub) handOut(ctx context.Context) (more, anybody bool, err error) {
	h.mu.Lock()
	from := h.next
	h.mu.Unlock()
	if from < 0 {
		return false, false, nil
	}
	entries, err := h.read(ctx, from)
	if err != nil {
		return false, true, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range entries {
		if h.next < 0 {
			return false, false, nil
		}
		if e.Number < h.next { // all left meanwhile, and somebody came
			continue
		}
		h.next = e.Number + 1
		for f := range h.followers {
			if !f.wants(&e.Entry) {
				continue
			}
			select {
			case f.events <- e:
			default:
				h.drop(f)
			}
		}
	}
	return len(entries) == group, h.next >= 0, nil
}

func (h *Hub) read(ctx context.Context, from int64) (entries []audit.Numbered, err error) {
	err = h.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		entries, err = tx.AuditNumbered(from, group)
		return err
	})
	return entries, err
}

// follow begins a stream. Every entry with a number below before is to be read by the
// caller, all from there on come by the channel.
func (h *Hub) follow(ctx context.Context, c access.Caller, account uuid.UUID) (f *follower, before int64, err error) {
	const op = "events: follow"
	var size int64
	err = h.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		size, err = tx.AuditSize()
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, 0, fault.New(fault.TryLater, op, "the gateway is about to stop")
	}
	mine, ours := 0, 0
	for other := range h.followers {
		if other.name == c.Name {
			mine++
		}
		if other.share == c.Share() {
			ours++
		}
	}
	if mine >= each || ours >= shared || len(h.followers) >= all {
		return nil, 0, fault.New(fault.TryLater, op, "there are too many streams already; end one first")
	}
	if h.next < 0 {
		h.next = size
	}
	f = &follower{name: c.Name, share: c.Share(), account: account, events: make(chan audit.Numbered, backlog)}
	h.followers[f] = struct{}{}
	select {
	case h.woken <- struct{}{}:
	default:
	}
	return f, h.next, nil
}

// leave ends a stream that nobody reads any more.
func (h *Hub) leave(f *follower) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, there := h.followers[f]; there {
		h.drop(f)
	}
}

// drop ends a stream. Whoever calls it holds the lock.
func (h *Hub) drop(f *follower) {
	delete(h.followers, f)
	close(f.events)
	if len(h.followers) == 0 {
		h.next = -1
	}
}

func (h *Hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for f := range h.followers {
		h.drop(f)
	}
}

// wants tells whether an entry is an event for this follower.
func (f *follower) wants(e *audit.Entry) bool {
	return isEvent(e) && (f.account == uuid.Nil || f.account == e.Account)
}
