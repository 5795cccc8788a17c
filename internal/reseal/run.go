package reseal

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

const (
	lease    = 10 * time.Minute
	slice    = 30 * time.Second // of one account, before the next has its turn
	pageSize = 100
	lookFor  = 5 * time.Second // how often Run looks for jobs by itself

	firstPause = 10 * time.Second
	longPause  = 10 * time.Minute
	lockedFor  = time.Minute // how often a locked account is tried again

	fileTries = 3 // of one file that cannot be read, before the others go on
)

// run is where the job of an account is in this process. The catalog knows what is
// left; a run knows what it has tried in vain, so that it comes to an end.
type run struct {
	Outcome
	over   map[int64]bool // locks whose files were all tried, or cannot be opened
	lock   int64          // the lock that is worked on
	after  uuid.UUID      // the last file of it that was tried
	failed int            // times in a row
	stuck  uuid.UUID      // the file that failed last, and how often
	tries  int
}

// hopeless counts how often a file has failed.
func (w *run) hopeless(file uuid.UUID) bool {
	if w.stuck != file {
		w.stuck, w.tries = file, 0
	}
	w.tries++
	return w.tries >= fileTries
}

// Run reseals what is to be, until ctx ends.
func (r *Resealer) Run(ctx context.Context) error {
	err := r.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		_, err := tx.ReleaseJobs(r.opt.Worker) // of an earlier life
		return err
	})
	if err != nil {
		return err
	}
	look := time.NewTicker(lookFor)
	defer look.Stop()
	for {
		if err := r.Work(ctx); err != nil && ctx.Err() == nil {
			r.opt.Log.Warn("reseal", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-look.C:
		}
	}
}

// Work does the jobs that are due, account by account in turns, until none is.
func (r *Resealer) Work(ctx context.Context) error {
	for ctx.Err() == nil {
		var jobs []*catalog.Job
		err := r.Catalog.Update(ctx, func(tx *catalog.Tx) (err error) {
			jobs, err = tx.LeaseJobs(jobKind, r.opt.Worker, r.opt.Now(), lease, 1)
			return err
		})
		if err != nil || len(jobs) == 0 {
			return err
		}
		if err := r.turn(ctx, jobs[0]); err != nil {
			return err
		}
	}
	return nil
}

// turn does a slice of an account's job and puts the rest back.
func (r *Resealer) turn(ctx context.Context, job *catalog.Job) error {
	w, err := r.runOf(ctx, job.Account)
	if err != nil {
		return err
	}
	done, err := r.slice(ctx, job, w)
	if ctx.Err() != nil || fault.Is(err, fault.Exists) {
		return nil // released at the next start; or somebody else's by now
	}
	pause, why := time.Duration(0), ""
	switch {
	case err == nil:
		w.failed = 0
	case fault.Is(err, fault.Locked):
		pause, why = lockedFor, fault.Locked.String()
	default:
		pause, why = min(longPause, firstPause<<min(w.failed, 10)), fault.KindOf(err).String()
		w.failed++
		r.opt.Log.Warn("resealing waits", "account", job.Account, "again_in", pause, "err", err)
	}
	// What was leased is put back even when the gateway is told to end.
	return r.Catalog.Update(context.WithoutCancel(ctx), func(tx *catalog.Tx) error {
		if err := saveOutcome(tx, job.Account, w.Outcome); err != nil {
			return err
		}
		if !done || err != nil {
			return tx.RetryJob(job, r.opt.Now().Add(pause), why)
		}
		r.forget(job.Account)
		if err := tx.Audit(audit.Entry{
			Account: job.Account, Actor: audit.Gateway, Action: "account.resealed", Object: job.Account.String(),
			Detail: w.detail(),
		}); err != nil {
			return err
		}
		return tx.FinishJob(job)
	})
}

// slice goes on with an account's files until its time is over. done says that
// there is nothing left to try.
func (r *Resealer) slice(ctx context.Context, job *catalog.Job, w *run) (done bool, err error) {
	if err := r.ready(ctx, job.Account); err != nil {
		return false, err
	}
	until := r.opt.Now().Add(slice)
	for r.opt.Now().Before(until) {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		from, to, err := r.next(ctx, job.Account, w)
		if err != nil || from == nil {
			return err == nil, err
		}
		if err := r.page(ctx, job, w, to, until); err != nil {
			return false, err
		}
	}
	return false, nil
}

