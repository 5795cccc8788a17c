package work_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/work"
)

// A job that fails because the disk is full cannot even be put back. It is done
// when there is room again, long before its lease lapses.
func TestAJobOutlastsAFullDisk(t *testing.T) {
	var full atomic.Int32
	cat := catalogtest.OpenAt(t, filepath.Join(t.TempDir(), "catalog.db"), catalog.Options{
		OnCommit: func(commit func() error) error {
			if full.Add(-1) >= 0 {
				return fault.New(fault.Full, "test: commit", "the disk is full")
			}
			return commit()
		},
	})
	account := catalogtest.Account(t, cat, "acme")
	job := &catalog.Job{ID: catalogtest.ID(), Kind: catalog.IndexJob, Account: account.ID, RunAt: time.Now()}
	catalogtest.Update(t, cat, func(tx *catalog.Tx) error { return tx.AddJob(job) })

	done := make(chan struct{})
	index := func(ctx context.Context, job *catalog.Job) error {
		if job.Attempt == 1 {
			full.Store(3)
			return errors.New("no room for the index")
		}
		defer close(done)
		return cat.Update(ctx, func(tx *catalog.Tx) error { return tx.FinishJob(job) })
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	runner := work.NewRunner(cat, map[string]work.Handler{catalog.IndexJob: index}, work.Options{
		Worker: "node-1", Workers: 1, Lease: time.Hour, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	go func() { ended <- runner.Run(ctx) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Error("the job was not done again")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
