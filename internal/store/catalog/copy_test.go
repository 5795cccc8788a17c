package catalog_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

func TestCopyIsOneMomentOfABusyCatalog(t *testing.T) {
	c := catalogtest.Open(t)
	from := newSender(t, c)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := c.Update(context.Background(), from.arrival()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	known := newFile(from.account)
	catalogtest.Update(t, c, func(tx *catalog.Tx) error { return tx.InsertFile(known) })
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := c.CopyTo(context.Background(), path); err != nil {
		t.Fatal(err)
	}
	close(stop)
	wg.Wait()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the copy %v, %v", info.Mode(), err)
	}

	again := catalogtest.OpenAt(t, path, catalog.Options{})
	catalogtest.View(t, again, func(tx *catalog.Tx) error {
		if _, err := tx.File(known.ID); err != nil {
			return err
		}
		files, err := tx.Files(catalog.FileFilter{Limit: -1})
		if err != nil {
			return err
		}
		jobs, err := tx.CountJobs("index")
		if int(jobs) != len(files)-1 {
			t.Errorf("%d files and %d jobs: the copy is of more than one moment", len(files), jobs)
		}
		return err
	})
	catalogtest.Update(t, again, func(tx *catalog.Tx) error { return tx.InsertFile(newFile(from.account)) })
}

func TestCopyOverwritesNothing(t *testing.T) {
	c := catalogtest.Open(t)
	path := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.CopyTo(context.Background(), path); !fault.Is(err, fault.Exists) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file that was there: %v", err)
	}
	missing := filepath.Join(t.TempDir(), "no", "copy.db")
	if err := c.CopyTo(context.Background(), missing); err == nil {
		t.Error("a copy into a folder that is not there")
	}
}
