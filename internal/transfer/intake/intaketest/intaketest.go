// Package intaketest gives tests a real intake with everything below it, on a
// temporary directory: catalog, key store, custodian and vault, a clock that
// the test sets, and disks and commits that fail on demand.
package intaketest

import (
	"bytes"
	"context"
	"crypto/hpke"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/durable"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/vault"
	"sealgate/internal/transfer/bodies"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/vpath"
)

// Clock is a time that tests set.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the time; it moves a microsecond at each look, as clocks do.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Microsecond)
	return c.now
}

// Add moves the time.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// World is an intake and what it stands on.
type World struct {
	*intake.Intake
	Dir     string
	Clock   *Clock
	Catalog *catalog.Catalog
	Faults  *catalogtest.Faults
	Keys    *custody.Custodian
	Store   *keys.Store
	Vault   vault.Vault
	Bodies  *bodies.Bodies

	t        testing.TB
	fs       durable.FS
	vaultDir string
}

// New returns a world on a temporary directory, with its vault on fs (nil =
// the real file system).
func New(t testing.TB, fs durable.FS) *World {
	t.Helper()
	w := &World{t: t, Dir: t.TempDir(), Clock: &Clock{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}}
	w.Faults = new(catalogtest.Faults)
	w.Catalog = catalogtest.OpenAt(t, filepath.Join(w.Dir, "catalog.db"), catalog.Options{Now: w.Clock.Now, OnCommit: w.Faults.OnCommit})
	w.Store = keystest.New(t)
	w.fs, w.vaultDir = fs, "/data/vault"
	if fs == nil {
		w.fs, w.vaultDir = durable.OS, filepath.Join(w.Dir, "vault")
	}
	w.Restart()
	return w
}

// At returns a world in a directory that outlives the process: what one process made
// there, the next one opens.
func At(t testing.TB, dir string) *World {
	t.Helper()
	w := &World{t: t, Dir: dir, Clock: &Clock{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}, fs: durable.OS, vaultDir: filepath.Join(dir, "vault")}
	w.Faults = new(catalogtest.Faults)
	w.Store = keystest.At(t, filepath.Join(dir, "store"))
	w.Catalog = catalogtest.OpenAt(t, filepath.Join(dir, "catalog.db"), catalog.Options{Now: w.Clock.Now, OnCommit: w.Faults.OnCommit})
	w.Restart()
	return w
}

