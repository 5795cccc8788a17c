// Package catalog is the gateway's own database: accounts, logins, files,
// names in /in, jobs, audit and settings.
//
// Everything that changes a state is one Update: a function that reads and
// writes rows, run by the only writer, durable when Update returns nil, and
// undone as a whole otherwise. Concurrent Updates share a commit, and so an
// fsync. View reads a snapshot beside it.
//
// The catalog stores what it is given. Names, addresses, sums and findings
// come sealed under the account's record key and are found by MACs; a reader
// of the database alone learns ids, states, sizes and times. What is deleted is
// overwritten: in place at once, and in the write-ahead log within a minute,
// when that is cut (Checkpoint). Grants depend on it.
//
// Ids are random UUIDs made by callers. Arrival numbers, which order files,
// come from here. Jobs are rows, leased for a time and fenced by the number of
// the attempt. An audit entry is a row of the change's transaction and gets its
// place in the audit tree afterwards (Sequence).
//
// A failed fsync of a commit leaves unknown what is stored: the catalog stops
// for good (Failed) and opening it again, in a new process, finds out. A full
// disk refuses the change and is forgotten once there is room.
//
// A Tx has methods for each table. Those of logins are in package logins,
// those of the audit log in trail, the others here, by table. How it is stored, and by what, is the business of
// package engine and of the migrations; package column is how values lie there.
// Query texts are constants with placeholders, always.
package catalog

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"time"

	"github.com/google/uuid"
	"github.com/pressly/goose/v3"
	"golang.org/x/mod/sumdb/note"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog/engine"
	"sealgate/internal/store/catalog/stored"
	"sealgate/internal/store/catalog/trail"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options are the settings of a catalog. The zero value is good.
type Options struct {
	// Now is the clock of audit entries; nil = time.Now.
	Now func() time.Time
	// OnCommit stands around every commit, for tests: it can fail it before or
	// after it was stored. See package catalogtest.
	OnCommit func(commit func() error) error
	// View is how long a View may last; 0 = 10 seconds.
	View time.Duration
}

// Catalog is an open catalog. Its methods may be called from any goroutine.
type Catalog struct {
	path       string
	now        func() time.Time
	db         *engine.DB
	lastServed map[string]uuid.UUID // job kind -> account whose turn it was last; of Updates only
	jobs       chan struct{}
	hurry      chan struct{} // the sequencer of the audit log is asked not to wait
}

// Open opens the catalog in the file at path, makes it when it is not there,
// and brings it to the newest schema.
func Open(ctx context.Context, path string, opt Options) (*Catalog, error) {
	c := &Catalog{path: path, now: opt.Now, lastServed: map[string]uuid.UUID{}, jobs: make(chan struct{}, 64), hurry: make(chan struct{}, 1)}
	if c.now == nil {
		c.now = time.Now
	}
	var err error
	c.db, err = engine.Open(ctx, path, engine.Options{Migrate: migrate, OnCommit: opt.OnCommit, View: opt.View})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "catalog: open", err)
	}
	return c, nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	have, newest, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if have > newest {
		return fault.New(fault.Invalid, "catalog: migrate",
			"the data directory was made by a newer gateway (schema %d, this one knows %d)", have, newest)
	}
	_, err = p.Up(ctx)
	return err
}

// Update runs fn in a transaction and returns nil only after it is durable.
//
// Calls that come while a commit is under way share the next one. fn runs
// exactly once, in the writer's goroutine, with the whole catalog to itself:
// what it reads cannot change before it writes. When fn returns an error all
// its changes, and only those, are undone. A panic in fn is raised again in
// the caller's goroutine. fn must be quick, must not keep tx, and must call
// neither Update nor View. When ctx ends before fn's turn, fn never runs;
// after that Update waits for the outcome, whatever ctx says.
func (c *Catalog) Update(ctx context.Context, fn func(*Tx) error) error {
	newJobs := 0
	err := c.db.Update(ctx, func(t *engine.Tx) error {
		tx := c.tx(t)
		err := fn(tx)
		newJobs = tx.newJobs
		return err
	})
	if err == nil {
		c.wakeWorkers(newJobs)
	}
	return err
}

// View runs fn on one unchanging snapshot of the catalog, for at most Options.View.
// It sees every Update that has returned. Writes in it fail.
func (c *Catalog) View(ctx context.Context, fn func(*Tx) error) error {
	return c.db.View(ctx, func(t *engine.Tx) error { return fn(c.tx(t)) })
}

// Checkpoint moves the write-ahead log into the database and cuts it to
// nothing: afterwards what was overwritten before is in no file any more. It
// waits for Views that still need the log, until ctx ends.
func (c *Catalog) Checkpoint(ctx context.Context) error { return c.db.Checkpoint(ctx) }

// Close ends the writer after the group it is at, waits for Views, cuts the
// log and closes the database. Updates that wait get fault.TryLater.
func (c *Catalog) Close() error { return c.db.Close() }

// CopyTo is stored.File.CopyTo. Updates go on meanwhile; only the log is not
// cut, and grows, until the copy is written.
func (c *Catalog) CopyTo(ctx context.Context, path string) error {
	return c.asStored(ctx, func(f *stored.File) error { return f.CopyTo(ctx, path) })
}

// Bodies is stored.File.Bodies.
func (c *Catalog) Bodies(ctx context.Context, visit func(stored.Body) error) error {
	return c.asStored(ctx, func(f *stored.File) error { return f.Bodies(ctx, visit) })
}

func (c *Catalog) asStored(ctx context.Context, act func(*stored.File) error) error {
	if err := c.db.Failure(); err != nil {
		return err // what is stored is not known
	}
	f, err := stored.Open(ctx, c.path)
	if err != nil {
		return err
	}
	return errors.Join(act(f), f.Close())
}

// Failed is closed when the catalog has stopped for good.
func (c *Catalog) Failed() <-chan struct{} { return c.db.Failed() }

// Run is trail.Run.
func (c *Catalog) Run(ctx context.Context, signer note.Signer) error {
	return trail.Run(ctx, c.db, signer, c.hurry)
}

// HurryAudit asks for a place in the audit tree for what was committed so far, now
// and not within a second. It is for who waits for numbered entries, and is heard as
// long as it does not happen all the time.
func (c *Catalog) HurryAudit() {
	select {
	case c.hurry <- struct{}{}:
	default: // it is asked already
	}
}

// Sequence is trail.Sequence.
func (c *Catalog) Sequence(ctx context.Context, signer note.Signer) (int, error) {
	return trail.Sequence(ctx, c.db, signer)
}

// VerifyAudit is trail.Verify.
func (c *Catalog) VerifyAudit(ctx context.Context, verifier note.Verifier, checkpoint []byte) (audit.Report, error) {
	return trail.Verify(ctx, c.db, verifier, checkpoint)
}

// JobsReady gives one token for each job that became ready in this process, up
// to a number. Jobs that become ready by time alone give none: workers also
// look by themselves now and then.
func (c *Catalog) JobsReady() <-chan struct{} { return c.jobs }

// wakeWorkers leaves n tokens for workers that wait for jobs.
func (c *Catalog) wakeWorkers(n int) {
	for range n {
		select {
		case c.jobs <- struct{}{}:
		default:
			return // enough of them are awake
		}
	}
}
