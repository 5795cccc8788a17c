// Package poll is one visit at a customer's server to fetch what lies there: a
// listing, the files in it that are finished and were not taken before, and what is to
// become of each of them there afterwards.
//
//	List ──► is it still? ──► Open, read to its end, Stat: unchanged? ──► Commit ──► Stat: unchanged? ──► delete or move
//	              │                    └ cut: kept, gone on with next time       └ in this very commit: the ledger
//	              └ not yet: looked at again
//
// What holds (R1, R2, R5 of the design):
//
//   - A file is taken when two looks at it, far enough apart, showed the same size and
//     time; or when its done-marker lies beside it. Names that say "not finished", and
//     those that begin with a dot, are never taken.
//   - Nothing is deleted or moved there before it is durable here, and then only when
//     it is still what was taken. If that fails it is told and tried again at the next
//     visit; the file is not taken again.
//   - The row of the ledger is written in the commit that takes the file. Its delivery
//     id is made of remote, path, size, time and content: the same delivery is never a
//     second file, whatever was forgotten in between. A file that was replaced under
//     its name is a new one.
//   - A big file that was cut is gone on with when size and time are unchanged and the
//     last MiB, read again, is what it was; else it is fetched from its beginning.
//   - One file that cannot be fetched does not keep the others: it goes to the end of
//     the next visit's queue. A connection that breaks ends the visit.
//   - What a server calls a file is a name for that server only. What becomes the name
//     of our file is checked like a stranger's (vpath).
//
// Everything that the visit writes is written under the fence of its lease: a visit
// that was given up writes nothing any more.
//
// Not here: when a visit is due and who pays it (transfer/remotes), and how the server
// is spoken to (transfer/remote).
package poll

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/glob"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

// Job says what to fetch, and for whom.
type Job struct {
	Account uuid.UUID
	Remote  uuid.UUID
	Name    string // of the remote
	Fence   int64  // of the lease

	Dir    string // the folder there; "" = the one that the login starts in
	Names  glob.Set
	Depth  int           // of folders below Dir that are looked into
	Still  time.Duration // how long a file has to stay unchanged; 0 = it is taken at first sight
	Marker string        // what is added to a file's name by its done-marker (".done"); "" = there are none
	After  After
	Limits Limits
}

// After says what becomes of a file there once it is durable here.
type After struct {
	Delete bool
	Move   string // to this folder; one that does not begin with a slash is below Dir
}

// leaves reports whether files stay as they are.
func (a After) leaves() bool { return !a.Delete && a.Move == "" }

// Limits bound a visit; zero = the default.
type Limits struct {
	Entries int           // in all listings together
	Files   int           // taken
	Bytes   int64         // of a file
	Time    time.Duration // of the whole visit
}

// What counts unless a remote says otherwise.
const (
	DefaultStill = 30 * time.Second
	MaxDepth     = 8

	defaultEntries = 100_000
	defaultFiles   = 10_000
	defaultBytes   = 16 << 30
	defaultTime    = time.Hour
)

func (l Limits) orDefault() Limits {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.Entries, defaultEntries)
	set(&l.Files, defaultFiles)
	if l.Bytes <= 0 {
		l.Bytes = defaultBytes
	}
	if l.Time <= 0 {
		l.Time = defaultTime
	}
	return l
}

// Result is what came of a visit, also of one that ended with an error.
type Result struct {
	Seen     int       // files there that are meant
	Files    int       // taken
	Bytes    int64     // of them
	Repeated int       // fetched, and recognised as taken before
	Failed   int       // not taken, or not deleted or moved, though they should have been
	Again    time.Time // when files will be still that are not yet; zero = there are none
	Problems []Problem // what failed, the first few
}

// Problem is one file, or folder, and what is wrong with it: Err has the sentence for
// the customer.
type Problem struct {
	Path string
	Err  error
}

// maxProblems bounds what a Result tells one by one.
const maxProblems = 20

