package accountdbtest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/accountdb"
)

func apart(t *testing.T, pool *accountdb.Pool) {
	a, b := database(t, pool), database(t, pool)
	file := uuid.New()
	publish(t, a, file, 1, meta(1, "x", 1, "M"), pay(1))
	wantTotal(t, "another account", b, 0)
	_, err := b.Result(t.Context(), file, 0)
	wantKind(t, "result of another account's file", err, fault.NotFound)
	wantOutcome(t, "the same bytes of another account", publish(t, b, uuid.New(), 1, meta(1, "x", 1, "M"), pay(1)), "indexed", "")
}

// Many workers on few accounts: nobody loses anything, nobody waits for ever.
func manyWorkers(t *testing.T, pool *accountdb.Pool) {
	accounts := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	const workers, rounds = 6, 8
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for round := range rounds {
				if err := work(t.Context(), pool, accounts[(worker+round)%len(accounts)], fmt.Sprint(worker, round)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var total int64
	for _, id := range accounts {
		db, release, err := pool.Account(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		total += search(t, db, accountdb.Query{}).Total
		release()
	}
	if total != workers*rounds*2 {
		t.Errorf("%d payments, want %d", total, workers*rounds*2)
	}
}

// work publishes a file of two payments and looks for them.
func work(ctx context.Context, pool *accountdb.Pool, account uuid.UUID, content string) error {
	db, release, err := pool.Account(ctx, account)
	if err != nil {
		return err
	}
	defer release()
	file := uuid.New()
	l, err := db.Begin(ctx, file, 1)
	if err != nil {
		return err
	}
	if err := errors.Join(l.Add(pay(1)), l.Add(pay(2))); err != nil {
		return err
	}
	if _, err := l.Publish(ctx, meta(1, content, 2)); err != nil {
		return err
	}
	page, err := db.Search(ctx, accountdb.Query{File: file})
	if err == nil && page.Total != 2 {
		err = fmt.Errorf("found %d of 2 payments", page.Total)
	}
	return err
}

func copied(t *testing.T, pool *accountdb.Pool) {
	account := uuid.New()
	db := use(t, pool, account)
	publish(t, db, uuid.New(), 1, meta(7, "old", 10), pays(10)...)
	begin(t, db, uuid.New(), 1, pays(300)...) // under way
	path := filepath.Join(t.TempDir(), account.String()+".db")
	if err := pool.CopyTo(t.Context(), account, path); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "a file that is there", pool.CopyTo(t.Context(), account, path), fault.Exists)
	if n, err := accountdb.ForgetAfter(t.Context(), path, 7); n != 0 || err != nil {
		t.Errorf("%d files forgotten, %v", n, err)
	}
	if n, err := accountdb.ForgetAfter(t.Context(), path, 6); n != 1 || err != nil {
		t.Errorf("%d files forgotten, %v", n, err)
	}
	if ids, err := pool.List(); err != nil || !slices.Equal(ids, []uuid.UUID{account}) {
		t.Errorf("accounts %v, %v", ids, err)
	}
}

func nothingToCopy(t *testing.T, pool *accountdb.Pool) {
	path := filepath.Join(t.TempDir(), "copy.db")
	wantKind(t, "an account without a database", pool.CopyTo(t.Context(), uuid.New(), path), fault.NotFound)
	if ids, err := pool.List(); err != nil || len(ids) != 0 {
		t.Errorf("accounts %v, %v", ids, err)
	}
}

func removed(t *testing.T, pool *accountdb.Pool) {
	account := uuid.New()
	db, release, err := pool.Account(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, db, uuid.New(), 1, meta(1, "x", 1), pay(1))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	wantKind(t, "remove while in use", pool.Remove(ended, account), fault.TryLater)
	release()
	if err := pool.Remove(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	if ids, err := pool.List(); err != nil || len(ids) != 0 {
		t.Errorf("accounts %v, %v", ids, err)
	}
	wantTotal(t, "a new database of the account", use(t, pool, account), 0)
}

func closed(t *testing.T, pool *accountdb.Pool) {
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	_, _, err := pool.Account(t.Context(), uuid.New())
	wantKind(t, "an account of a closed pool", err, fault.TryLater)
}
