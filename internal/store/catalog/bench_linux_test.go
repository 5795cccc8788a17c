package catalog_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// BenchmarkArrivals answers: how many acknowledged files of 12 KiB a second can
// the catalog carry, each with all that intake asks and writes for it in its one
// transaction, and what does one cost: in processor time, and in pages of the
// log for each commit?
func BenchmarkArrivals(b *testing.B) {
	for _, callers := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "c.db")
			var commits, pages atomic.Int64
			c := catalogtest.OpenAt(b, path, catalog.Options{OnCommit: func(commit func() error) error {
				before := framesInLog(b, path)
				err := commit()
				after := framesInLog(b, path)
				if after < before { // the log was begun anew
					before = 0
				}
				commits.Add(1)
				pages.Add(after - before)
				return err
			}})
			from := newSender(b, c)
			arrive := func(n int) {
				left := int64(n)
				var wg sync.WaitGroup
				for range callers {
					wg.Go(func() {
						for atomic.AddInt64(&left, -1) >= 0 {
							if err := c.Update(context.Background(), from.arrival()); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
			}
			arrive(2000) // the trees have grown beyond a page
			commits.Store(0)
			pages.Store(0)
			cpu := processorTime(b)
			b.ResetTimer()
			arrive(b.N)
			b.StopTimer()
			cpu = processorTime(b) - cpu
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "files/s")
			b.ReportMetric(float64(cpu.Microseconds())/float64(b.N), "cpu-us/file")
			b.ReportMetric(float64(pages.Load())/float64(commits.Load()), "pages/commit")
		})
	}
}

// framesInLog reads from the shared memory of the log how many pages it holds.
func framesInLog(t testing.TB, path string) int64 {
	f, err := os.Open(path + "-shm")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [4]byte
	if _, err := f.ReadAt(b[:], 16); err != nil {
		t.Fatal(err)
	}
	return int64(binary.NativeEndian.Uint32(b[:]))
}

// processorTime is what this process has used so far.
func processorTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkView answers: what do two look-ups in a View cost?
func BenchmarkView(b *testing.B) {
	c := catalogtest.Open(b)
	from := newSender(b, c)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for b.Loop() {
		if err := c.View(ctx, func(tx *catalog.Tx) error {
			if _, err := tx.Account(from.account.ID); err != nil {
				return err
			}
			_, err := tx.Login(from.login)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkJobs answers: how many jobs a second do workers get through the
// table, leasing 16 at a time and finishing each by itself, with a queue of
// 10,000 in 100 accounts behind them?
func BenchmarkJobs(b *testing.B) {
	c := catalogtest.Open(b)
	ctx := context.Background()
	add := func(n int) {
		catalogtest.Update(b, c, func(tx *catalog.Tx) error {
			for i := range n {
				account := uuid.UUID{15: byte(i % 100)}
				if err := tx.AddJob(&catalog.Job{Kind: "index", Account: account, File: catalogtest.ID()}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	add(10_000 + b.N)
	now := time.Now()
	b.ResetTimer()
	for done := 0; done < b.N; {
		var jobs []*catalog.Job
		catalogtest.Update(b, c, func(tx *catalog.Tx) (err error) {
			jobs, err = tx.LeaseJobs("index", "w", now, time.Minute, 16)
			return err
		})
		var wg sync.WaitGroup
		for _, j := range jobs {
			wg.Go(func() {
				if err := c.Update(ctx, func(tx *catalog.Tx) error { return tx.FinishJob(j) }); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
		done += len(jobs)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
}
