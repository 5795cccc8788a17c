package intake_test

import (
	"fmt"
	"sync"
	"testing"

	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
)

// BenchmarkArrival sends files as OpenSSH does: packets of 255 KiB, eight under
// way, received and durable at the end.
func BenchmarkArrival(b *testing.B) {
	const packet, packets = 261_120, 512 // 128 MiB
	for _, policy := range []string{catalog.ContentKeep, catalog.ContentDelete} {
		b.Run(policy, func(b *testing.B) {
			w := intaketest.New(b, nil)
			a := w.Account("acme", policy)
			addLogin(w, a)
			data := content(packet, 1)
			b.SetBytes(packet * packets)
			for i := 0; b.Loop(); i++ {
				arr, err := w.Begin(b.Context(), intaketest.Spec(a, login, fmt.Sprintf("/%d.xml", i)))
				if err != nil {
					b.Fatal(err)
				}
				var wg sync.WaitGroup
				for g := range 8 {
					wg.Go(func() {
						for k := g; k < packets; k += 8 {
							if _, err := arr.WriteAt(data, int64(k)*packet); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				f, err := arr.Commit(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				w.Confirm(f.ID)
			}
		})
	}
}

// BenchmarkSmallArrivals takes files of 12 KiB from several sessions at once.
func BenchmarkSmallArrivals(b *testing.B) {
	for _, sessions := range []int{1, 8} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) {
			w := intaketest.New(b, nil)
			a := w.Account("acme", catalog.ContentKeep)
			addLogin(w, a)
			data := content(12<<10, 1)
			next := make(chan int)
			var wg sync.WaitGroup
			for range sessions {
				wg.Go(func() {
					for i := range next {
						if _, err := w.Put(intaketest.Spec(a, login, fmt.Sprintf("/%d.xml", i)), append(data, fmt.Sprint(i)...)); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for i := 0; b.Loop(); i++ {
				next <- i
			}
			close(next)
			wg.Wait()
		})
	}
}
