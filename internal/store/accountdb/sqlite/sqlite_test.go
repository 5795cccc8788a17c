package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/store/accountdb/sqlite"
)

func connect(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sqlite.Connect(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func session(t *testing.T, db *sql.DB) *sqlite.Session {
	t.Helper()
	s, err := sqlite.NewSession(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A name with what means something in a URL, and a log of another database.
func TestANewDatabaseHasRoomForASeal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#%41.db")
	if err := os.WriteFile(path+"-wal", []byte("of another one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Create(path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("the log of another database is still there")
	}
	s := session(t, connect(t, path))
	if err := s.Script(t.Context(), "CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(20000))"); err != nil {
		t.Fatal(err)
	}
	var ok string
	if err := s.Row("PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
		t.Errorf("%s, %v", ok, err)
	}
	if err := sqlite.Create(path); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := s.Once(t.Context(), "SELECT length(x) FROM t").Scan(&n); err != nil || n != 20000 {
		t.Errorf("a database that was there is another one now: %d, %v", n, err)
	}
	if err := s.Do("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || len(b) < 4*sqlite.PageSize {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	for end := sqlite.PageSize; end <= len(b); end += sqlite.PageSize {
		for _, c := range b[end-sqlite.Reserved : end] {
			if c != 0 {
				t.Fatalf("the page that ends at %d has no room", end)
			}
		}
	}
}

func TestErrorsHaveTheirKind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	if err := os.WriteFile(path, []byte("this is no database, however long one looks at it"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, damaged := connect(t, path).Exec("CREATE TABLE t (x)")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for what, c := range map[string]struct {
		err  error
		kind fault.Kind
	}{
		"no row":        {sqlite.Wrap("op", sql.ErrNoRows), fault.NotFound},
		"cancelled":     {sqlite.Wrap("op", context.Canceled), fault.TryLater},
		"no database":   {sqlite.Wrap("op", damaged), fault.Damaged},
		"anything":      {sqlite.Wrap("op", errors.New("x")), fault.Internal},
		"a fault's":     {sqlite.Wrap("op", fault.New(fault.Exists, "op", "x")), fault.Exists},
		"ctx has ended": {sqlite.Ended(over, "op", errors.New("interrupted")), fault.TryLater},
	} {
		if !fault.Is(c.err, c.kind) {
			t.Errorf("%s: %v", what, c.err)
		}
	}
	if sqlite.Wrap("op", nil) != nil || sqlite.Ended(over, "op", nil) != nil {
		t.Error("success is an error")
	}
	if sqlite.Code(damaged) == 0 || sqlite.Code(errors.New("x")) != 0 {
		t.Error("codes")
	}
}
