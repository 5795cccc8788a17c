package custody_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/custody/custodytest"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// world is a custodian with everything around it.
type world struct {
	*custody.Custodian
	t      testing.TB
	ks     *keys.Store
	cat    *catalog.Catalog
	faults *catalogtest.Faults
	path   string // of the catalog
	clock  *custodytest.Clock

	beforeCommit *func() // of each transaction; nil: nothing
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		t: t, beforeCommit: new(func()), ks: keystest.New(t), faults: new(catalogtest.Faults), path: filepath.Join(t.TempDir(), "catalog.db"),
		clock: custodytest.NewClock(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)),
	}
	w.open()
	return w
}

// open takes up the catalog and begins a new life of the program.
func (w *world) open() {
	w.t.Helper()
	w.cat = catalogtest.OpenAt(w.t, w.path, catalog.Options{Now: w.clock.Now, OnCommit: w.onCommit})
	w.Custodian = custody.New(w.ks, w.cat, "node-1", w.clock.Now)
}

func (w *world) onCommit(commit func() error) error {
	if before := *w.beforeCommit; before != nil {
		before()
	}
	return w.faults.OnCommit(commit)
}

// restart is what a crash leaves: the catalog and the key store on disk. A
// catalog that has stopped complains about it when it is closed.
func (w *world) restart() {
	w.t.Helper()
	_ = w.cat.Close()
	w.ks = keystest.Reopen(w.t, w.ks)
	w.open()
}

// start is restart, and what serve does before it is ready.
func (w *world) start() {
	w.t.Helper()
	w.restart()
	w.changeDay()
	if err := w.Converge(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// from is the world as it would be after an older copy of the catalog was
// restored beside today's key store.
func (w *world) from(catalogCopy string) *world {
	w.t.Helper()
	old := *w
	old.path = catalogCopy
	old.ks = keystest.Reopen(w.t, w.ks)
	old.open()
	return &old
}

// backup copies the catalog as it is now.
func (w *world) backup() string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "copy.db")
	if err := w.cat.CopyTo(w.t.Context(), path); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) update(fn func(tx *catalog.Tx) error) {
	w.t.Helper()
	if err := w.cat.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) view(fn func(tx *catalog.Tx) error) {
	w.t.Helper()
	if err := w.cat.View(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// account makes an account whose keys the gateway holds.
func (w *world) account(name, content string) *catalog.Account {
	w.t.Helper()
	return w.accountWith(custody.NewAccount{Name: name, Keys: catalog.KeysGateway}, content)
}

func (w *world) accountWith(n custody.NewAccount, content string) *catalog.Account {
	w.t.Helper()
	a := catalogtest.Account(w.t, w.cat, n.Name)
	a.Content, a.Keys, a.KeyPeriod, n.ID = content, n.Keys, n.KeyPeriod, a.ID
	w.update(func(tx *catalog.Tx) error { return tx.SaveAccount(a) })
	k, err := w.NewAccountKeys(w.t.Context(), n)
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
		Times: catalog.Times{BeganAt: w.clock.Now(), ReceivedAt: w.clock.Now()}, Content: catalog.Content{Size: 1000},
		Body: catalog.Body{Kind: catalog.VaultBody, Ref: fresh.ID.String(), Sealed: 2000}, Keep: a.Content == catalog.ContentKeep,
	}
	w.update(func(tx *catalog.Tx) (err error) {
		if row.Lock, err = fresh.LockID(tx); err != nil {
			return err
		}
		if row.Grant, err = fresh.Grant(); err != nil {
			return err
		}
		return tx.InsertFile(row)
	})
	return row
}

// kept is a file that has come to rest: only the account's keys open it.
func (w *world) kept(a *catalog.Account) *custody.Fresh {
	w.t.Helper()
	row, fresh := w.file(a)
	w.rest(row)
	return fresh
}

func (w *world) rest(row *catalog.File) {
	w.t.Helper()
	row.State, row.Grant = catalog.Kept, catalog.Grant{}
	w.update(func(tx *catalog.Tx) error {
		if err := tx.SaveFile(row); err != nil {
			return err
		}
		return tx.DeleteGrant(row.ID)
	})
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

// shut checks that the file's key cannot be had for want of a key.
func (w *world) shut(fresh *custody.Fresh) {
	w.t.Helper()
	if err := w.tryOpen(w.row(fresh.ID), fresh); !fault.Is(err, fault.Locked) {
		w.t.Fatalf("the file is not shut: %v", err)
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
