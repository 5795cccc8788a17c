package accountdb_test

import (
	"path/filepath"
	"testing"

	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/accountdb/accountdbtest"
)

func TestContract(t *testing.T) {
	for _, kind := range []struct {
		name string
		many int64
		opt  accountdb.Options
	}{
		{"AsServed", 10_003, accountdb.Options{}},
		{"InSmallSteps", 303, accountdb.InSmallSteps(accountdb.Options{})}, // more transactions, more places where they end
	} {
		t.Run(kind.name, func(t *testing.T) {
			accountdbtest.Run(t, kind.many, func(t testing.TB) *accountdb.Pool {
				pool, err := accountdb.OpenPool(filepath.Join(t.TempDir(), "accounts"), kind.opt)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := pool.Close(); err != nil {
						t.Error(err)
					}
				})
				return pool
			})
		})
	}
}
