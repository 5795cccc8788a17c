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
// It runs on SQLite; what is peculiar to that is in sqlite.go and migrations.
// Query texts are constants with placeholders, always.
package catalog

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/pressly/goose/v3"

	"sealgate/internal/fault"
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
}

// Catalog is an open catalog. Its methods may be called from any goroutine.
type Catalog struct {
	path     string
	now      func() time.Time
	onCommit func(commit func() error) error

	calls      chan *call           // Update -> writer
	logCalls   chan logCall         // Checkpoint and the log's keeper -> writer
	writer     *session             // owned by the goroutine write
	drainer    *session             // owned by the goroutine keepLogShort
	lastServed map[string]uuid.UUID // job kind -> account whose turn it was last; owned by write
	readers    chan *session        // free places among the readers
	jobs       chan struct{}

	stop       chan struct{} // closed by Close
	writerGone chan struct{} // closed when write has returned
	keeperGone chan struct{} // closed when keepLogShort has returned
	closeOnce  sync.Once
	closeErr   error

	failed    chan struct{} // closed by fail
	failCause atomic.Pointer[error]
}

// Open opens the catalog in the file at path, makes it when it is not there,
// and brings it to the newest schema.
func Open(ctx context.Context, path string, opt Options) (*Catalog, error) {
	const op = "catalog: open"
	c := &Catalog{
		path: path, now: opt.Now, onCommit: opt.OnCommit,
		calls: make(chan *call), logCalls: make(chan logCall),
		lastServed: map[string]uuid.UUID{},
		readers:    make(chan *session, maxReaders), jobs: make(chan struct{}, 64),
		stop: make(chan struct{}), writerGone: make(chan struct{}), keeperGone: make(chan struct{}),
		failed: make(chan struct{}),
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.onCommit == nil {
		c.onCommit = func(commit func() error) error { return commit() }
	}
	if err := c.connect(ctx); err != nil {
		return nil, errors.Join(fault.Wrap(kindOf(err), op, err), c.disconnect())
	}
	for range maxReaders {
		c.readers <- nil
	}
	go c.write()
	go c.keepLogShort()
	return c, nil
}

func (c *Catalog) connect(ctx context.Context) error {
	var err error
	if c.writer, err = newSession(c.path, false); err != nil {
		return err
	}
	if c.drainer, err = newSession(c.path, false); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn(c.path, false)) // as goose wants it
	if err != nil {
		return err
	}
	return errors.Join(migrate(ctx, db), db.Close())
}

func migrate(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(gooseName, db, dir, goose.WithDisableGlobalRegistry(true))
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

// Close ends the writer after the group it is at, waits for Views, cuts the
// log and closes the database. Updates that wait get fault.TryLater.
func (c *Catalog) Close() error {
	c.closeOnce.Do(func() {
		close(c.stop)
		<-c.writerGone
		<-c.keeperGone
		for range maxReaders {
			if s := <-c.readers; s != nil {
				c.closeErr = errors.Join(c.closeErr, s.close())
			}
		}
		if c.failure("") == nil {
			_, err := truncateWAL(c.writer)
			c.closeErr = errors.Join(c.closeErr, err)
		}
		c.closeErr = errors.Join(c.closeErr, c.disconnect())
	})
	return fault.Wrap(fault.Internal, "catalog: close", c.closeErr)
}

func (c *Catalog) disconnect() error {
	var errs []error
	for _, s := range []*session{c.drainer, c.writer} {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	return errors.Join(errs...)
}

// Failed is closed when the catalog has stopped for good.
func (c *Catalog) Failed() <-chan struct{} { return c.failed }

// JobsReady gives one token for each job that became ready in this process, up
// to a number. Jobs that become ready by time alone give none: workers also
// look by themselves now and then.
func (c *Catalog) JobsReady() <-chan struct{} { return c.jobs }
