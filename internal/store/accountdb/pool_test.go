package accountdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/accountdb/sqlite"
)

// clock is a time that a test sets.
type clock struct{ now atomic.Int64 }

func (c *clock) time() time.Time         { return time.Unix(0, c.now.Load()) }
func (c *clock) advance(d time.Duration) { c.now.Add(int64(d)) }

func use(t *testing.T, p *Pool, account uuid.UUID) (*DB, func()) {
	t.Helper()
	db, release, err := p.Account(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	return db, release
}

func TestOneDatabaseForAllUsersOfAnAccount(t *testing.T) {
	p, account := newPool(t, Options{}), uuid.New()
	var wg sync.WaitGroup
	seen := make([]*DB, 20)
	for i := range seen {
		wg.Go(func() {
			db, release, err := p.Account(t.Context(), account)
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			seen[i] = db
		})
	}
	wg.Wait()
	for _, db := range seen {
		if db != seen[0] {
			t.Fatal("two databases open for one account")
		}
	}
	if s := p.Stats(); s.Opens != 1 || s.Hits != 19 {
		t.Errorf("stats %+v", s)
	}
}

func TestTheLeastUsedMakesRoom(t *testing.T) {
	var c clock
	p := newPool(t, Options{Cap: 2, Now: c.time})
	a, b := uuid.New(), uuid.New()
	for _, id := range []uuid.UUID{a, b, a} {
		_, release := use(t, p, id)
		c.advance(time.Second)
		release()
	}
	_, release := use(t, p, uuid.New())
	release()
	if p.entries[a] == nil || p.entries[b] != nil {
		t.Error("the one used last was closed")
	}
}

func TestAFullPoolWaitsAsLongAsItsCallerAllows(t *testing.T) {
	p := newPool(t, Options{Cap: 1})
	_, release := use(t, p, uuid.New())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := p.Account(ctx, uuid.New())
	wantKind(t, "no room and no time", err, fault.TryLater)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not say why", err)
	}
	got := make(chan error)
	go func() {
		_, release, err := p.Account(t.Context(), uuid.New())
		if err == nil {
			release()
		}
		got <- err
	}()
	release()
	release() // twice does no harm
	if err := <-got; err != nil {
		t.Errorf("after room was made: %v", err)
	}
}

func TestUnusedDatabasesAreClosed(t *testing.T) {
	var c clock
	p := newPool(t, Options{Idle: time.Minute, Now: c.time})
	_, release := use(t, p, uuid.New())
	busy, keep := use(t, p, uuid.New())
	release()
	c.advance(59 * time.Second)
	p.tend(t.Context())
	if n := p.Stats().Open; n != 2 {
		t.Errorf("%d open before the minute is over", n)
	}
	c.advance(time.Second)
	p.tend(t.Context())
	if n := p.Stats().Open; n != 1 {
		t.Errorf("%d open after a minute, want the one in use", n)
	}
	publish(t, busy, uuid.New(), 1, meta(1, "x", 1), pay(1))
	keep()
}

