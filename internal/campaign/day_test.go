package campaign

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/logins"
	"sealgate/internal/store/vault"
	"sealgate/internal/transfer/bodies"
	"sealgate/internal/transfer/intake/intaketest"
)

// TestCampaignYesterday opens a copy of yesterday's catalog and vault with
// everything that the gateway has today, its key store and master key included.
// The grants in it open with nothing any more, so neither do the files of an
// account that deletes. The built gateway takes its time from the machine, so
// this campaign runs its packages with a clock of the test.
func TestCampaignYesterday(t *testing.T) {
	w := intaketest.New(t, nil)
	eraser, keeper := w.Account("eraser", catalog.ContentDelete), w.Account("keeper", catalog.ContentKeep)
	loginOf := map[*catalog.Account]uuid.UUID{eraser: uuid.New(), keeper: uuid.New()}
	for a, id := range loginOf {
		w.Update(func(tx *catalog.Tx) error {
			return tx.InsertLogin(&logins.Login{ID: id, Account: a.ID, Name: []byte("sealed"), NameMAC: id[:]})
		})
	}
	contents := map[uuid.UUID][]byte{}
	for i, size := range []int{0, 5_000, 300_000} {
		for _, a := range []*catalog.Account{eraser, keeper} {
			content := payfile(uint64(i), 1, size)
			f, err := w.Put(intaketest.Spec(a, loginOf[a], "/"+uuid.NewString()+".xml"), content)
			if err != nil {
				t.Fatal(err)
			}
			contents[f.ID] = content
		}
	}
	cut, err := w.Begin(t.Context(), intaketest.Spec(eraser, loginOf[eraser], "/cut.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cut.WriteAt(payfile(7, 1, 400_000), 0); err != nil {
		t.Fatal(err)
	}
	cut.Abort(errors.New("connection lost"))

	loot := t.TempDir()
	if err := w.Catalog.CopyTo(t.Context(), filepath.Join(loot, "catalog.db")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(loot, "vault"), os.DirFS(filepath.Join(w.Dir, "vault"))); err != nil {
		t.Fatal(err)
	}
	oldKeys := ingestKeyFiles(t, w.Store.Dir())

	// The same day, with the keys, all of it opens: the copy is whole.
	if n := openAll(t, w, loot, contents); n != len(contents) {
		t.Fatalf("on the same day %d of %d files open", n, len(contents))
	}
	w.Clock.Add(24 * time.Hour)
	if err := w.Keys.ChangeDay(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := openAll(t, w, loot, contents); n != 3 { // those kept: certificate and access key
		t.Errorf("the day after, %d files of the copy open, want the 3 kept ones", n)
	}
	grantsOpenNothing(t, w, loot, len(contents)+1)
	for name, content := range ingestKeyFiles(t, w.Store.Dir()) {
		if _, old := oldKeys[name]; old {
			t.Errorf("%s was not destroyed", name)
		}
		for _, old := range oldKeys {
			if bytes.Equal(old, content) {
				t.Errorf("%s is yesterday's key", name)
			}
		}
	}
	// The gateway itself goes on with what it has not indexed yet.
	for id, content := range contents {
		if got := w.Read(w.File(id)); !bytes.Equal(got, content) {
			t.Errorf("other bytes came back")
		}
	}
	if again, err := w.Resume(t.Context(), intaketest.Spec(eraser, loginOf[eraser], "/cut.xml")); err != nil || again.Durable() == 0 {
		t.Errorf("the cut upload cannot go on: %v", err)
	}
}

// thief opens a copied catalog with all keys of today.
func thief(t *testing.T, w *intaketest.World, loot string) (*catalog.Catalog, *custody.Custodian, []*catalog.File) {
	t.Helper()
	// Opened, the copy changes: a copy of the copy.
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(loot)); err != nil {
		t.Fatal(err)
	}
	cat := catalogtest.OpenAt(t, filepath.Join(dir, "catalog.db"), catalog.Options{Now: w.Clock.Now})
	var files []*catalog.File
	catalogtest.View(t, cat, func(tx *catalog.Tx) (err error) {
		files, err = tx.Files(catalog.FileFilter{Limit: -1})
		return err
	})
	return cat, custody.New(keystest.Reopen(t, w.Store), cat, "thief", w.Clock.Now), files
}

// openAll returns how many files of the copy open to their content.
func openAll(t *testing.T, w *intaketest.World, loot string, contents map[uuid.UUID][]byte) (opened int) {
	t.Helper()
	cat, keys, files := thief(t, w, loot)
	v, err := vault.Open(durable.OS, filepath.Join(loot, "vault"))
	if err != nil {
		t.Fatal(err)
	}
	b := bodies.New(cat, v, keys)
	for _, f := range files {
		body, err := b.Open(t.Context(), f)
		if err != nil {
			if f.State == catalog.Received && !fault.Is(err, fault.Locked) {
				t.Errorf("not locked, but: %v", err)
			}
			continue
		}
		var got bytes.Buffer
		if err := body.VerifyTo(t.Context(), &got); err != nil || !bytes.Equal(got.Bytes(), contents[f.ID]) {
			t.Errorf("opened to other bytes: %v", err)
		}
		body.Close()
		opened++
	}
	return opened
}

// grantsOpenNothing tries every grant of the copy on every ingest key there is.
func grantsOpenNothing(t *testing.T, w *intaketest.World, loot string, want int) {
	t.Helper()
	_, keys, files := thief(t, w, loot)
	tried := 0
	for _, f := range files {
		if f.Grant.Key == "" {
			continue
		}
		tried++
		if _, err := keys.FileKey(t.Context(), f, seal.Header{Binding: seal.Binding{File: f.ID, Account: f.Account}}); !fault.Is(err, fault.Locked) {
			t.Errorf("a grant of yesterday: %v", err)
		}
		for _, k := range w.Store.IngestKeys() {
			if _, err := seal.OpenGrant(f.Grant.Data, k.Private, seal.Binding{File: f.ID, Account: f.Account}); err == nil {
				t.Errorf("a grant of yesterday opens with the key of %s", k.Day)
			}
		}
	}
	if tried != want {
		t.Errorf("%d grants in the copy, want %d", tried, want)
	}
}

// ingestKeyFiles reads the key store's ingest keys as they lie on the disk.
func ingestKeyFiles(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "ingest-*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no ingest keys in the key store: %v", err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return files
}
