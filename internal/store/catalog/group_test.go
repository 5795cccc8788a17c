package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// holdWriter keeps the writer busy until release is called, so that the
// updates started meanwhile share one transaction.
func holdWriter(t *testing.T, c *catalog.Catalog) (release func()) {
	t.Helper()
	started, gate, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- c.Update(context.Background(), func(*catalog.Tx) error {
			close(started)
			<-gate
			return nil
		})
	}()
	<-started
	return func() {
		close(gate)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// group runs fns as concurrent updates and returns their errors.
func group(t *testing.T, c *catalog.Catalog, fns ...func(*catalog.Tx) error) []error {
	t.Helper()
	release := holdWriter(t, c)
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("panic: %v", p)
				}
			}()
			errs[i] = c.Update(context.Background(), fn)
		})
	}
	release()
	wg.Wait()
	return errs
}

func set(key string, then error) func(*catalog.Tx) error {
	return func(tx *catalog.Tx) error {
		if err := tx.SetSetting(key, "set"); err != nil {
			return err
		}
		return then
	}
}

func isSet(t *testing.T, c *catalog.Catalog, key string) bool {
	t.Helper()
	var v string
	catalogtest.View(t, c, func(tx *catalog.Tx) (err error) {
		v, err = tx.Setting(key)
		return err
	})
	return v == "set"
}

func TestGroupMembersDoNotTouchEachOther(t *testing.T) {
	c := catalogtest.Open(t)
	no := errors.New("no")
	for range 20 { // the group's make-up varies
		var fns []func(*catalog.Tx) error
		for i := range 9 {
			key := fmt.Sprint(i)
			switch i % 3 {
			case 0:
				fns = append(fns, set(key, nil))
			case 1:
				fns = append(fns, set(key, no))
			case 2:
				fns = append(fns, func(tx *catalog.Tx) error {
					if err := tx.SetSetting(key, "set"); err != nil {
						return err
					}
					panic("boom")
				})
			}
		}
		for i, err := range group(t, c, fns...) {
			if good := i%3 == 0; good != (err == nil) || good != isSet(t, c, fmt.Sprint(i)) {
				t.Fatalf("update %d: %v, stored %v", i, err, isSet(t, c, fmt.Sprint(i)))
			}
		}
		catalogtest.Update(t, c, func(tx *catalog.Tx) error {
			for i := range 9 {
				if err := tx.SetSetting(fmt.Sprint(i), ""); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func TestGroupSharesCommits(t *testing.T) {
	commits := 0 // written by the writer's goroutine, read after all updates
	c := catalogtest.OpenAt(t, filepath.Join(t.TempDir(), "c.db"), catalog.Options{OnCommit: func(commit func() error) error {
		commits++
		return commit()
	}})
	release := holdWriter(t, c)
	const callers = 64
	var wg, ready sync.WaitGroup
	ready.Add(callers)
	for i := range callers {
		wg.Go(func() {
			ready.Done()
			if err := c.Update(context.Background(), set(fmt.Sprint(i), nil)); err != nil {
				t.Error(err)
			}
		})
	}
	ready.Wait()
	release()
	wg.Wait()
	if commits > callers/2 {
		t.Errorf("%d commits for %d concurrent updates", commits, callers)
	}
	for i := range callers {
		if !isSet(t, c, fmt.Sprint(i)) {
			t.Errorf("update %d is not stored", i)
		}
	}
}

func TestFullDiskAtCommitIsForgotten(t *testing.T) {
	c, faults := catalogtest.OpenFaulty(t)
	faults.FullNext()
	err := c.Update(context.Background(), set("a", nil))
	if !fault.Is(err, fault.Full) {
		t.Fatalf("error %v, want full", err)
	}
	if isSet(t, c, "a") {
		t.Fatal("a refused update is stored")
	}
	catalogtest.Update(t, c, set("a", nil))
	select {
	case <-c.Failed():
		t.Fatal("a full disk stopped the catalog")
	default:
	}
}

func TestFailedCommitStopsTheCatalog(t *testing.T) {
	for _, stored := range []bool{false, true} {
		t.Run(fmt.Sprintf("stored=%v", stored), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.db")
			faults := new(catalogtest.Faults)
			c := catalogtest.OpenAt(t, path, catalog.Options{OnCommit: faults.OnCommit})
			catalogtest.Update(t, c, set("before", nil))
			faults.FailNext(stored)
			for _, err := range []error{
				c.Update(context.Background(), set("a", nil)),
				c.Update(context.Background(), set("b", nil)),
				c.View(context.Background(), func(*catalog.Tx) error { return nil }),
				c.Checkpoint(context.Background()),
			} {
				if !fault.Is(err, fault.Internal) || !errors.Is(err, catalogtest.ErrInjected) {
					t.Errorf("error %v, want the failed commit", err)
				}
			}
			<-c.Failed()
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			again := catalogtest.OpenAt(t, path, catalog.Options{})
			if !isSet(t, again, "before") || isSet(t, again, "a") != stored || isSet(t, again, "b") {
				t.Error("opening again does not find what the disk holds")
			}
		})
	}
}

func TestCloseAnswersEverybody(t *testing.T) {
	c := catalogtest.Open(t)
	release := holdWriter(t, c)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := c.Update(context.Background(), set("a", nil)); err != nil && !fault.Is(err, fault.TryLater) {
				t.Errorf("update while closing: %v", err)
			}
		})
	}
	wg.Go(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	release()
	wg.Wait()
	if err := c.Update(context.Background(), set("b", nil)); !fault.Is(err, fault.TryLater) {
		t.Errorf("update after close: %v", err)
	}
	if err := c.View(context.Background(), func(*catalog.Tx) error { return nil }); !fault.Is(err, fault.TryLater) {
		t.Errorf("view after close: %v", err)
	}
}

// TestUpdateThatEndsTheGoroutine: a t.Fatal inside an update must not hang the
// test, nor anybody else.
func TestUpdateThatEndsTheGoroutine(t *testing.T) {
	c := catalogtest.Open(t)
	for range 2 {
		err := c.Update(context.Background(), func(*catalog.Tx) error {
			runtime.Goexit()
			return nil
		})
		if !fault.Is(err, fault.Internal) {
			t.Errorf("error %v", err)
		}
	}
	<-c.Failed()
}

func TestTxIsOverWhenItsFunctionReturns(t *testing.T) {
	c := catalogtest.Open(t)
	var kept []*catalog.Tx
	keep := func(tx *catalog.Tx) error {
		kept = append(kept, tx)
		return nil
	}
	catalogtest.Update(t, c, keep)
	catalogtest.View(t, c, keep)
	for _, tx := range kept {
		if err := tx.SetSetting("a", "1"); err == nil {
			t.Error("a write after the end of its transaction")
		}
		if _, err := tx.Setting("a"); err == nil {
			t.Error("a read after the end of its transaction")
		}
	}
}