// next returns the lock to work on and the one that its files are to come under,
// nil when every lock is over.
func (r *Resealer) next(ctx context.Context, account uuid.UUID, w *run) (from *catalog.Lock, to *custody.Lock, err error) {
	var locks []*catalog.Lock
	err = r.Catalog.View(ctx, func(tx *catalog.Tx) (err error) { locks, err = tx.Locks(account); return err })
	if err != nil {
		return nil, nil, err
	}
	for _, row := range locks {
		if w.over[row.ID] {
			continue
		}
		to, err := r.Custody.LockFor(ctx, row)
		switch {
		case fault.Is(err, fault.Locked):
			if err := r.skip(ctx, w, row.ID); err != nil {
				return nil, nil, err
			}
			continue
		case err != nil:
			return nil, nil, err
		case to.Is(row): // now; the account may get new keys before the run is over
			continue
		}
		if w.lock != row.ID {
			w.lock, w.after = row.ID, uuid.Nil
		}
		return row, to, nil
	}
	return nil, nil, nil
}

// page reseals some files of the lock that is worked on.
func (r *Resealer) page(ctx context.Context, job *catalog.Job, w *run, to *custody.Lock, until time.Time) error {
	var files []*catalog.File
	err := r.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		files, err = tx.FilesUnder(w.lock, w.after, pageSize)
		return err
	})
	if err != nil {
		return err
	}
	if len(files) == 0 {
		w.over[w.lock] = true
		return nil
	}
	for _, f := range files {
		if ctx.Err() != nil || !r.opt.Now().Before(until) {
			return ctx.Err()
		}
		if err := r.try(ctx, job, w, f, to); err != nil {
			return err
		}
		if w.over[w.lock] {
			return nil
		}
		w.after = f.ID
	}
	return nil
}

// try reseals one file and notes what became of it. It returns what concerns more
// than this one.
func (r *Resealer) try(ctx context.Context, job *catalog.Job, w *run, f *catalog.File, to *custody.Lock) error {
	if f.State == catalog.Arriving || f.State == catalog.WaitingRename {
		w.Unfinished++ // its object is still written
		return nil
	}
	err := r.one(ctx, job, f, to)
	switch {
	case err == nil:
		w.Resealed++
		return nil
	case errors.Is(err, errChanged), fault.Is(err, fault.NotFound):
		return r.again(ctx, job, w, f, to, err)
	case fault.Is(err, fault.Damaged):
		w.Damaged++
		r.opt.Log.Error("a file cannot be resealed: its content is damaged", "file", f.ID, "err", err)
		return nil
	case fault.Is(err, fault.Locked):
		if lost := r.ready(ctx, f.Account); lost != nil {
			return lost // the account was locked again meanwhile
		}
		return r.skip(ctx, w, w.lock)
	case fault.KindOf(err) == fault.Internal && ctx.Err() == nil && w.hopeless(f.ID):
		w.Damaged++
		r.opt.Log.Error("a file cannot be resealed", "file", f.ID, "err", err)
		return nil
	}
	return err
}

// again tries a file once more that changed under our hands, as its row is now.
func (r *Resealer) again(ctx context.Context, job *catalog.Job, w *run, was *catalog.File, to *custody.Lock, cause error) error {
	var f *catalog.File
	err := r.Catalog.View(ctx, func(tx *catalog.Tx) (err error) { f, err = tx.File(was.ID); return err })
	switch {
	case err != nil:
		return err
	case f.Body.Kind == catalog.NoBody || f.Lock != was.Lock:
		return nil // erased, or resealed
	case f.Body == was.Body:
		w.Damaged++
		r.opt.Log.Error("a file cannot be resealed: its content is not in the vault", "file", f.ID, "err", cause)
		return nil
	}
	return r.try(ctx, job, w, f, to)
}

// skip gives up the files of a lock whose keys are not here.
func (r *Resealer) skip(ctx context.Context, w *run, lock int64) error {
	after := uuid.Nil
	if w.lock == lock {
		after = w.after
	}
	for {
		var files []*catalog.File
		err := r.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
			files, err = tx.FilesUnder(lock, after, 1000)
			return err
		})
		if err != nil {
			return err
		}
		if len(files) == 0 {
			w.over[lock] = true
			return nil
		}
		w.Unreachable += int64(len(files))
		after = files[len(files)-1].ID
	}
}

// runOf returns the run of an account, after a start a new one that goes on
// counting.
func (r *Resealer) runOf(ctx context.Context, account uuid.UUID) (*run, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.runs[account]; w != nil {
		return w, nil
	}
	w := &run{over: map[int64]bool{}}
	err := r.Catalog.View(ctx, func(tx *catalog.Tx) error {
		before, err := readOutcome(tx, account)
		w.Resealed = before.Resealed
		return err
	})
	if err != nil {
		return nil, err
	}
	r.runs[account] = w
	return w, nil
}

func (r *Resealer) forget(account uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.runs, account)
}

// detail is the outcome for the audit.
func (o Outcome) detail() map[string]string {
	d := map[string]string{"resealed": strconv.FormatInt(o.Resealed, 10)}
	for what, n := range map[string]int64{"unreachable": o.Unreachable, "damaged": o.Damaged, "unfinished": o.Unfinished} {
		if n > 0 {
			d[what] = strconv.FormatInt(n, 10)
		}
	}
	return d
}
