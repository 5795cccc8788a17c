package accountdb

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb/sqlite"
)

// opened opens the copy at path as an account's database.
func opened(t *testing.T, path string) *DB {
	t.Helper()
	db, err := open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.close() })
	return db
}

func total(t *testing.T, db *DB) int64 {
	t.Helper()
	page, err := db.Search(t.Context(), Query{Held: WithHeld})
	if err != nil {
		t.Fatal(err)
	}
	return page.Total
}

// A copy that is made while payments are added holds all that was published
// and nothing else, and keeps the bytes in each page that a seal needs.
func TestCopyOfADatabaseInUse(t *testing.T) {
	p, account := newPool(t, Options{}), uuid.New()
	db, release := use(t, p, account)
	defer release()
	publish(t, db, uuid.New(), 1, meta(1, "x", 300), pays(300)...)
	var busy sync.WaitGroup
	busy.Go(func() {
		l := begin(t, db, uuid.New(), 1)
		for seq := range int64(2000) {
			if err := l.Add(pay(seq + 1)); err != nil {
				t.Error(err)
			}
		}
		if err := l.Drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := p.CopyTo(t.Context(), account, path); err != nil {
		t.Fatal(err)
	}
	busy.Wait()
	head, err := os.ReadFile(path)
	if err != nil || head[20] != sqlite.Reserved {
		t.Errorf("pages keep %d bytes free, want %d: %v", head[20], sqlite.Reserved, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy has mode %v, %v", info.Mode(), err)
	}
	if n := total(t, opened(t, path)); n != 300 {
		t.Errorf("%d payments in the copy", n)
	}
}

func TestCopyOfNothing(t *testing.T) {
	p := newPool(t, Options{})
	path := filepath.Join(t.TempDir(), "copy.db")
	wantKind(t, "an account without a database", p.CopyTo(t.Context(), uuid.New(), path), fault.NotFound)
	account := uuid.New()
	_, release := use(t, p, account)
	release()
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "a file that is there", p.CopyTo(t.Context(), account, path), fault.Exists)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.CopyTo(ctx, account, path+"2"); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	for _, name := range []string{"x.db", account.String(), account.String() + ".db-wal"} {
		if err := os.WriteFile(filepath.Join(p.dir, name), nil, 0o600); err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
	}
	if ids, err := p.List(); err != nil || !slices.Equal(ids, []uuid.UUID{account}) {
		t.Errorf("accounts %v, %v", ids, err)
	}
}

// What a copy knows too much leaves it for ever, its message ids, its place
// among the taken and its bytes, too.
// A backup can come between the first page of a database and its tables.
func TestForgetInADatabaseWithoutTables(t *testing.T) {
	pool, id := newPool(t, Options{}), uuid.New()
	if err := sqlite.Create(pool.path(id)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := pool.CopyTo(t.Context(), id, path); err != nil {
		t.Fatal(err)
	}
	if n, err := ForgetAfter(t.Context(), path, 7); n != 0 || err != nil {
		t.Errorf("forgot %d, %v", n, err)
	}
	if n := total(t, opened(t, path)); n != 0 {
		t.Errorf("%d payments", n)
	}
}

func TestForgetAfter(t *testing.T) {
	p, account := newPool(t, Options{}), uuid.New()
	db, release := use(t, p, account)
	defer release()
	publish(t, db, uuid.New(), 1, meta(7, "old", 10), pays(10)...)
	late := uuid.New()
	publish(t, db, late, 1, meta(8, "late", 400), pays(400)...)
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := p.CopyTo(t.Context(), account, path); err != nil {
		t.Fatal(err)
	}
	if n, err := ForgetAfter(t.Context(), path, 7); n != 1 || err != nil {
		t.Fatalf("%d forgotten, %v", n, err)
	}
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(path + suffix)
		if err == nil && bytes.Contains(text, late[:]) {
			t.Errorf("copy.db%s still holds the file's id", suffix)
		}
	}
	copied := opened(t, path)
	if n := total(t, copied); n != 10 {
		t.Errorf("%d payments", n)
	}
	s := publish(t, copied, uuid.New(), 1, meta(8, "late", 400), pays(400)...)
	if len(s.Findings) > 0 {
		t.Errorf("the file that is sent again is found to be a duplicate: %+v", s.Findings)
	}
	if n, err := ForgetAfter(t.Context(), path, 8); n != 0 || err != nil {
		t.Errorf("%d forgotten, %v", n, err)
	}
}

// pays returns n payments.
func pays(n int64) []*payment.Payment {
	var all []*payment.Payment
	for seq := range n {
		all = append(all, pay(seq+1))
	}
	return all
}
