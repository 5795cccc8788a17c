package catalog

import (
	"bytes"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// A job is ready or leased. Leasing raises its attempt, which fences it: what
// a worker does under an earlier attempt's lease is refused.

const selectJob = `SELECT id, kind, account, file, run_at, attempt, lease_until, worker, last_error FROM job `

// ofLease selects a job by its key while it is leased by this worker in this
// attempt.
const ofLease = `kind = ? AND account = ? AND id = ? AND state = 1 AND worker = ? AND attempt = ?`

func readJob(s scan) (*Job, error) {
	j := new(Job)
	err := s((*column.ID)(&j.ID), &j.Kind, (*column.ID)(&j.Account), (*column.Ref)(&j.File), (*column.Time)(&j.RunAt),
		&j.Attempt, (*column.Time)(&j.LeaseUntil), &j.Worker, &j.LastError)
	return j, err
}

// AddJob adds a job. A job without an ID gets one.
func (tx *Tx) AddJob(j *Job) error {
	if j.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return fault.Wrap(fault.Internal, "catalog: add job", err)
		}
		j.ID = id
	}
	_, err := tx.exec("catalog: add job",
		`INSERT INTO job (id, kind, account, file, state, run_at, attempt, lease_until, worker, last_error)
		VALUES (?, ?, ?, ?, 0, ?, ?, 0, '', ?)`,
		column.ID(j.ID), j.Kind, column.ID(j.Account), column.Ref(j.File), column.Time(j.RunAt), j.Attempt, j.LastError)
	if err == nil {
		tx.newJobs++
	}
	return err
}

// LeaseJobs takes up to limit jobs of a kind that are due for worker, until
// now + leaseFor. The accounts that have some take turns, going on after the
// one that was served last; within an account jobs go in the order in which
// they were added.
func (tx *Tx) LeaseJobs(kind, worker string, now time.Time, leaseFor time.Duration, limit int) ([]*Job, error) {
	const op = "catalog: lease jobs"
	if !tx.t.Writes() { // lastServed is the writer's
		return nil, fault.New(fault.Internal, op, "jobs are leased in an Update")
	}
	accounts, err := tx.accountsWithJobs(op, kind)
	if err != nil {
		return nil, err
	}
	due := make([][]*Job, 0, len(accounts))
	for _, account := range accounts {
		if len(due) == limit {
			break // one for each is enough
		}
		jobs, err := list(tx, op, readJob,
			selectJob+`WHERE kind = ? AND account = ? AND state = 0 AND run_at <= ? ORDER BY id LIMIT ?`,
			kind, column.ID(account), column.Time(now), int64(limit))
		if err != nil {
			return nil, err
		}
		if len(jobs) > 0 {
			due = append(due, jobs)
		}
	}
	leased := takeTurns(due, limit)
	for _, j := range leased {
		j.Attempt++
		j.LeaseUntil, j.Worker = now.Add(leaseFor), worker
		if err := tx.execOne(op, `UPDATE job SET state = 1, attempt = ?, lease_until = ?, worker = ?
			WHERE kind = ? AND account = ? AND id = ? AND state = 0`,
			j.Attempt, column.Time(j.LeaseUntil), worker, j.Kind, column.ID(j.Account), column.ID(j.ID)); err != nil {
			return nil, err
		}
		tx.c.lastServed[kind] = j.Account
	}
	return leased, nil
}

// accountsWithJobs returns the accounts that have jobs of a kind, those after
// the one served last first. It steps through the table from account to account, so a long queue of one of them costs nothing.
func (tx *Tx) accountsWithJobs(op, kind string) ([]uuid.UUID, error) {
	accounts, err := list(tx, op, readID, `
		WITH RECURSIVE waiting (account) AS (
			SELECT MIN(account) FROM job WHERE kind = ?
			UNION ALL
			SELECT (SELECT MIN(account) FROM job WHERE kind = ? AND account > w.account)
			FROM waiting w WHERE w.account IS NOT NULL
		)
		SELECT account FROM waiting WHERE account IS NOT NULL`, kind, kind)
	if err != nil {
		return nil, err
	}
	last := tx.c.lastServed[kind]
	for i, account := range accounts {
		if bytes.Compare(account[:], last[:]) > 0 {
			return append(accounts[i:], accounts[:i]...), nil
		}
	}
	return accounts, nil
}

// takeTurns picks the first of each queue, then the second of each, and so on.
func takeTurns(queues [][]*Job, limit int) []*Job {
	var picked []*Job
	for turn := 0; len(picked) < limit; turn++ {
		before := len(picked)
		for _, q := range queues {
			if turn < len(q) && len(picked) < limit {
				picked = append(picked, q[turn])
			}
		}
		if len(picked) == before {
			break
		}
	}
	return picked
}