func TestThePoolSweepsDroppedLoads(t *testing.T) {
	p := newPool(t, Options{})
	db, release := use(t, p, uuid.New())
	defer release()
	db.batch = 100
	l := begin(t, db, uuid.New(), 1)
	for seq := range int64(333) {
		if err := l.Add(pay(seq + 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(l.wait(), l.storeRows(t.Context(), "test", &l.rows), l.storeTerms(t.Context(), "test", &l.terms), l.Drop(t.Context())); err != nil {
		t.Fatal(err)
	}
	p.tend(t.Context())
	if n := count(t, db, "SELECT (SELECT count(*) FROM payment) + (SELECT count(*) FROM term) + (SELECT count(*) FROM young) + (SELECT count(*) FROM load)"); n != 0 {
		t.Errorf("%d rows left", n)
	}
	if db.untidy.Load() {
		t.Error("the database is still marked as untidy")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	p := newPool(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestRemoveWaitsAndLeavesNothing(t *testing.T) {
	p, account := newPool(t, Options{}), uuid.New()
	db, release := use(t, p, account)
	publish(t, db, uuid.New(), 1, meta(1, "x", 1), pay(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantKind(t, "remove while in use", p.Remove(ctx, account), fault.TryLater)
	removed := make(chan error)
	go func() { removed <- p.Remove(t.Context(), account) }()
	release()
	if err := <-removed; err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(p.path(account) + "*"); err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
	db, release = use(t, p, account)
	defer release()
	if n := search(t, db, Query{}).Total; n != 0 {
		t.Errorf("a new database has %d payments", n)
	}
}

// After its disk has failed a database takes no more work until it has been
// opened again.
func TestAFailedDatabaseIsReopened(t *testing.T) {
	p, account, file := newPool(t, Options{}), uuid.New(), uuid.New()
	db, release := use(t, p, account)
	publish(t, db, file, 1, meta(1, "x", 1), pay(1))
	db.failed.Store(true)
	_, err := db.Begin(t.Context(), uuid.New(), 1)
	wantKind(t, "begin on a failed disk", err, fault.Internal)
	release()
	again, release := use(t, p, account)
	defer release()
	if again == db {
		t.Fatal("the failed handle is still in use")
	}
	if _, err := again.Result(t.Context(), file, 0); err != nil {
		t.Errorf("what was published: %v", err)
	}
}

// A log without its database must not be played into a new one.
func TestALeftOverLogIsNotPlayedIntoANewDatabase(t *testing.T) {
	p, account := newPool(t, Options{}), uuid.New()
	db, release := use(t, p, account)
	publish(t, db, uuid.New(), 1, meta(1, "x", 1), pay(1))
	wal, err := os.ReadFile(p.path(account) + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	release()
	other := uuid.New()
	if err := os.WriteFile(p.path(other)+"-wal", wal, 0o600); err != nil {
		t.Fatal(err)
	}
	db, release = use(t, p, other)
	defer release()
	if n := search(t, db, Query{}).Total; n != 0 {
		t.Errorf("%d payments of another account", n)
	}
}

// Many workers, few places: nobody loses anything, nobody waits for ever.
func TestManyUsersOfFewPlaces(t *testing.T) {
	p := newPool(t, Options{Cap: 3})
	accounts := make([]uuid.UUID, 8)
	for i := range accounts {
		accounts[i] = uuid.New()
	}
	const rounds = 12
	ctx, cancel := context.WithCancel(t.Context())
	var tending, wg sync.WaitGroup
	tending.Go(func() {
		for ctx.Err() == nil {
			p.tend(ctx)
		}
	})
	for worker := range 6 {
		wg.Go(func() {
			for round := range rounds {
				err := work(ctx, p, accounts[(worker+round)%len(accounts)], fmt.Sprint(worker, round))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	cancel()
	tending.Wait()
	var total int64
	for _, id := range accounts {
		db, release := use(t, p, id)
		total += search(t, db, Query{}).Total
		release()
	}
	if total != 6*rounds*2 {
		t.Errorf("%d payments, want %d", total, 6*rounds*2)
	}
	if n := p.Stats().Open; n > 3 {
		t.Errorf("%d databases open", n)
	}
}

// work publishes a file of two payments and looks for them.
func work(ctx context.Context, p *Pool, account uuid.UUID, content string) error {
	db, release, err := p.Account(ctx, account)
	if err != nil {
		return err
	}
	defer release()
	file := uuid.New()
	l, err := db.Begin(ctx, file, 1)
	if err != nil {
		return err
	}
	defer l.Drop(ctx)
	if err := errors.Join(l.Add(pay(1)), l.Add(pay(2))); err != nil {
		return err
	}
	if _, err := l.Publish(ctx, meta(1, content, 2)); err != nil {
		return err
	}
	page, err := db.Search(ctx, Query{File: file})
	if err == nil && page.Total != 2 {
		err = fmt.Errorf("found %d of 2 payments", page.Total)
	}
	return err
}

// A database that is gone is not silently made anew: what it knew of taken
// files and payments would be gone with it, and nobody told.
func TestALostDatabaseSaysSo(t *testing.T) {
	indexed := map[uuid.UUID]bool{}
	failing := errors.New("no catalog")
	var broken error
	p := newPool(t, Options{Cap: 1, Expected: func(_ context.Context, id uuid.UUID) (bool, error) { return indexed[id], broken }})
	account, fresh := uuid.New(), uuid.New()
	db, release := use(t, p, account)
	publish(t, db, uuid.New(), 1, meta(1, "x", 1), pay(1))
	release()
	indexed[account] = true
	_, release = use(t, p, fresh) // takes the only place
	release()
	if err := sqlite.Remove(p.path(account)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, _, err := p.Account(t.Context(), account)
		wantKind(t, "a database that is gone", err, fault.Damaged)
	}
	if _, err := os.Stat(p.path(account)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was made anew: %v", err)
	}
	broken = failing
	if _, _, err := p.Account(t.Context(), uuid.New()); !errors.Is(err, failing) {
		t.Errorf("without knowing what is expected: %v", err)
	}
	_, release = use(t, p, fresh) // which is there, so that nobody asks
	release()
}
