package catalog

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
)

// limitPages makes SQLite behave as if the disk ended after n more pages.
func limitPages(t *testing.T, c *Catalog, more int) {
	t.Helper()
	err := c.Update(t.Context(), func(tx *Tx) error {
		have, err := one(tx, "pages", value[int64], "PRAGMA page_count")
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
	c := openTest(t)
	limitPages(t, c, 2)

	started, gate := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := c.Update(context.Background(), func(*Tx) error { close(started); <-gate; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-started
	big := make([]byte, 100_000)
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			errs[i] = c.Update(context.Background(), func(tx *Tx) error {
				if err := tx.SetSetting(fmt.Sprint(i), "before"); err != nil {
					return err
				}
				_ = tx.InsertStatement(&Statement{ID: uuid.New(), Text: big}) // no room, and not said
				if err := tx.SetSetting(fmt.Sprint(i), "after"); err == nil {
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
	err := c.View(context.Background(), func(tx *Tx) error {
		for i := range errs {
			if v, err := tx.Setting(fmt.Sprint(i)); err != nil || v != "" {
				t.Errorf("update %d left %q behind, %v", i, v, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	limitPages(t, c, 1000)
	if err := c.Update(context.Background(), func(tx *Tx) error { return tx.InsertStatement(&Statement{ID: uuid.New(), Text: big}) }); err != nil {
		t.Fatalf("with room again: %v", err)
	}
}

// TestDrainedLogIsBegunAnew: under a load that never pauses the log does not
// grow with what is written, but with what is written between two drains.
func TestDrainedLogIsBegunAnew(t *testing.T) {
	c := openTest(t)
	write := func() (length int64) {
		text := make([]byte, 1<<20)
		for range drainAt>>20 + 1 {
			if err := c.Update(t.Context(), func(tx *Tx) error { return tx.InsertStatement(&Statement{ID: uuid.New(), Text: text}) }); err != nil {
				t.Fatal(err)
			}
		}
		length, err := walSize(c.path)
		if err != nil {
			t.Fatal(err)
		}
		return length
	}
	first := write()
	for range 3 {
		if err := c.drain(); err != nil {
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
	c := openTest(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := c.View(ctx, func(tx *Tx) error {
		if _, err := tx.Setting("a"); err != nil { // the snapshot begins here
			return err
		}
		if err := c.Update(t.Context(), func(tx *Tx) error { return tx.SetSetting("a", "1") }); err != nil {
			return err
		}
		cancel()
		if err := c.Checkpoint(t.Context()); err != nil {
			t.Errorf("the log of an ended view: %v", err)
		}
		_, err := tx.Setting("a")
		return err
	})
	if !fault.Is(err, fault.TryLater) {
		t.Errorf("a read in an ended view: %v", err)
	}
	if err := c.View(t.Context(), func(tx *Tx) error { _, err := tx.Setting("a"); return err }); err != nil {
		t.Errorf("the view after it: %v", err)
	}
}