// Poller pays visits. It is safe for concurrent use.
type Poller struct {
	catalog *catalog.Catalog
	intake  *intake.Intake
	keys    *custody.Custodian
	now     func() time.Time
}

// New returns a Poller on these stores.
func New(cat *catalog.Catalog, in *intake.Intake, keys *custody.Custodian, now func() time.Time) *Poller {
	return &Poller{cat, in, keys, now}
}

// visit is one Run.
type visit struct {
	*Poller
	Job
	session   remote.Session
	rec       *custody.Records
	temporary []string // names that say "not finished"
	looks     map[string]*remotes.Look
	recording *recording
	done      []*far // deleted or moved, and not written down yet
	refusals  int    // deletions and moves that failed, in a row
	result    Result
}

// Run pays one visit. An error says why it ended before its end; what it has done by
// then stays done, and stands in the Result.
func (p *Poller) Run(ctx context.Context, s remote.Session, job Job) (Result, error) {
	if err := CheckMove(job.Dir, job.After.Move); err != nil {
		return Result{}, err
	}
	job.Limits = job.Limits.orDefault()
	ctx, cancel := context.WithTimeoutCause(ctx, job.Limits.Time, errOverTime)
	defer cancel()
	v := &visit{Poller: p, Job: job, session: s}
	defer func() { // after a panic: it goes by the lease, which is given back then
		if v.recording != nil {
			<-v.recording.done
		}
	}()
	err := v.run(ctx)
	if werr := v.writeDone(context.WithoutCancel(ctx)); err == nil {
		err = werr
	}
	if err != nil && errors.Is(context.Cause(ctx), errOverTime) {
		err = errOverTime
		if v.result.Files > 0 { // it goes on at the next visit
			err = nil
		}
	}
	return v.result, fault.Wrap(fault.Internal, "poll", err)
}

var errOverTime = why.OverTime.New(fault.TryLater, "poll", "the visit took longer than it may; the server, or the way to it, is very slow")

func (v *visit) run(ctx context.Context) error {
	if err := v.remember(ctx); err != nil {
		return err
	}
	l, err := v.list(ctx)
	if err != nil {
		return err
	}
	if err := v.judge(ctx, l); err != nil {
		return err
	}
	for _, f := range l.due {
		if err := v.after(ctx, f); err != nil {
			return err
		}
	}
	for _, f := range queue(l.ready) {
		if v.recording != nil && v.result.Files+1 >= v.Limits.Files {
			if err := v.recorded(ctx, nil); err != nil {
				return err
			}
		}
		if v.result.Files >= v.Limits.Files {
			break
		}
		if err := v.take(ctx, f); err != nil {
			return err
		}
	}
	return v.recorded(ctx, ctx.Err())
}

// remember reads what is known of the remote.
func (v *visit) remember(ctx context.Context) error {
	var err error
	if v.rec, err = v.keys.Records(ctx, v.Account); err != nil {
		return err
	}
	v.looks = map[string]*remotes.Look{}
	return v.catalog.View(ctx, func(tx *catalog.Tx) error {
		account, err := tx.Account(v.Account)
		if err != nil {
			return err
		}
		v.temporary = account.TempNames
		looks, err := tx.RemoteLooks(v.Remote)
		for _, l := range looks {
			v.looks[string(l.PathMAC)] = l
		}
		return err
	})
}

// update writes something under the fence of the lease.
func (v *visit) update(ctx context.Context, fn func(*catalog.Tx) error) error {
	return v.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.HoldsRemote(v.Remote, v.Fence); err != nil {
			return err
		}
		return fn(tx)
	})
}

// problem tells of one file, and returns err when it is one that ends the visit.
func (v *visit) problem(ctx context.Context, path string, err error) error {
	if ends(ctx, err) {
		return err
	}
	v.result.Failed++
	if len(v.result.Problems) < maxProblems {
		v.result.Problems = append(v.result.Problems, Problem{path, err})
	}
	return nil
}

// ends reports whether nothing more can be asked of the server.
func ends(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, remote.ErrCut) || errors.Is(err, remote.ErrSilent)
}
