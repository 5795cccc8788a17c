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
// Servers of one account whose patterns overlap are not left the same file twice: it is
// on record for one of them at a time that it is about to get its name there.
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

// Connect signs in on the server.
type Connect func(context.Context) (remote.Session, error)

// visit is one Run.
type visit struct {
	*Pusher
	Job
	connect Connect
	session remote.Session // nil = nobody was called yet
	rec     *custody.Records
	result  Result
}

var errOverTime = why.OverTime.New(fault.TryLater, "push", "the visit took longer than it may; the server, or the way to it, is very slow")

// Run pays one visit; it calls nobody when there is nothing to be done. An error says why
// it ended before its end; what it has done by then stays done, and stands in the Result.
func (p *Pusher) Run(ctx context.Context, connect Connect, job Job) (Result, error) {
	if job.Files <= 0 {
		job.Files = defaultFiles
	}
	if job.Time <= 0 {
		job.Time = defaultTime
	}
	ctx, cancel := context.WithTimeoutCause(ctx, job.Time, errOverTime)
	defer cancel()
	v := &visit{Pusher: p, Job: job, connect: connect}
	err := v.run(ctx)
	v.close()
	if err != nil && errors.Is(context.Cause(ctx), errOverTime) {
		err = errOverTime
		if v.result.Files > 0 { // it goes on at the next visit
			err = nil
		}
	}
	return v.result, fault.Wrap(fault.Internal, "push", err)
}

func (v *visit) run(ctx context.Context) error {
	known, err := v.known(ctx)
	if err != nil {
		return err
	}
	items, err := v.outbox.Waiting(ctx, v.Account)
	if err != nil {
		return err
	}
	due := v.due(known, items)
	over := known.states // of what was fetched by another way, or erased
	for _, i := range items {
		delete(over, i.File.ID)
	}
	if len(due)+len(over) == 0 {
		return nil
	}
	if v.rec, err = v.keys.Records(ctx, v.Account); err != nil {
		return err
	}
	if err := v.anew(ctx); err != nil {
		return err
	}
	for _, p := range over {
		if err := v.forget(ctx, p); err != nil {
			return err
		}
	}
	for _, p := range due {
		if v.result.Files >= v.Files {
			break
		}
		if err := v.deliver(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// due returns what is to be delivered now, what has failed most often last.
func (v *visit) due(known *known, items []outbox.Item) (due []*parcel) {
	now := v.now()
	for _, i := range items {
		if !v.Names.Has(i.Name) || known.elsewhere[i.File.ID] {
			continue
		}
		v.result.Seen++
		p := &parcel{Item: i, state: known.states[i.File.ID]}
		if p.state == nil {
			p.state = &remotes.PushState{Remote: v.Remote, File: i.File.ID, Stage: remotes.PushSending}
		}
		if p.state.RunAt.After(now) && p.state.RunAt.Before(now.Add(lastRetry)) { // later: the clock was ahead
			v.again(p)
			continue
		}
		due = append(due, p)
	}
	slices.SortStableFunc(due, func(a, b *parcel) int { return cmp.Compare(a.state.Tries, b.state.Tries) })
	return due
}

// anew signs in, again if the session of before may be of no use any more.
func (v *visit) anew(ctx context.Context) (err error) {
	v.close()
	v.session, err = v.connect(ctx)
	return err
}

func (v *visit) close() {
	if v.session != nil {
		_ = v.session.Close() // all that counts was answered
	}
	v.session = nil
}

// known is what is known of files on their way.
type known struct {
	states    map[uuid.UUID]*remotes.PushState
	elsewhere map[uuid.UUID]bool // they are about to get their name on another server
}

func (v *visit) known(ctx context.Context) (*known, error) {
	k := &known{states: map[uuid.UUID]*remotes.PushState{}, elsewhere: map[uuid.UUID]bool{}}
	return k, v.catalog.View(ctx, func(tx *catalog.Tx) error {
		list, err := tx.RemotePushes(v.Remote)
		if err != nil {
			return err
		}
		for _, p := range list {
			k.states[p.File] = p
		}
		claimed, err := tx.ClaimedElsewhere(v.Account, v.Remote)
		for _, id := range claimed {
			k.elsewhere[id] = true
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
