package intake

import (
	"sync"
	"sync/atomic"
	"testing"

	"sealgate/internal/fault"
)

// However many write at the same time, what is reserved for the catalog stays free.
func TestWhoWritesAtOnceLeavesTheReserve(t *testing.T) {
	const part, many, small = 4 << 20, 64, 4 << 10
	for name, n := range map[string]int64{"parts": part, "packets": small} {
		var free atomic.Int64
		free.Store(reserveRunning + 3*part)
		d := disk{space: func() (int64, int64, error) { return free.Load(), 1 << 40, nil }}
		var all sync.WaitGroup
		var refused atomic.Int64
		looked := make(chan struct{})
		var ready sync.WaitGroup
		ready.Add(many)
		for range many {
			all.Go(func() {
				for first := true; ; first = false {
					done, err := d.take(n)
					if first { // nobody has written before all have looked
						ready.Done()
						<-looked
					}
					if err != nil {
						if !fault.Is(err, fault.Full) {
							t.Error(err)
						}
						refused.Add(1)
						return
					}
					free.Add(-n)
					done()
				}
			})
		}
		ready.Wait()
		close(looked)
		all.Wait()
		if left := free.Load(); left < reserveRunning-2*writebackStep || refused.Load() != many {
			t.Errorf("%s: %d MiB of the %d MiB that are reserved are left, %d were refused", name, left>>20, int64(reserveRunning)>>20, refused.Load())
		}
		if d.flying.Load() != 0 {
			t.Errorf("%s: %d bytes are being written for ever", name, d.flying.Load())
		}
		free.Store(1 << 40)
		if _, err := d.take(n); err != nil {
			t.Errorf("%s: there is room again: %v", name, err)
		}
	}
}
