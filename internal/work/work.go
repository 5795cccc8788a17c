// Package work runs the catalog's jobs: it leases them, hands each to its
// handler, and tries again with growing pauses what failed. A job survives any
// crash; a lease that its worker let lapse is given to another, and the lease
// number (Job.Attempt) fences off the first.
package work

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// Handler does one job. It must finish the job (Tx.FinishJob) in the
// transaction that commits its result, and return nil; after an error the job
// is tried again. A fault.Exists from FinishJob says that another worker has
// the job now.
type Handler func(ctx context.Context, job *catalog.Job) error

// Options of a Runner. All are needed.
type Options struct {
	Worker  string // unique among gateways
	Workers int    // jobs at a time
	Lease   time.Duration
	Now     func() time.Time
	Log     *slog.Logger

	// Busy tells that people are waiting for an acknowledgement just now; jobs
	// that are due give way to them, for up to giveWay, unless many wait. Nil =
	// never.
	Busy func() bool
}

// Pauses before another try: 1 s, 2 s, 4 s ... up to 10 minutes.
const (
	firstPause = time.Second
	longPause  = 10 * time.Minute
	pollEvery  = time.Second

	// A burst of arrivals is acknowledged at up to twice the rate when its files
	// are not indexed in between. What is due gives way for so long, or until so
	// many jobs wait: under traffic that does not end a file is indexed half a
	// minute late, and no queue grows because of it.
	giveWay    = 30 * time.Second
	maxWaiting = 5_000
	pollBusy   = 50 * time.Millisecond

	batch = 32 // jobs leased in one transaction
)

// Runner runs jobs.
type Runner struct {
	catalog  *catalog.Catalog
	handlers map[string]Handler // by Job.Kind
	opt      Options
}

// NewRunner returns a runner of these kinds of jobs; Run starts it.
func NewRunner(cat *catalog.Catalog, handlers map[string]Handler, opt Options) *Runner {
	return &Runner{cat, handlers, opt}
}

// Run works until ctx ends and then lets the jobs under way come to their end.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.catalog.Update(ctx, func(tx *catalog.Tx) error {
		_, err := tx.ReleaseJobs(r.opt.Worker) // of this worker's earlier life
		return err
	}); err != nil {
		return err
	}
	jobs := make(chan *catalog.Job)
	var workers sync.WaitGroup
	for range r.opt.Workers {
		workers.Go(func() {
			for job := range jobs {
				r.do(ctx, job)
			}
		})
	}
	defer workers.Wait()
	defer close(jobs)
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		n, err := r.lease(ctx, jobs)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			r.opt.Log.Warn("jobs not leased", "err", err)
		}
		if n > 0 {
			continue
		}
		ready := r.catalog.JobsReady()
		if r.busy() {
			ready = nil // what is ready gives way; what has done so for long is polled for
			poll.Reset(pollBusy)
		} else {
			poll.Reset(pollEvery)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ready:
		case <-poll.C:
		}
	}
}

func (r *Runner) busy() bool { return r.opt.Busy != nil && r.opt.Busy() }

// lease takes due jobs and hands them to the workers.
func (r *Runner) lease(ctx context.Context, jobs chan<- *catalog.Job) (int, error) {
	var due []*catalog.Job
	err := r.catalog.Update(ctx, func(tx *catalog.Tx) error {
		now := r.opt.Now()
		if _, err := tx.ReapJobs(now); err != nil {
			return err
		}
		way, err := r.way(tx)
		if err != nil {
			return err
		}
		for kind := range r.handlers {
			leased, err := tx.LeaseJobs(kind, r.opt.Worker, now.Add(-way), r.opt.Lease+way, batch)
			if err != nil {
				return err
			}
			due = append(due, leased...)
		}
		return nil
	})
	for i, job := range due {
		select {
		case jobs <- job:
		case <-ctx.Done():
			return i, nil // the lease is released at the next start
		}
	}
	return len(due), err
}

// way is how long jobs that are due give way just now.
func (r *Runner) way(tx *catalog.Tx) (time.Duration, error) {
	if !r.busy() {
		return 0, nil
	}
	var waiting int64
	for kind := range r.handlers {
		n, err := tx.CountJobs(kind)
		if err != nil {
			return 0, err
		}
		waiting += n
	}
	if waiting > maxWaiting {
		return 0, nil
	}
	return giveWay, nil
}

// do runs one job to its end, also when stop has ended meanwhile.
func (r *Runner) do(stop context.Context, job *catalog.Job) {
	ctx := context.WithoutCancel(stop)
	err := r.handlers[job.Kind](ctx, job)
	if err == nil || fault.Is(err, fault.Exists) {
		return
	}
	pause := longPause
	if job.Attempt < 10 {
		pause = min(longPause, firstPause<<(job.Attempt-1))
	}
	r.opt.Log.Warn("job failed", "kind", job.Kind, "file", job.File, "attempt", job.Attempt, "again_in", pause, "err", err)
	retry := func(tx *catalog.Tx) error {
		return tx.RetryJob(job, r.opt.Now().Add(pause), fault.KindOf(err).String())
	}
	// What fails on a full disk is put back as soon as there is room; waiting
	// for its lease to lapse would take longer.
	for {
		err := r.catalog.Update(ctx, retry)
		if err == nil || fault.Is(err, fault.Exists) {
			return
		}
		r.opt.Log.Warn("job not put back yet", "kind", job.Kind, "file", job.File, "err", err)
		select {
		case <-stop.Done():
			return // its lease is released at the next start
		case <-time.After(pollEvery):
		}
	}
}