// Restart forgets everything that a process knows, as a crash does.
func (w *World) Restart() {
	w.t.Helper()
	var err error
	if w.Vault, err = vault.Open(w.fs, w.vaultDir); err != nil {
		w.t.Fatal(err)
	}
	w.Keys = custody.New(w.Store, w.Catalog, "node-1", w.Clock.Now)
	if err := w.Keys.ChangeDay(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.Bodies = bodies.New(w.Catalog, w.Vault, w.Keys)
	w.Intake = intake.New(w.Catalog, w.Vault, w.Keys, intake.Options{
		Node: "node-1", Now: w.Clock.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

// Reopened closes a catalog whose commit failed and opens what it left, as a
// new start of the gateway does.
func (w *World) Reopened() *World {
	w.t.Helper()
	w.Catalog.Close()
	again := *w
	again.Faults = new(catalogtest.Faults)
	again.Catalog = catalogtest.OpenAt(w.t, filepath.Join(w.Dir, "catalog.db"), catalog.Options{Now: w.Clock.Now, OnCommit: again.Faults.OnCommit})
	again.Restart()
	return &again
}

// Account makes an account with its keys; content is keep or delete.
func (w *World) Account(name, content string) *catalog.Account {
	w.t.Helper()
	return w.account(name, content, custody.NewAccount{Keys: catalog.KeysGateway})
}

// Customer makes an account whose content is kept and whose customer holds the access
// key, which is confirmed.
func (w *World) Customer(name string) (*catalog.Account, hpke.PrivateKey) {
	w.t.Helper()
	private, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		w.t.Fatal(err)
	}
	a := w.account(name, catalog.ContentKeep, custody.NewAccount{Keys: catalog.KeysCustomer, Access: custody.NewKey{Public: private.PublicKey()}})
	if err := w.confirm(a.ID, private); err != nil {
		w.t.Fatal(err)
	}
	return a, private
}

func (w *World) confirm(account uuid.UUID, private hpke.PrivateKey) error {
	ctx := w.t.Context()
	var key uuid.UUID
	err := w.Catalog.View(ctx, func(tx *catalog.Tx) error {
		rows, err := tx.AccessKeys(account)
		if err == nil {
			key = rows[0].ID
		}
		return err
	})
	if err != nil {
		return err
	}
	challenge, _, err := w.Keys.Challenge(ctx, "test", account, key)
	if err != nil {
		return err
	}
	answer, err := keyfile.AnswerChallenge(challenge, private)
	if err != nil {
		return err
	}
	return w.Keys.Confirm(ctx, "test", account, key, answer)
}

func (w *World) account(name, content string, n custody.NewAccount) *catalog.Account {
	w.t.Helper()
	a := &catalog.Account{
		ID: uuid.Must(uuid.NewV7()), Name: name, Content: content, Keys: n.Keys,
		OperatorAccess: catalog.OperatorOn, InShowFor: 7 * 24 * time.Hour, OutboxKeepFor: 30 * 24 * time.Hour,
		State: catalog.AccountOpen, CreatedAt: w.Clock.Now(),
	}
	n.ID, n.Name = a.ID, name
	k, err := w.Keys.NewAccountKeys(w.t.Context(), n)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Update(func(tx *catalog.Tx) error {
		if err := tx.InsertAccount(a); err != nil {
			return err
		}
		return k.Insert(tx)
	})
	return a
}

// Update runs fn in a transaction that must succeed.
func (w *World) Update(fn func(tx *catalog.Tx) error) {
	w.t.Helper()
	if err := w.Catalog.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// Files returns the files on record, newest first, unfinished arrivals too.
func (w *World) Files() []*catalog.File {
	w.t.Helper()
	var files []*catalog.File
	err := w.Catalog.View(context.Background(), func(tx *catalog.Tx) (err error) {
		files, err = tx.Files(catalog.FileFilter{Limit: -1})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return files
}

// File returns one row.
func (w *World) File(id uuid.UUID) *catalog.File {
	w.t.Helper()
	var f *catalog.File
	err := w.Catalog.View(context.Background(), func(tx *catalog.Tx) (err error) {
		f, err = tx.File(id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// Read returns a file's content, verified.
func (w *World) Read(f *catalog.File) []byte {
	w.t.Helper()
	body, err := w.Bodies.Open(context.Background(), f)
	if err != nil {
		w.t.Fatal(err)
	}
	defer body.Close()
	out := bytes.NewBuffer(make([]byte, 0, f.Content.Size)) // growing costs more than reading, under the race detector
	if err := body.VerifyTo(context.Background(), out); err != nil {
		w.t.Fatal(err)
	}
	return out.Bytes()
}

// Spec describes an arrival by SFTP; path is below /in.
func Spec(account *catalog.Account, login uuid.UUID, path string) intake.Spec {
	return intake.Spec{Account: account.ID, Login: login, Path: vpath.MustParse(path), Source: intake.SourceSFTP}
}

// Put sends content in one write and commits it.
func (w *World) Put(spec intake.Spec, content []byte) (*catalog.File, error) {
	a, err := w.Begin(context.Background(), spec)
	if err != nil {
		return nil, err
	}
	if _, err := a.WriteAt(content, 0); err != nil {
		a.Abort(err)
		return nil, err
	}
	return a.Commit(context.Background())
}

// Objects counts the objects in a vault on the real file system.
func (w *World) Objects() int {
	w.t.Helper()
	n := 0
	if err := w.Vault.Each(context.Background(), func(string) error { n++; return nil }); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// Bytes returns all bytes of all files below the world's directory.
func (w *World) Bytes() []byte {
	w.t.Helper()
	var all []byte
	err := filepath.WalkDir(w.Dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		all = append(append(all, name...), b...)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}
