// Package levels measures what waits: work, and people's decisions.
package levels

import (
	"context"
	"time"

	"sealgate/internal/metrics"
	"sealgate/internal/store/catalog"
)

// patience is what a scrape waits for the catalog.
const patience = 5 * time.Second

// Show adds the levels of a catalog; alarms counts those that nobody has seen yet.
func Show(counts *metrics.Set, cat *catalog.Catalog, alarms func() float64) {
	count := func(ask func(*catalog.Tx) (int64, error)) func() float64 {
		return func() float64 {
			ctx, stop := context.WithTimeout(context.Background(), patience)
			defer stop()
			var n int64
			if cat.View(ctx, func(tx *catalog.Tx) (err error) { n, err = ask(tx); return err }) != nil {
				return -1
			}
			return float64(n)
		}
	}
	counts.Level("index_queue", "Files that wait to be indexed.", count(func(tx *catalog.Tx) (int64, error) { return tx.CountJobs(catalog.IndexJob) }))
	counts.Level("files_held", "Held files that wait for a person.", count(func(tx *catalog.Tx) (int64, error) { return tx.CountFiles(catalog.Held) }))
	counts.Level("alarms_open", "Alarms that nobody has seen yet.", alarms)
}
