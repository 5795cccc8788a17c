package backup

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/durable"
	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/vault"
)

// How long does a backup of many files take, the first and each one after it?
func BenchmarkMake(b *testing.B) {
	const count, size = 2000, 100 << 10
	dir := b.TempDir()
	cat := catalogtest.OpenAt(b, filepath.Join(dir, Catalog), catalog.Options{})
	account := catalogtest.Account(b, cat, "acme")
	bodies, err := vault.Open(durable.OS, filepath.Join(dir, Vault))
	if err != nil {
		b.Fatal(err)
	}
	pool, err := accountdb.OpenPool(filepath.Join(dir, Accounts), accountdb.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = pool.Close() })
	body := bytes.Repeat([]byte{7}, size)
	var refs []string
	for range count {
		ref := vault.NewRef()
		object, err := bodies.Create(b.Context(), ref)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := object.WriteAt(body, 0); err != nil {
			b.Fatal(err)
		}
		if err := object.Close(); err != nil {
			b.Fatal(err)
		}
		refs = append(refs, ref)
	}
	err = cat.Update(b.Context(), func(tx *catalog.Tx) error {
		for _, ref := range refs {
			f := &catalog.File{
				ID: uuid.Must(uuid.NewV7()), Account: account.ID, Direction: catalog.In, State: catalog.Kept,
				Body: catalog.Body{Kind: catalog.VaultBody, Ref: ref, Sealed: size},
			}
			if err := tx.InsertFile(f); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	src := Sources{Data: dir, Gateway: "bench", Catalog: cat, Accounts: pool, Vault: bodies, Now: time.Now}
	run := func(b *testing.B, dest string) {
		s, err := Make(context.Background(), src, dest, nil)
		if err != nil || s.Bodies != count {
			b.Fatalf("%+v, %v", s, err)
		}
	}
	rate := func(b *testing.B) { b.ReportMetric(float64(count*b.N)/b.Elapsed().Seconds(), "files/s") }
	b.Run("first", func(b *testing.B) {
		b.SetBytes(count * size)
		for b.Loop() {
			run(b, filepath.Join(b.TempDir(), "backup"))
		}
		rate(b)
	})
	b.Run("again", func(b *testing.B) {
		dest := filepath.Join(b.TempDir(), "backup")
		run(b, dest)
		for b.Loop() {
			run(b, dest)
		}
		rate(b)
	})
	b.Run("check", func(b *testing.B) {
		dest := filepath.Join(b.TempDir(), "backup")
		run(b, dest)
		b.SetBytes(count * size)
		for b.Loop() {
			if _, err := Verify(context.Background(), dest, true, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
