// Package reseal brings files that are on record already under the keys that new
// files get: after a certificate was renewed, or an access key was added, rotated
// or is to be removed. Nothing is encrypted again: a file's key stays what it is
// and is wrapped for other keys, in a new header in front of the same body.
//
// It works in the background, a file at a time, and needs a certificate key and an
// access key of each file: those in the key store, or of an account that its
// customer has unlocked. The order for a file in the vault is
//
//  1. a new object is written, new header and old body, and made durable
//  2. one catalog transaction: the row, found as it was, refers to the new object
//  3. the old object is removed
//
// A body that lies in the catalog is replaced in step 2 alone. What a crash leaves
// of 1 and 3 no row refers to, and the intake's sweep takes it. What is left to do
// is what the catalog finds under other locks, so a job goes on where it was,
// whatever ended it. A reader finds the old object or the new one; both hold the
// same bytes.
package reseal

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/bodies"
	"sealgate/internal/transfer/intake"
)

// jobKind is the kind of the one job that an account has while it is resealed.
const jobKind = "reseal"

// Stores are what a Resealer works on.
type Stores struct {
	Catalog *catalog.Catalog
	Intake  *intake.Intake
	Bodies  *bodies.Bodies
	Custody *custody.Custodian
}

// Options of a Resealer. All are needed.
type Options struct {
	Worker string // unique among gateways
	Now    func() time.Time
	Log    *slog.Logger
}

// Resealer reseals accounts. It is safe for concurrent use.
type Resealer struct {
	Stores
	opt  Options
	wake chan struct{} // of capacity 1: there is a new job

	mu   sync.Mutex // guards runs
	runs map[uuid.UUID]*run
}

// New returns a resealer; Run makes it work.
func New(s Stores, opt Options) *Resealer {
	opt.Worker += "/reseal"
	return &Resealer{Stores: s, opt: opt, wake: make(chan struct{}, 1), runs: map[uuid.UUID]*run{}}
}

// Outcome is what the last run over an account's files has done, or the present
// one until now.
type Outcome struct {
	Resealed    int64 `json:"resealed"`
	Unreachable int64 `json:"unreachable"` // their keys were destroyed, or are not here
	Damaged     int64 `json:"damaged"`     // they do not verify, or cannot be read
	Unfinished  int64 `json:"unfinished"`  // they are still arriving, or wait for their rename
}

// Progress is how far the resealing of an account is.
type Progress struct {
	Running bool `json:"running"`
	Outcome
	Left      int64     `json:"left"` // files that are not under the account's present keys
	LeftBytes int64     `json:"left_bytes"`
	Waiting   string    `json:"waiting,omitempty"` // why nothing happens now: full, locked ...
	NextTry   time.Time `json:"next_try,omitzero"`
}

// Start begins to reseal an account's files, or joins what is under way: what waits
// is tried at once. Locked when the keys that it takes are not here.
func (r *Resealer) Start(ctx context.Context, actor string, account uuid.UUID) (Progress, error) {
	const op = "reseal: start"
	if err := r.ready(ctx, account); err != nil {
		return Progress{}, fault.Wrap(fault.Internal, op, err)
	}
	err := r.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		job, err := findJob(tx, account)
		if err != nil {
			return err
		}
		if job != nil { // who asks again has made room, or brought a key
			return tx.HurryJob(job, r.opt.Now())
		}
		if err := saveOutcome(tx, account, Outcome{}); err != nil {
			return err
		}
		if err := tx.Audit(audit.Entry{Account: account, Actor: actor, Action: "account.reseal", Object: account.String()}); err != nil {
			return err
		}
		// The job is found by its file, which is none: the account's id stands there.
		return tx.AddJob(&catalog.Job{Kind: jobKind, Account: account, File: account, RunAt: r.opt.Now()})
	})
	if err != nil {
		return Progress{}, fault.Wrap(fault.Internal, op, err)
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return r.Progress(ctx, account)
}

// ready reports, as a Locked fault, which key is missing.
func (r *Resealer) ready(ctx context.Context, account uuid.UUID) error {
	now, err := r.Custody.CurrentLock(ctx, account)
	if err == nil {
		err = now.Whole()
	}
	if err != nil {
		return err
	}
	var a *catalog.Account
	err = r.Catalog.View(ctx, func(tx *catalog.Tx) (err error) { a, err = tx.Account(account); return err })
	if err != nil {
		return err
	}
	if _, unlocked := r.Custody.Unlocked(account); a.Keys == catalog.KeysCustomer && !unlocked {
		return fault.New(fault.Locked, "reseal: ready", "the account's access key is not here: it has to be unlocked first")
	}
	return nil
}

// Progress tells how far the resealing of an account is.
func (r *Resealer) Progress(ctx context.Context, account uuid.UUID) (Progress, error) {
	const op = "reseal: progress"
	var p Progress
	var locks []*catalog.Lock
	var sealed []catalog.Sealed
	err := r.Catalog.View(ctx, func(tx *catalog.Tx) error {
		job, err := findJob(tx, account)
		if err != nil {
			return err
		}
		if job != nil {
			p.Running = true
			if job.Worker == "" && job.LastError != "" {
				p.Waiting, p.NextTry = job.LastError, job.RunAt
			}
		}
		if p.Outcome, err = readOutcome(tx, account); err != nil {
			return err
		}
		if locks, err = tx.Locks(account); err != nil {
			return err
		}
		sealed, err = tx.SealedUnder(account)
		return err
	})
	if err != nil {
		return Progress{}, fault.Wrap(fault.Internal, op, err)
	}
	other := map[int64]bool{}
	for _, row := range locks {
		l, err := r.Custody.LockFor(ctx, row)
		if err != nil && !fault.Is(err, fault.Locked) {
			return Progress{}, fault.Wrap(fault.Internal, op, err)
		}
		other[row.ID] = err != nil || !l.Is(row)
	}
	for _, s := range sealed {
		if other[s.Lock] {
			p.Left += s.Files
			p.LeftBytes += s.Bytes
		}
	}
	return p, nil
}

func findJob(tx *catalog.Tx, account uuid.UUID) (*catalog.Job, error) {
	jobs, err := tx.JobsOf(account)
	if err != nil || len(jobs) == 0 {
		return nil, err
	}
	return jobs[0], nil
}

// What was done is a setting of the gateway, until the account is resealed again.

func outcomeSetting(account uuid.UUID) string { return "reseal:" + account.String() }

func saveOutcome(tx *catalog.Tx, account uuid.UUID, o Outcome) error {
	text, err := json.Marshal(o)
	if err != nil {
		return fault.Wrap(fault.Internal, "reseal: outcome", err)
	}
	return tx.SetSetting(outcomeSetting(account), string(text))
}

func readOutcome(tx *catalog.Tx, account uuid.UUID) (o Outcome, err error) {
	text, err := tx.Setting(outcomeSetting(account))
	if err != nil || text == "" {
		return o, err
	}
	return o, fault.Wrap(fault.Damaged, "reseal: outcome", json.Unmarshal([]byte(text), &o))
}
