package accountdb_test

import (
	"path/filepath"
	"testing"

	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/accountdb/accountdbtest"
)

func TestContract(t *testing.T) {
	for name, opt := range map[string]accountdb.Options{
		"AsServed":     {},
		"InSmallSteps": accountdb.InSmallSteps(accountdb.Options{}), // more transactions, more places where they end
	} {
		t.Run(name, func(t *testing.T) {
			accountdbtest.Run(t, func(t testing.TB) *accountdb.Pool {
				pool, err := accountdb.OpenPool(filepath.Join(t.TempDir(), "accounts"), opt)
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
