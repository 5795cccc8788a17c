package catalog_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// TestTakenGrantsAreInNoFile clears most of many grants, in random order and
// between all that makes SQLite move rows about, and then looks for them in
// the raw files.
func TestTakenGrantsAreInNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	c := catalogtest.OpenAt(t, path, catalog.Options{})
	account := catalogtest.Account(t, c, "acme")
	rng := rand.New(rand.NewPCG(1, 2))
	const grantLength = 61
	marked := func(i int) []byte {
		return bytes.Repeat(fmt.Appendf(nil, "<grant %06d>", i), 5)[:grantLength]
	}

	const count = 2000
	files := make([]*catalog.File, 0, count)
	taken := map[int]bool{}
	take := func(tx *catalog.Tx, i int) error {
		if taken[i] {
			return nil
		}
		taken[i] = true
		f := files[i]
		f.Grant = catalog.Grant{}
		f.State, f.EndedAt = catalog.Deleted, time.Now()
		f.Result.Summary = bytes.Repeat([]byte{9}, rng.IntN(6000)) // the row grows and moves
		if err := tx.DeleteInline(f.ID); err != nil {
			return err
		}
		return tx.SaveFile(f)
	}
	for len(files) < count {
		catalogtest.Update(t, c, func(tx *catalog.Tx) error {
			for range 50 {
				f := newFile(account)
				f.Grant = catalog.Grant{Key: "monday", Data: marked(len(files))}
				if err := tx.InsertFile(f); err != nil {
					return err
				}
				if err := tx.PutInline(f.ID, bytes.Repeat([]byte{5}, rng.IntN(20000))); err != nil {
					return err
				}
				files = append(files, f)
			}
			return nil
		})
		catalogtest.Update(t, c, func(tx *catalog.Tx) error {
			for range 25 {
				if err := take(tx, rng.IntN(len(files))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	catalogtest.Update(t, c, func(tx *catalog.Tx) error { // a day changes: others take their place
		for i, f := range files {
			if !taken[i] && i%2 == 0 {
				taken[i] = true
				f.Grant = catalog.Grant{Key: "tuesday", Data: bytes.Repeat([]byte{7}, grantLength)}
				if err := tx.PutGrant(f.ID, f.Grant); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err := c.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}

	var raw []byte
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, b...)
	}
	found := map[int]bool{}
	for _, m := range regexp.MustCompile(`<grant (\d{6})>`).FindAllSubmatch(raw, -1) {
		i, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		found[i] = true
	}
	left := 0
	for i := range files {
		switch {
		case found[i] && taken[i]:
			left++
		case !found[i] && !taken[i]:
			t.Fatalf("grant %d is not where the test looks", i)
		}
	}
	if left > 0 {
		t.Errorf("%d of %d grants that were taken away are still in the files", left, len(taken))
	}
}

// TestCheckpointWaitsForViews: a reader keeps the log; Checkpoint says so
// instead of claiming that it is cut.
func TestCheckpointWaitsForViews(t *testing.T) {
	c := catalogtest.Open(t)
	err := c.View(context.Background(), func(tx *catalog.Tx) error {
		if _, err := tx.Setting("a"); err != nil { // the snapshot begins here
			return err
		}
		catalogtest.Update(t, c, set("a", nil))
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		if err := c.Checkpoint(ctx); err == nil {
			t.Error("the log was cut under a reader")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
}
