package custody_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a custodian with everything around it.
type world struct {
	*custody.Custodian
	t     testing.TB
	ks    *keys.Store
	cat   *catalog.Catalog
	clock *clock
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		t: t, ks: keystest.New(t), cat: catalogtest.Open(t),
		clock: &clock{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)},
	}
	w.Custodian = custody.New(w.ks, w.cat, "node-1", w.clock.Now)
	return w
}

// newFaultyWorld is one whose commits can be made to fail.
func newFaultyWorld(t testing.TB) (*world, *catalogtest.Faults) {
	t.Helper()
	w := newWorld(t)
	cat, faults := catalogtest.OpenFaulty(t)
	w.cat = cat
	w.Custodian = custody.New(w.ks, cat, "node-1", w.clock.Now)
	return w, faults
}

// restart is what a crash leaves: the catalog and the key store on disk.
func (w *world) restart() {
	w.t.Helper()
	w.ks = keystest.Reopen(w.t, w.ks)
	w.Custodian = custody.New(w.ks, w.cat, "node-1", w.clock.Now)
}

func (w *world) update(fn func(tx *catalog.Tx) error) {
	w.t.Helper()
	if err := w.cat.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// account makes an account with its keys.
func (w *world) account(name, content string) *catalog.Account {
	w.t.Helper()
	a := catalogtest.Account(w.t, w.cat, name)
	a.Content = content
	k, err := w.NewAccountKeys(w.t.Context(), custody.NewAccount{ID: a.ID, Name: name, Keys: catalog.KeysGateway})
	if err != nil {
		w.t.Fatal(err)
	}
	w.update(k.Insert)
	return a
}

// file begins a file, puts it on record, and returns its row and its header.
func (w *world) file(a *catalog.Account) (*catalog.File, *custody.Fresh) {
	w.t.Helper()
	fresh, err := w.NewFile(w.t.Context(), a, a.Content == catalog.ContentKeep)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.insert(a, fresh), fresh
}

func (w *world) insert(a *catalog.Account, fresh *custody.Fresh) *catalog.File {
	w.t.Helper()
	row := &catalog.File{
		ID: fresh.ID, Account: a.ID, Direction: catalog.In, State: catalog.Received, Source: "sftp", Node: "node-1",
		Times: catalog.Times{BeganAt: w.clock.Now()}, Body: catalog.Body{Kind: catalog.NoBody},
	}
	w.update(func(tx *catalog.Tx) (err error) {
		if row.Grant, err = fresh.Grant(); err != nil {
			return err
		}
		return tx.InsertFile(row)
	})
	return row
}

func (w *world) row(id uuid.UUID) *catalog.File {
	w.t.Helper()
	var f *catalog.File
	err := w.cat.View(w.t.Context(), func(tx *catalog.Tx) (err error) {
		f, err = tx.File(id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// opens checks that the file's key can be had, and is the one it began with.
func (w *world) opens(fresh *custody.Fresh) {
	w.t.Helper()
	if err := w.tryOpen(w.row(fresh.ID), fresh); err != nil {
		w.t.Fatalf("the file does not open: %v", err)
	}
}

func (w *world) tryOpen(row *catalog.File, fresh *custody.Fresh) error {
	h, raw, err := seal.ReadHeader(bytes.NewReader(fresh.Header))
	if err != nil {
		return err
	}
	k, err := w.FileKey(context.Background(), row, h)
	if err != nil {
		return err
	}
	defer k.Wipe()
	return seal.VerifyHeader(raw, k)
}

func (w *world) changeDay() {
	w.t.Helper()
	if err := w.ChangeDay(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}
