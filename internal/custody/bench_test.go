package custody_test

import (
	"context"
	"fmt"
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

// One client, one small file after the other, each with the commit of its row:
// with keys made ahead (Run) and without.
func BenchmarkArrivals(b *testing.B) {
	for _, ahead := range []bool{false, true} {
		b.Run(fmt.Sprintf("ahead=%v", ahead), func(b *testing.B) {
			w := newWorld(b)
			a := w.account("acme", catalog.ContentKeep)
			if ahead {
				ctx, stop := context.WithCancel(b.Context())
				done := make(chan error)
				go func() { done <- w.Run(ctx) }()
				defer func() { stop(); <-done }()
			}
			for b.Loop() {
				_, f := w.file(a)
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
