package catalog_test

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// BenchmarkArrivals answers: how many acknowledged files a second can the
// catalog carry, each a row with its grant, an audit entry and a job, made
// durable? On its own line: the same with a body of 12 KiB inside.
func BenchmarkArrivals(b *testing.B) {
	for _, bench := range []struct {
		name    string
		callers int
		body    int
	}{
		{"callers=1", 1, 0},
		{"callers=8", 8, 0},
		{"callers=32", 32, 0},
		{"callers=1/inline=12KiB", 1, 12 << 10},
		{"callers=8/inline=12KiB", 8, 12 << 10},
		{"callers=32/inline=12KiB", 32, 12 << 10},
	} {
		b.Run(bench.name, func(b *testing.B) {
			c := catalogtest.Open(b)
			account := catalogtest.Account(b, c, "acme")
			body := bytes.Repeat([]byte{7}, bench.body)
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for range bench.callers {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						if err := c.Update(context.Background(), arrival(account, body)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "files/s")
		})
	}
}

// arrival is what intake commits for one small file.
func arrival(account *catalog.Account, body []byte) func(*catalog.Tx) error {
	f := newFile(account)
	return func(tx *catalog.Tx) error {
		if err := tx.InsertFile(f); err != nil {
			return err
		}
		if len(body) > 0 {
			if err := tx.PutInline(f.ID, body); err != nil {
				return err
			}
		}
		if err := tx.AddJob(&catalog.Job{Kind: "index", Account: f.Account, File: f.ID}); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{
			Account: f.Account, Actor: audit.Gateway, Action: "file.received", Object: f.ID.String(),
			Detail: map[string]string{"size": "12288", "source": "sftp"},
		})
	}
}

// newFile is a received file of a likely size.
func newFile(account *catalog.Account) *catalog.File {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return &catalog.File{
		ID: catalogtest.ID(), Account: account.ID, Direction: catalog.In, State: catalog.Received,
		Source: "sftp", Node: "one", Login: account.ID,
		Name: bytes.Repeat([]byte{1}, 48), NameMAC: catalogtest.MAC(),
		Times:   catalog.Times{BeganAt: now, ReceivedAt: now},
		Content: catalog.Content{Size: 12288, SHA256: bytes.Repeat([]byte{2}, 60), MAC: catalogtest.MAC()},
		Body:    catalog.Body{Kind: catalog.InlineBody, Sealed: 12600},
		Grant:   catalog.Grant{Key: "5f", Data: bytes.Repeat([]byte{3}, 1168)},
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
