package accountdb

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/accountdb/sqlite"
)

// Options of a Pool; the zero value is good.
type Options struct {
	Cap  int           // databases open at a time; 0 is 512
	Idle time.Duration // after which an unused one is closed; 0 is 90 s
	Now  func() time.Time

	// Expected tells whether the database of an account must be there, because
	// something was indexed for it before. It is asked when the file is not; one
	// that is expected has been lost, and is not made anew without a word. Nil:
	// none is expected.
	Expected func(ctx context.Context, id uuid.UUID) (bool, error)

	steps steps // of its databases; zero: the usual
}

// Pool opens account databases when they are needed and closes those that are
// not: at most Cap are open, and an unused one makes room for another.
type Pool struct {
	dir string
	opt Options

	mu      sync.Mutex
	entries map[uuid.UUID]*entry
	changed chan struct{} // closed, and made anew, when room or an account has become free
	closed  bool
	stats   Stats
}

// entry is an account's place in the pool. Its fields but db and err belong to
// the pool's mutex.
type entry struct {
	ready chan struct{} // closed when db or err is set
	db    *DB
	err   error

	refs    int
	used    time.Time
	closing bool
}

// Stats tells how the pool is used.
type Stats struct {
	Open      int   // databases open now
	Opens     int64 // databases opened so far
	Hits      int64 // uses that found theirs open
	Evictions int64 // closed to make room
}

// OpenPool returns the pool of the databases in dir, which it makes when it is
// not there. The pool opens none yet.
func OpenPool(dir string, opt Options) (*Pool, error) {
	if opt.Cap <= 0 {
		opt.Cap = 512
	}
	if opt.Idle <= 0 {
		opt.Idle = 90 * time.Second
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Wrap(fault.Internal, "accountdb: open pool", err)
	}
	return &Pool{dir: dir, opt: opt, entries: map[uuid.UUID]*entry{}, changed: make(chan struct{})}, nil
}

// Account returns the account's database, made at its first use; fault.Damaged
// when it should be there and is not. The caller calls release once, when it
// and its loads are done. When all places are in use, it waits for one as long
// as ctx allows.
func (p *Pool) Account(ctx context.Context, id uuid.UUID) (db *DB, release func(), err error) {
	const op = "accountdb: account"
	for {
		e, wait, err := p.take(id)
		if err != nil {
			return nil, nil, err
		}
		if e == nil {
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return nil, nil, fault.Wrap(fault.TryLater, op, ctx.Err())
			}
		}
		select {
		case <-e.ready:
		case <-ctx.Done():
			p.release(id, e)
			return nil, nil, fault.Wrap(fault.TryLater, op, ctx.Err())
		}
		if e.err != nil {
			p.release(id, e)
			return nil, nil, e.err
		}
		return e.db, sync.OnceFunc(func() { p.release(id, e) }), nil
	}
}

// take returns the account's entry with a reference on it, opening it when
// there is room, or a channel to wait on before asking again.
func (p *Pool) take(id uuid.UUID) (*entry, <-chan struct{}, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, nil, fault.New(fault.TryLater, "accountdb: account", "the gateway is stopping")
	}
	e := p.entries[id]
	switch {
	case e != nil && e.closing:
		defer p.mu.Unlock()
		return nil, p.changed, nil
	case e != nil:
		defer p.mu.Unlock()
		e.refs++
		p.stats.Hits++
		return e, nil, nil
	case len(p.entries) >= p.opt.Cap:
		wait := p.changed
		victim, old := p.leastUsed()
		if old != nil {
			old.closing = true
			p.stats.Evictions++
		}
		p.mu.Unlock()
		if old != nil {
			p.shut(victim, old)
		}
		return nil, wait, nil
	}
	e = &entry{ready: make(chan struct{}), refs: 1}
	p.entries[id] = e
	p.stats.Opens++
	p.mu.Unlock()
	// Others may be waiting for the same database: it is opened for them too,
	// whatever becomes of this caller.
	e.db, e.err = p.open(context.Background(), id)
	close(e.ready)
	return e, nil, nil
}