// stale is the answer to a worker whose lease is not his any more.
func stale(op string, changed int64, err error) error {
	if err == nil && changed == 0 {
		return fault.New(fault.Exists, op, "the job belongs to another worker now")
	}
	return err
}

// ExtendJob moves the end of a lease.
func (tx *Tx) ExtendJob(j *Job, until time.Time) error {
	const op = "catalog: extend job"
	n, err := tx.exec(op, `UPDATE job SET lease_until = ? WHERE `+ofLease,
		column.Time(until), j.Kind, column.ID(j.Account), column.ID(j.ID), j.Worker, j.Attempt)
	if err = stale(op, n, err); err == nil {
		j.LeaseUntil = until
	}
	return err
}

// FinishJob removes a job that is done. When the lease is no longer j's, the
// error is fault.Exists: the worker's other changes must not be made either.
func (tx *Tx) FinishJob(j *Job) error {
	const op = "catalog: finish job"
	n, err := tx.exec(op, `DELETE FROM job WHERE `+ofLease, j.Kind, column.ID(j.Account), column.ID(j.ID), j.Worker, j.Attempt)
	return stale(op, n, err)
}

// RetryJob gives a leased job back, to be run at runAt. It is fenced like
// FinishJob.
func (tx *Tx) RetryJob(j *Job, runAt time.Time, reason string) error {
	const op = "catalog: retry job"
	n, err := tx.exec(op, `UPDATE job SET state = 0, run_at = ?, lease_until = 0, worker = '', last_error = ?
		WHERE `+ofLease, column.Time(runAt), reason, j.Kind, column.ID(j.Account), column.ID(j.ID), j.Worker, j.Attempt)
	if err = stale(op, n, err); err == nil {
		tx.newJobs++
	}
	return err
}

// HurryJob makes a job that waits due at runAt; one that is leased goes on.
func (tx *Tx) HurryJob(j *Job, runAt time.Time) error {
	n, err := tx.exec("catalog: hurry job", `UPDATE job SET run_at = ?, last_error = '' WHERE kind = ? AND account = ? AND id = ? AND state = 0`,
		column.Time(runAt), j.Kind, column.ID(j.Account), column.ID(j.ID))
	tx.newJobs += int(n)
	return err
}

// troubledJob is a job that failed and waits for its next attempt.
const troubledJob = ` WHERE kind = ? AND state = 0 AND last_error <> ''`

// TroubledJobs returns up to limit jobs of a kind that failed and wait, in the order in
// which they were added.
func (tx *Tx) TroubledJobs(kind string, limit int) ([]*Job, error) {
	return list(tx, "catalog: troubled jobs", readJob, selectJob+troubledJob+` ORDER BY id LIMIT ?`, kind, int64(limit))
}

// HurryJobs makes all jobs of a kind due that failed and wait, and returns how many.
func (tx *Tx) HurryJobs(kind string, runAt time.Time) (int64, error) {
	n, err := tx.exec("catalog: hurry jobs", `UPDATE job SET run_at = MIN(run_at, ?)`+troubledJob, column.Time(runAt), kind)
	tx.newJobs += int(n)
	return n, err
}

// ReapJobs makes jobs ready whose lease has run out, and returns how many.
func (tx *Tx) ReapJobs(now time.Time) (int, error) {
	n, err := tx.exec("catalog: reap jobs",
		`UPDATE job SET state = 0, lease_until = 0, worker = '', last_error = 'lease-ran-out' WHERE state = 1 AND lease_until <= ?`,
		column.Time(now))
	tx.newJobs += int(n)
	return int(n), err
}

// ReleaseJobs makes the jobs ready that this worker leased in an earlier life,
// and returns how many.
func (tx *Tx) ReleaseJobs(worker string) (int, error) {
	n, err := tx.exec("catalog: release jobs",
		`UPDATE job SET state = 0, lease_until = 0, worker = '', last_error = 'worker-ended' WHERE state = 1 AND worker = ?`,
		worker)
	tx.newJobs += int(n)
	return int(n), err
}

// CountJobs counts the jobs of a kind, leased ones included.
func (tx *Tx) CountJobs(kind string) (int64, error) {
	return one(tx, "catalog: count jobs", engine.Value[int64], `SELECT COUNT(*) FROM job WHERE kind = ?`, kind)
}

// JobsOf returns the jobs of a file, in no order. It looks through all jobs: what
// is asked now and then pays, not each arrival with an index.
func (tx *Tx) JobsOf(file uuid.UUID) ([]*Job, error) {
	return list(tx, "catalog: jobs of a file", readJob,
		selectJob+`WHERE file = ?`, column.ID(file))
}
