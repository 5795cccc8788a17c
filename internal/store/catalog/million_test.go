package catalog_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// TestCampaignReadyWithManyFiles: opening, finding the open arrivals and listing do
// not take longer with what is on record. SEALGATE_LONG=1 takes 1,000,000
// files, otherwise 5,000.
func TestCampaignReadyWithManyFiles(t *testing.T) {
	count := 5_000
	if os.Getenv("SEALGATE_LONG") != "" {
		count = 1_000_000
	}
	path := filepath.Join(t.TempDir(), "c.db")
	c := catalogtest.OpenAt(t, path, catalog.Options{})
	account := catalogtest.Account(t, c, "acme")
	var last *catalog.File
	var lock int64
	catalogtest.Update(t, c, func(tx *catalog.Tx) (err error) {
		lock, err = tx.LockFor(account.ID, []string{"01"}, []string{"ff"})
		return err
	})
	for n := 0; n < count; n += 5_000 {
		catalogtest.Update(t, c, func(tx *catalog.Tx) error {
			for i := range 5_000 {
				last = newFile(account)
				last.State, last.Grant = catalog.Deleted, catalog.Grant{}
				last.Body = catalog.Body{Kind: catalog.NoBody}
				if i%2 == 0 {
					last.State, last.Lock = catalog.Kept, lock
					last.Body = catalog.Body{Kind: catalog.VaultBody, Ref: "0123456789abcdef"}
				}
				if err := tx.InsertFile(last); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	c = catalogtest.OpenAt(t, path, catalog.Options{})
	catalogtest.View(t, c, func(tx *catalog.Tx) error {
		for _, filter := range []catalog.FileFilter{
			{State: catalog.Arriving, Limit: -1},
			{State: catalog.Received, Limit: -1},
			{State: catalog.Erased},
			{Account: account.ID, Limit: 100},
			{Account: account.ID, NameMAC: last.NameMAC},
			{Before: last.Number / 2, Limit: 100},
		} {
			if _, err := tx.Files(filter); err != nil {
				return err
			}
		}
		_, err1 := tx.InlineBytes()
		_, err2 := tx.FilesToErase(account.ID, time.Now(), 100)
		_, err3 := tx.FilesUnder(lock, last.ID, 100)
		return errors.Join(err1, err2, err3)
	})
	catalogtest.Update(t, c, func(tx *catalog.Tx) error { return tx.InsertFile(newFile(account)) })
	took := time.Since(began)
	t.Logf("%d files: ready, listed and written to after %v", count, took)
	if took > time.Second {
		t.Errorf("not ready for %v", took)
	}
	began = time.Now()
	catalogtest.View(t, c, func(tx *catalog.Tx) error {
		sealed, err := tx.SealedUnder(account.ID)
		if err == nil && (len(sealed) != 1 || int(sealed[0].Files) != count/2) {
			t.Errorf("sealed under the lock: %+v", sealed)
		}
		return err
	})
	t.Logf("%d files under a lock summed up in %v", count/2, time.Since(began))
	if err := c.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
}
