package engine

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sealgate/internal/fault"
)

// openTest opens a database with one table.
func openTest(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "c.db"), Options{
		Migrate: func(ctx context.Context, pool *sql.DB) error {
			_, err := pool.ExecContext(ctx, `CREATE TABLE thing (key TEXT PRIMARY KEY, value BLOB)`)
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func put(tx *Tx, key string, value []byte) error {
	return tx.ExecOne("put", `INSERT INTO thing (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
}

func has(tx *Tx, key string) bool {
	n, err := One(tx, "has", number, `SELECT COUNT(*) FROM thing WHERE key = ?`, key)
	return err == nil && n > 0
}

func number(row Scan) (n int64, err error) {
	err = row(&n)
	return n, err
}

// limitPages makes SQLite behave as if the disk ended after n more pages.
func limitPages(t *testing.T, db *DB, more int) {
	t.Helper()
	err := db.Update(t.Context(), func(tx *Tx) error {
		have, err := One(tx, "pages", number, "PRAGMA page_count")
		if err != nil {
			return err
		}
		return tx.s.control(fmt.Sprintf("PRAGMA max_page_count(%d)", have+int64(more)))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFullInTheMiddleOfAGroup: when there is no room for one update, the
// database gives up the transaction of all. Nothing of any of them may be
// stored, whatever the functions make of the error, and when there is room
// again the next update succeeds.
func TestFullInTheMiddleOfAGroup(t *testing.T) {
	db := openTest(t)
	limitPages(t, db, 2)

	started, gate := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := db.Update(context.Background(), func(*Tx) error { close(started); <-gate; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-started
	big := make([]byte, 100_000)
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			errs[i] = db.Update(context.Background(), func(tx *Tx) error {
				if err := put(tx, fmt.Sprint(i), []byte("before")); err != nil {
					return err
				}
				_ = put(tx, "big", big) // no room, and not said
				if err := put(tx, fmt.Sprint(i), []byte("after")); err == nil {
					t.Error("a statement ran after the transaction was lost")
				}
				return nil
			})
		})
	}
	close(gate)
	wg.Wait()
	for _, err := range errs {
		if !fault.Is(err, fault.Full) {
			t.Errorf("error %v, want full", err)
		}
	}
	err := db.View(context.Background(), func(tx *Tx) error {
		for i := range errs {
			if has(tx, fmt.Sprint(i)) {
				t.Errorf("update %d left something behind", i)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	limitPages(t, db, 1000)
	if err := db.Update(context.Background(), func(tx *Tx) error { return put(tx, "big", big) }); err != nil {
		t.Fatalf("with room again: %v", err)
	}
}

// TestDrainedLogIsBegunAnew: under a load that never pauses the log does not
// grow with what is written, but with what is written between two drains.
func TestDrainedLogIsBegunAnew(t *testing.T) {
	db := openTest(t)
	write := func() (length int64) {
		text := make([]byte, 1<<20)
		for range drainAt>>20 + 1 {
			if err := db.Update(t.Context(), func(tx *Tx) error { return put(tx, "big", text) }); err != nil {
				t.Fatal(err)
			}
		}
		length, err := walSize(db.path)
		if err != nil {
			t.Fatal(err)
		}
		return length
	}
	first := write()
	for range 3 {
		if err := db.drain(); err != nil {
			t.Fatal(err)
		}
		if again := write(); again > first+first/10 {
			t.Fatalf("the log was %d bytes long and is %d", first, again)
		}
	}
}

// TestEndedViewLetsGoOfTheLog: when a View's time is over its snapshot goes,
// even while its function is busy elsewhere.
func TestEndedViewLetsGoOfTheLog(t *testing.T) {
	db := openTest(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.View(ctx, func(tx *Tx) error {
		has(tx, "a") // the snapshot begins here
		if err := db.Update(t.Context(), func(tx *Tx) error { return put(tx, "a", nil) }); err != nil {
			return err
		}
		cancel()
		if err := db.Checkpoint(t.Context()); err != nil {
			t.Errorf("the log of an ended view: %v", err)
		}
		_, err := One(tx, "has", number, `SELECT COUNT(*) FROM thing`)
		return err
	})
	if !fault.Is(err, fault.TryLater) {
		t.Errorf("a read in an ended view: %v", err)
	}
	if err := db.View(t.Context(), func(tx *Tx) error {
		_, err := One(tx, "has", number, `SELECT COUNT(*) FROM thing`)
		return err
	}); err != nil {
		t.Errorf("the view after it: %v", err)
	}
}

// A View has its time, whoever asks.
func TestAViewEndsByItself(t *testing.T) {
	db := openTest(t)
	if db.maxView != 10*time.Second {
		t.Errorf("a View lasts %v", db.maxView)
	}
	db.maxView = time.Millisecond
	err := db.View(t.Context(), func(tx *Tx) error {
		<-tx.ctx.Done()
		_, err := One(tx, "has", number, `SELECT COUNT(*) FROM thing`)
		return err
	})
	if !fault.Is(err, fault.TryLater) {
		t.Errorf("a read in a View without end: %v", err)
	}
}
