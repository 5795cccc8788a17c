package backup

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/store/vault"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// sample is a data directory with one body, one account database, a catalog and keys.
func sample(t *testing.T) (data string, v vault.Vault, ref string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	for _, dir := range []string{data, filepath.Join(data, Keys), filepath.Join(data, Accounts)} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(data, Keys, "master.key"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	database(t, filepath.Join(data, Catalog), "first")
	database(t, filepath.Join(data, Accounts, "a.db"), "account")
	v, err := vault.Open(durable.OS, filepath.Join(data, Vault))
	if err != nil {
		t.Fatal(err)
	}
	ref = vault.NewRef()
	put(t, v, ref)
	return data, v, ref
}

func put(t *testing.T, v vault.Vault, ref string) {
	t.Helper()
	b, err := v.Create(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.WriteAt([]byte("sealed "+ref), 0); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func database(t *testing.T, name, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+name+"?_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS t (s TEXT)"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO t VALUES (?)", text); err != nil {
		t.Fatal(err)
	}
}

func rows(t *testing.T, name string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+name+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestABackupComesBackWhole(t *testing.T) {
	data, v, ref := sample(t)
	dst := filepath.Join(t.TempDir(), "backup")
	m, err := Make(t.Context(), data, dst, v, now)
	if err != nil || m.Bodies != 1 || m.Accounts != 1 {
		t.Fatalf("%+v, %v", m, err)
	}
	again := filepath.Join(t.TempDir(), "new")
	if _, err := Restore(t.Context(), dst, again); err != nil {
		t.Fatal(err)
	}
	if rows(t, filepath.Join(again, Catalog)) != 1 || rows(t, filepath.Join(again, Accounts, "a.db")) != 1 {
		t.Error("rows are missing")
	}
	back, err := vault.Open(durable.OS, filepath.Join(again, Vault))
	if err != nil {
		t.Fatal(err)
	}
	obj, err := back.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Close()
	got := make([]byte, obj.Size())
	if _, err := obj.ReadAt(got, 0); err != nil || string(got) != "sealed "+ref {
		t.Errorf("body %q, %v", got, err)
	}
}

func TestNoKeyIsInABackup(t *testing.T) {
	data, v, _ := sample(t)
	dst := filepath.Join(t.TempDir(), "backup")
	if _, err := Make(t.Context(), data, dst, v, now); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dst, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if bytes.Contains(text, []byte("secret")) {
			t.Errorf("%s holds a key", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestABackupReplacesAnEarlierOneOnly(t *testing.T) {
	data, v, _ := sample(t)
	root := t.TempDir()
	dst := filepath.Join(root, "backup")
	for i := range 2 {
		if _, err := Make(t.Context(), data, dst, v, now); err != nil {
			t.Fatalf("backup %d: %v", i, err)
		}
		database(t, filepath.Join(data, Catalog), "more")
	}
	if got := rows(t, filepath.Join(dst, Catalog)); got != 2 {
		t.Errorf("%d rows in the second backup", got)
	}
	left, err := os.ReadDir(root)
	if err != nil || len(left) != 1 {
		t.Errorf("left beside the backup: %v, %v", left, err)
	}
}

func TestPlacesWhereABackupMayNotGo(t *testing.T) {
	data, v, _ := sample(t)
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "holiday.jpg"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	beside := t.TempDir()
	if err := os.WriteFile(filepath.Join(beside, "keys.bak"), []byte(`{"sealgate": "key bundle", "version": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(data, link); err != nil {
		t.Fatal(err)
	}
	for dst, want := range map[string]fault.Kind{
		data:                          fault.Invalid,
		filepath.Join(data, "backup"): fault.Invalid,
		filepath.Join(link, "backup"): fault.Invalid,
		other:                         fault.Exists,
		beside:                        fault.Denied,
	} {
		if _, err := Make(t.Context(), data, dst, v, now); !fault.Is(err, want) {
			t.Errorf("%s: %v, want kind %v", dst, err, want)
		}
	}
}

func TestRestoreNeedsAnEmptyPlaceAndAWholeBackup(t *testing.T) {
	data, v, _ := sample(t)
	dst := filepath.Join(t.TempDir(), "backup")
	if _, err := Make(t.Context(), data, dst, v, now); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), dst, data); !fault.Is(err, fault.Exists) {
		t.Errorf("into a data directory: %v", err)
	}
	if _, err := Restore(t.Context(), data, filepath.Join(t.TempDir(), "x")); !fault.Is(err, fault.NotFound) {
		t.Errorf("from what is no backup: %v", err)
	}
	// With the keys restored first, the data may follow.
	withKeys := t.TempDir()
	if err := os.Mkdir(filepath.Join(withKeys, Keys), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), dst, withKeys); err != nil {
		t.Errorf("beside keys: %v", err)
	}
	name := filepath.Join(dst, Catalog)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, text[:len(text)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	place := filepath.Join(t.TempDir(), "new")
	if _, err := Restore(t.Context(), dst, place); !fault.Is(err, fault.Damaged) {
		t.Errorf("half a catalog was restored: %v", err)
	}
	if _, err := os.Stat(filepath.Join(place, Catalog)); err == nil {
		t.Error("a restore that failed left a catalog")
	}
}
