package stored_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/stored"
)

// A stopped gateway's file is copied without being changed: what an older or a
// newer gateway made stays readable by that.
func TestCopyOfAStoppedCatalog(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "catalog.db")
	c := catalogtest.OpenAt(t, path, catalog.Options{})
	account := catalogtest.Account(t, c, "acme")
	bodies := map[catalog.State]stored.Body{
		catalog.Arriving:      {Ref: "aa", Size: 1},
		catalog.WaitingRename: {Ref: "bb", Size: 2},
		catalog.Kept:          {Ref: "cc", Size: 3, Final: true},
		catalog.Deleted:       {},
	}
	catalogtest.Update(t, c, func(tx *catalog.Tx) error {
		for state, b := range bodies {
			f := &catalog.File{
				ID: catalogtest.ID(), Account: account.ID, Direction: catalog.In, State: state,
				Body: catalog.Body{Kind: catalog.VaultBody, Ref: b.Ref, Sealed: b.Size},
			}
			if b.Ref == "" {
				f.Body = catalog.Body{Kind: catalog.NoBody}
			}
			if err := tx.InsertFile(f); err != nil {
				return err
			}
		}
		return tx.SetSetting("node", "n1")
	})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := stored.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.CopyTo(t.Context(), filepath.Join(dir, "copy.db")); err != nil {
		t.Fatal(err)
	}
	delete(bodies, catalog.Arriving)
	delete(bodies, catalog.Deleted)
	err = s.Bodies(t.Context(), func(b stored.Body) error {
		for state, want := range bodies {
			if b == want {
				delete(bodies, state)
				return nil
			}
		}
		t.Errorf("%+v was visited", b)
		return nil
	})
	if err != nil || len(bodies) > 0 {
		t.Errorf("not visited: %v, %v", bodies, err)
	}
	ids, err := s.Accounts(t.Context())
	if err != nil || len(ids) != 1 || ids[0] != account.ID {
		t.Errorf("accounts %v, %v", ids, err)
	}
	if n, err := s.LastNumber(t.Context()); n != 4 || err != nil {
		t.Errorf("last number %d, %v", n, err)
	}
	for key, want := range map[string]string{"node": "n1", "other": ""} {
		if got, err := s.Setting(t.Context(), key); got != want || err != nil {
			t.Errorf("setting %s is %q, %v", key, got, err)
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the file was changed: %v", err)
	}
	if _, err := stored.Open(t.Context(), filepath.Join(dir, "none.db")); !fault.Is(err, fault.NotFound) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "text.db"), bytes.Repeat([]byte("text "), 2000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := stored.Open(t.Context(), filepath.Join(dir, "text.db")); !fault.Is(err, fault.Damaged) {
		t.Errorf("a file that is no database: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.CopyTo(ctx, filepath.Join(dir, "never.db")); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
}
