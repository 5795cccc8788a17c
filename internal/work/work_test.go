package work_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
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

// Nobody waits for a job, but people wait for their acknowledgements: jobs give
// way to them, and not for ever.
func TestJobsGiveWayToArrivals(t *testing.T) {
	var clock atomic.Int64
	begin := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return begin.Add(time.Duration(clock.Load())) }
	cat := catalogtest.Open(t)
	account := catalogtest.Account(t, cat, "acme")
	done := make(chan time.Time, 2)
	index := func(ctx context.Context, job *catalog.Job) error {
		done <- now()
		return cat.Update(ctx, func(tx *catalog.Tx) error { return tx.FinishJob(job) })
	}
	var asked atomic.Int32
	busy := func() bool { asked.Add(1); return true }
	runner := work.NewRunner(cat, map[string]work.Handler{catalog.IndexJob: index}, work.Options{
		Worker: "node-1", Workers: 1, Lease: time.Hour, Now: now, Log: slog.New(slog.DiscardHandler), Busy: busy,
	})
	catalogtest.Update(t, cat, func(tx *catalog.Tx) error {
		return tx.AddJob(&catalog.Job{Kind: catalog.IndexJob, Account: account.ID, RunAt: now()})
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	for asked.Load() < 6 { // three rounds at least have passed it over
		select {
		case <-done:
			t.Fatal("the job ran while files arrived")
		case <-time.After(time.Millisecond):
		}
	}
	clock.Store(int64(31 * time.Second))
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Error("the job gave way for ever")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// A long queue gives way to nobody: else it would only grow.
func TestALongQueueGivesWayToNobody(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	cat := catalogtest.Open(t)
	account := catalogtest.Account(t, cat, "acme")
	const jobs = 5_001
	catalogtest.Update(t, cat, func(tx *catalog.Tx) error {
		for range jobs {
			if err := tx.AddJob(&catalog.Job{Kind: catalog.IndexJob, Account: account.ID, RunAt: now}); err != nil {
				return err
			}
		}
		return nil
	})
	var once sync.Once
	begun := make(chan struct{})
	runner := work.NewRunner(cat, map[string]work.Handler{catalog.IndexJob: func(ctx context.Context, job *catalog.Job) error {
		once.Do(func() { close(begun) })
		return cat.Update(ctx, func(tx *catalog.Tx) error { return tx.FinishJob(job) })
	}}, work.Options{
		Worker: "node-1", Workers: 1, Lease: time.Hour, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
		Busy: func() bool { return true },
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	select {
	case <-begun:
	case <-time.After(30 * time.Second):
		t.Error("a long queue stands still")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
