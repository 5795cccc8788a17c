package custody_test

import (
	"testing"

	"sealgate/internal/store/catalog"
)

// What the keys of a small file cost, of a budget of 500 µs (2,000 files/s).
func BenchmarkNewFile(b *testing.B) {
	for _, content := range []string{catalog.ContentKeep, catalog.ContentDelete} {
		b.Run(content, func(b *testing.B) {
			w := newWorld(b)
			a := w.account("acme", content)
			b.ReportAllocs()
			for b.Loop() {
				f, err := w.NewFile(b.Context(), a, content == catalog.ContentKeep)
				if err != nil {
					b.Fatal(err)
				}
				f.Key.Wipe()
			}
		})
	}
}

func BenchmarkFileKeyByGrant(b *testing.B) {
	w := newWorld(b)
	row, fresh := w.file(w.account("acme", catalog.ContentDelete))
	for b.Loop() {
		if err := w.tryOpen(row, fresh); err != nil {
			b.Fatal(err)
		}
	}
}
