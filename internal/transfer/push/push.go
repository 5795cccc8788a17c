// Package push is one visit at a customer's server to leave what waits for it: files
// of the account's outbox, each under a temporary name first, compared, renamed, and
// then on record as delivered with what proves it.
//
//	sending ──► Create, size and hash compared ──► renaming ──► Rename ──► delivered, with its proof
//
// The two stages are on record before their step begins, so that a crash or a cut at
// any point is told apart: before "renaming" nothing of ours can lie there under its
// final name, and a file is sent again from its beginning, as it is when the server
// refused the rename. When the answer to a rename was lost, the file lies there under
// one of its two names. If it lies under neither, it cannot be known whether it was
// taken by the customer: it waits, as a problem, for somebody who says that it was
// delivered or is to be sent again. Nothing is sent twice, and nothing is said to be
// delivered that nobody has seen there.
//
// Nothing there is ever overwritten: a file whose name is taken gets a number. A file
// that cannot be delivered does not keep the others: it waits longer each time. A
// connection that breaks ends the visit, and the file that it broke at comes last at
// the next.
//
// Not here: when a visit is due and who pays it (transfer/remotes), how the server is
// spoken to (transfer/remote), and what waits (transfer/outbox).
package push

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"path"
	"slices"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/glob"
	"sealgate/internal/transfer/outbox"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

// Job says what to deliver, and for whom.
type Job struct {
	Account uuid.UUID
	Remote  uuid.UUID
	Name    string // of the remote
	Fence   int64  // of the lease

	Dir   string // the folder there; "" = the one that the login starts in
	Names glob.Set
	Files int           // at most so many in one visit; 0 = the default
	Time  time.Duration // the visit takes at most so long; 0 = the default
}

// What counts unless a remote says otherwise.
const (
	defaultFiles = 10_000
	defaultTime  = time.Hour
)

// Result is what came of a visit, also of one that ended with an error.
type Result struct {
	Seen     int       // files that wait and are meant
	Files    int       // delivered
	Bytes    int64     // of them
	Failed   int       // not delivered, though they should have been
	Again    time.Time // when a file that failed is tried again; zero = none has
	Problems []Problem // what failed, the first few
}

// Problem is one file and what is wrong with it: Err has the sentence for the customer.
type Problem struct {
	Name string
	Err  error
}

const maxProblems = 20 // that a Result tells one by one

// Pusher pays visits. It is safe for concurrent use.
type Pusher struct {
	catalog *catalog.Catalog
	outbox  *outbox.Outbox
	keys    *custody.Custodian
	now     func() time.Time
}

// New returns a Pusher of what waits in the outbox.
func New(cat *catalog.Catalog, box *outbox.Outbox, keys *custody.Custodian, now func() time.Time) *Pusher {
	return &Pusher{cat, box, keys, now}
}

// visit is one Run.
type visit struct {
	*Pusher
	Job
	session remote.Session
	rec     *custody.Records
	result  Result
}

var errOverTime = why.OverTime.New(fault.TryLater, "push", "the visit took longer than it may; the server, or the way to it, is very slow")

// Run pays one visit. An error says why it ended before its end; what it has done by
// then stays done, and stands in the Result.
func (p *Pusher) Run(ctx context.Context, s remote.Session, job Job) (Result, error) {
	if job.Files <= 0 {
		job.Files = defaultFiles
	}
	if job.Time <= 0 {
		job.Time = defaultTime
	}
	ctx, cancel := context.WithTimeoutCause(ctx, job.Time, errOverTime)
	defer cancel()
	v := &visit{Pusher: p, Job: job, session: s}
	err := v.run(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errOverTime) {
		err = errOverTime
		if v.result.Files > 0 { // it goes on at the next visit
			err = nil
		}
	}
	return v.result, fault.Wrap(fault.Internal, "push", err)
}

func (v *visit) run(ctx context.Context) error {
	var err error
	if v.rec, err = v.keys.Records(ctx, v.Account); err != nil {
		return err
	}
	states, err := v.states(ctx)
	if err != nil {
		return err
	}
	items, err := v.outbox.Waiting(ctx, v.Account)
	if err != nil {
		return err
	}
	waits := make(map[uuid.UUID]bool, len(items))
	for _, i := range items {
		waits[i.File.ID] = true
	}
	for id, p := range states {
		if !waits[id] { // it was fetched by another way, or erased
			if err := v.forget(ctx, p); err != nil {
				return err
			}
		}
	}
	tries := func(i outbox.Item) int64 {
		if p := states[i.File.ID]; p != nil {
			return p.Tries
		}
		return 0
	}
	slices.SortStableFunc(items, func(a, b outbox.Item) int { return cmp.Compare(tries(a), tries(b)) })
	for _, i := range items {
		if !v.Names.Has(i.Name) {
			continue
		}
		v.result.Seen++
		if v.result.Files >= v.Files {
			continue
		}
		if err := v.deliver(ctx, &parcel{Item: i, state: states[i.File.ID]}); err != nil {
			return err
		}
	}
	return nil
}

// states returns what is on its way there.
func (v *visit) states(ctx context.Context) (map[uuid.UUID]*remotes.PushState, error) {
	states := map[uuid.UUID]*remotes.PushState{}
	return states, v.catalog.View(ctx, func(tx *catalog.Tx) error {
		list, err := tx.RemotePushes(v.Remote)
		for _, p := range list {
			states[p.File] = p
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

// forget takes away what lies there of a file that is not to be delivered any more.
func (v *visit) forget(ctx context.Context, p *remotes.PushState) error {
	if names, err := v.names(p); err == nil {
		if err := v.session.Remove(ctx, names.Temporary); err != nil && ends(ctx, err) {
			return err
		}
	}
	return v.update(ctx, func(tx *catalog.Tx) error { return tx.DeleteRemotePush(v.Remote, p.File) })
}

// names are what a file is called there.
type names struct {
	Temporary string `json:"temporary"`
	Final     string `json:"final"`
}

func (v *visit) names(p *remotes.PushState) (n names, err error) {
	plain, err := v.rec.Open("remote_push", "names", p.File, p.Names)
	if err != nil {
		return n, err
	}
	return n, fault.Wrap(fault.Damaged, "push: names", json.Unmarshal(plain, &n))
}

func (v *visit) sealed(file uuid.UUID, n names) ([]byte, error) {
	plain, err := json.Marshal(n)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "push: names", err)
	}
	return v.rec.Seal("remote_push", "names", file, plain), nil
}

// there is a path in the folder.
func (v *visit) there(name string) string { return path.Join(v.Dir, name) }

// ends reports whether nothing more can be asked of the server.
func ends(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, remote.ErrCut) || errors.Is(err, remote.ErrSilent)
}

const (
	firstRetry = time.Minute
	lastRetry  = 6 * time.Hour
)

// retryAfter is how long a file waits that failed so many times in a row.
func retryAfter(tries int64) time.Duration {
	d := firstRetry << min(tries-1, 20)
	d = min(d, lastRetry)
	return d - rand.N(d/4)
}