func (p *Pool) open(ctx context.Context, id uuid.UUID) (*DB, error) {
	const op = "accountdb: account"
	if _, err := os.Stat(p.path(id)); errors.Is(err, fs.ErrNotExist) && p.opt.Expected != nil {
		expected, err := p.opt.Expected(ctx, id)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
		if expected {
			return nil, fault.New(fault.Damaged, op, "the payment index of this account is gone: %s.db is not there; it has to come back from a backup", id)
		}
	}
	db, err := open(ctx, p.path(id))
	if err == nil && p.opt.steps != (steps{}) {
		db.steps = p.opt.steps
	}
	return db, err
}

func (p *Pool) path(id uuid.UUID) string { return filepath.Join(p.dir, id.String()+".db") }

// leastUsed returns the unused entry that has been unused the longest.
func (p *Pool) leastUsed() (id uuid.UUID, least *entry) {
	for i, e := range p.entries {
		if e.refs == 0 && !e.closing && (least == nil || e.used.Before(least.used)) {
			id, least = i, e
		}
	}
	return id, least
}

// release gives a reference back. A database that failed to open, or whose
// disk failed, is not kept.
func (p *Pool) release(id uuid.UUID, e *entry) {
	p.mu.Lock()
	e.refs--
	e.used = p.opt.Now()
	broken := e.refs == 0 && (e.err != nil || e.db != nil && e.db.failed.Load()) && !e.closing
	e.closing = e.closing || broken
	if e.refs == 0 && !broken {
		p.wake()
	}
	p.mu.Unlock()
	if broken {
		p.shut(id, e)
	}
}

// shut closes an entry marked as closing and takes it out.
func (p *Pool) shut(id uuid.UUID, e *entry) error {
	var err error
	if e.db != nil {
		err = e.db.close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.entries, id)
	p.wake()
	return err
}

// wake lets everybody who waits look again; the caller holds mu.
func (p *Pool) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Run closes databases that are no longer used and sweeps those that hold
// dropped loads, until ctx ends.
func (p *Pool) Run(ctx context.Context) error {
	tick := time.NewTicker(max(p.opt.Idle/8, time.Second))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			p.tend(ctx)
		}
	}
}

// tend does one round of Run. What fails is left for the next round, or for
// the next worker to meet.
func (p *Pool) tend(ctx context.Context) {
	for id, e := range p.grab(func(e *entry) bool { return e.db.untidy.Load() && !e.db.failed.Load() }) {
		e.db.tidy(ctx)
		p.release(id, e)
	}
	now := p.opt.Now()
	p.mu.Lock()
	idle := map[uuid.UUID]*entry{}
	for id, e := range p.entries {
		if e.refs == 0 && !e.closing && now.Sub(e.used) >= p.opt.Idle {
			e.closing = true
			idle[id] = e
		}
	}
	p.mu.Unlock()
	for id, e := range idle {
		p.shut(id, e)
	}
}

// grab takes a reference on each open entry that is wanted.
func (p *Pool) grab(want func(*entry) bool) map[uuid.UUID]*entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	held := map[uuid.UUID]*entry{}
	for id, e := range p.entries {
		select {
		case <-e.ready:
			if e.db != nil && !e.closing && want(e) {
				e.refs++
				held[id] = e
			}
		default:
		}
	}
	return held
}

// Stats returns the pool's numbers.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Open = len(p.entries)
	return s
}

// Remove deletes the account's database, waiting for its users to be done.
func (p *Pool) Remove(ctx context.Context, id uuid.UUID) error {
	const op = "accountdb: remove"
	for {
		p.mu.Lock()
		e, wait := p.entries[id], p.changed
		if e == nil {
			// An entry that is closing keeps openers out while the files go.
			e = &entry{closing: true}
			p.entries[id] = e
			p.mu.Unlock()
			err := sqlite.Remove(p.path(id))
			return fault.Wrap(fault.Internal, op, errors.Join(err, p.shut(id, e)))
		}
		idle := e.refs == 0 && !e.closing
		e.closing = e.closing || idle
		p.mu.Unlock()
		if idle {
			p.shut(id, e)
			continue
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return fault.Wrap(fault.TryLater, op, ctx.Err())
		}
	}
}

// Close closes every database. Their users must be done.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	entries := map[uuid.UUID]*entry{}
	for id, e := range p.entries {
		if !e.closing {
			e.closing = true
			entries[id] = e
		}
	}
	p.mu.Unlock()
	var errs []error
	for id, e := range entries {
		errs = append(errs, p.shut(id, e))
	}
	return fault.Wrap(fault.Internal, "accountdb: close", errors.Join(errs...))
}
