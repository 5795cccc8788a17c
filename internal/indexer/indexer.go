// Package indexer takes received files through the index to their rest: it
// opens the sealed body, streams it through the parser into the account's
// database, and then, as the account chose, keeps or deletes the content, or
// holds the file for a person to decide.
//
// Account database and catalog cannot commit together. The order is:
//
//  1. the job is leased; its attempt is the fence
//  2. payments go to the account database in batches, invisible
//  3. one small transaction there makes them visible, with the outcome
//  4. one catalog transaction, fenced: state, summary, audit entry, the grant
//     taken away, the job finished
//  5. the body is removed, when it is not kept
//
// A worker that finds step 3 done goes on with 4. What 5 did not remove, the
// intake's sweep does.
package indexer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/index"
	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/bodies"
)

// parserVersion is stored with each result, so that a later gateway can tell
// what an older one could not read.
const parserVersion = 1

// damagedTries is how often a body that fails its verification is read again
// before a person is asked: the fault may lie between disk and memory.
const damagedTries = 4

// Reasons of states, as the file object shows them.
const (
	ReasonLost     = catalog.ReasonLost
	ReasonDamaged  = "content-damaged"
	ReasonReleased = "released"
	ReasonErased   = "erased"
	ReasonKey      = "key-missing"
)

// Jobs that follow an index job: the answer to a held or refused file, and the
// receipt of any file of an account that asks for receipts, in its outbox.
const (
	AnswerJob  = "answer"
	ReceiptJob = "receipt"
)

// Options of an Indexer.
type Options struct {
	Now     func() time.Time
	Log     *slog.Logger
	Observe func(s payment.Summary, took time.Duration) // metrics; may be nil
}

// Indexer works on index jobs and on what people decide about files.
type Indexer struct {
	catalog *catalog.Catalog
	pool    *accountdb.Pool
	bodies  *bodies.Bodies
	keys    *custody.Custodian
	opt     Options
}

// New returns an indexer on these stores.
func New(cat *catalog.Catalog, pool *accountdb.Pool, b *bodies.Bodies, keys *custody.Custodian, opt Options) *Indexer {
	return &Indexer{cat, pool, b, keys, opt}
}

// subject is a file under work with what belongs to it.
type subject struct {
	file    *catalog.File
	account *catalog.Account
	rec     *custody.Records
}

func (x *Indexer) subject(ctx context.Context, id uuid.UUID) (*subject, error) {
	s := new(subject)
	err := x.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if s.file, err = tx.File(id); err == nil {
			s.account, err = tx.Account(s.file.Account)
		}
		return err
	})
	if err != nil {
		return s, err
	}
	s.rec, err = x.keys.Records(ctx, s.file.Account)
	return s, err
}

// contentError is an error of a file's content, or of the keys to it, and not of
// the databases that the index goes into.
type contentError struct{ error }

func (e contentError) Unwrap() error { return e.error }

// Handle is the work.Handler of index jobs.
func (x *Indexer) Handle(ctx context.Context, job *catalog.Job) error {
	s, err := x.subject(ctx, job.File)
	switch {
	case fault.Is(err, fault.NotFound):
		return x.finish(ctx, job)
	case err == nil && !indexable(s.file):
		return x.finish(ctx, job)
	case fault.Is(err, fault.Locked) && s.account != nil:
		return x.locked(ctx, job, s, err)
	case err != nil:
		return err
	}
	began := x.opt.Now()
	summary, err := x.summary(ctx, s, job)
	if err != nil {
		return x.unreadable(ctx, job, s, err)
	}
	if err := x.settle(ctx, job, s, summary); err != nil {
		return err
	}
	if x.opt.Observe != nil {
		x.opt.Observe(summary, x.opt.Now().Sub(began))
	}
	return nil
}

// indexable reports whether there is anything to index.
func indexable(f *catalog.File) bool {
	switch f.State {
	case catalog.Received, catalog.Locked, catalog.Held, catalog.Refused, catalog.Kept, catalog.Waiting:
		return true
	}
	return false
}

func (x *Indexer) finish(ctx context.Context, job *catalog.Job) error {
	return x.catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.FinishJob(job) })
}

// summary returns the published result of this job's work, doing steps 2 and 3
// when an earlier worker has not.
func (x *Indexer) summary(ctx context.Context, s *subject, job *catalog.Job) (payment.Summary, error) {
	db, release, err := x.pool.Account(ctx, s.file.Account)
	if err != nil {
		return payment.Summary{}, err
	}
	defer release()
	done, err := db.Result(ctx, s.file.ID, s.file.Fence)
	if err == nil {
		return done.Summary, nil
	}
	if !fault.Is(err, fault.NotFound) {
		return payment.Summary{}, err
	}
	load, err := db.Begin(ctx, s.file.ID, job.Attempt)
	if err != nil {
		return payment.Summary{}, err
	}
	defer load.Drop(context.WithoutCancel(ctx))
	read, err := x.read(ctx, s.file, load.Add)
	if err != nil {
		return payment.Summary{}, err
	}
	outward := s.file.Direction == catalog.Out
	if outward {
		read = withoutUnknownFormat(read)
	}
	return load.Publish(ctx, accountdb.FileMeta{
		Number: s.file.Number, ContentMAC: s.file.Content.MAC, Outward: outward,
		IndexVersion: parserVersion, Summary: read,
	})
}

// read streams the verified content through the parser.
func (x *Indexer) read(ctx context.Context, f *catalog.File, emit func(*payment.Payment) error) (payment.Summary, error) {
	body, err := x.bodies.Open(ctx, f)
	if err != nil {
		return payment.Summary{}, contentError{err}
	}
	defer body.Close()
	r, w := io.Pipe()
	verified := make(chan error, 1)
	go func() {
		err := body.VerifyTo(ctx, w)
		w.CloseWithError(err)
		verified <- err
	}()
	summary, err := index.Read(ctx, r, emit)
	// A refused file is not read to its end; what is behind it must verify all
	// the same, or it is damaged rather than refused.
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	r.CloseWithError(err)
	if damage := <-verified; fault.Is(damage, fault.Damaged) {
		return payment.Summary{}, contentError{damage}
	}
	return summary, err
}

// withoutUnknownFormat forgives what is no fault in a file for the account:
// being no payment file.
func withoutUnknownFormat(s payment.Summary) payment.Summary {
	if s.Outcome == payment.Refused && len(s.Findings) == 1 &&
		(s.Findings[0].Code == payment.UnknownFormat || s.Findings[0].Code == payment.EmptyFile) {
		s.Outcome, s.Findings = payment.Indexed, []payment.Finding{}
	}
	return s
}

// settle is step 4, and 5 after it.
func (x *Indexer) settle(ctx context.Context, job *catalog.Job, s *subject, summary payment.Summary) error {
	sealed, err := fileobject.SealSummary(s.rec, s.file, summary)
	if err != nil {
		return err
	}
	var gone catalog.Body
	err = x.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.FinishJob(job); err != nil {
			return err
		}
		f, err := tx.File(s.file.ID)
		if err != nil {
			return err
		}
		account, err := tx.Account(f.Account)
		if err != nil {
			return err
		}
		f.Fence, f.IndexedAt = job.Attempt, x.opt.Now()
		f.Result = result(summary, sealed)
		if err := note(tx, f, "gateway", "file.indexed", string(summary.Outcome)); err != nil {
			return err
		}
		if indexable(f) { // else a person decided meanwhile; what was found stays on record
			if gone, err = x.next(tx, account, f, summary.Outcome); err != nil {
				return err
			}
		}
		if account.Receipts && f.Direction == catalog.In {
			if err := x.addJob(tx, ReceiptJob, f); err != nil {
				return err
			}
		}
		return tx.SaveFile(f)
	})
	if err != nil {
		return err
	}
	return x.removed(ctx, s.file.ID, gone)
}

func result(s payment.Summary, sealed []byte) catalog.Result {
	r := catalog.Result{BatchCount: s.BatchCount, PaymentCount: s.PaymentCount, Summary: sealed}
	if s.Format != nil {
		r.Format = *s.Format
	}
	if s.Variant != nil {
		r.Variant = *s.Variant
	}
	for _, f := range s.Findings {
		r.Codes = append(r.Codes, string(f.Code))
	}
	return r
}

// next gives an indexed file its next state. It returns the body that is no
// longer referred to.
func (x *Indexer) next(tx *catalog.Tx, account *catalog.Account, f *catalog.File, outcome payment.Outcome) (gone catalog.Body, err error) {
	switch {
	case f.Direction == catalog.Out, f.State == catalog.Kept:
		return gone, nil // findings are recorded; where it rests does not change
	case outcome == payment.Indexed:
		f.Reason = ""
		return x.rest(tx, account, f)
	case outcome == payment.Held:
		f.State = catalog.Held
	default:
		f.State = catalog.Refused
	}
	f.Reason = ""
	return gone, x.addJob(tx, AnswerJob, f)
}

func (x *Indexer) addJob(tx *catalog.Tx, kind string, f *catalog.File) error {
	return tx.AddJob(&catalog.Job{Kind: kind, Account: f.Account, File: f.ID, RunAt: x.opt.Now()})
}

// rest brings a file to the rest that the account chose. What began as a file
// to delete has no wraps to be kept under.
func (x *Indexer) rest(tx *catalog.Tx, account *catalog.Account, f *catalog.File) (gone catalog.Body, err error) {
	f.Grant, f.EndedAt = catalog.Grant{}, x.opt.Now()
	if f.Keep && account.Content == catalog.ContentKeep {
		f.State = catalog.Kept
		return gone, note(tx, f, "gateway", "file.kept", "")
	}
	f.State = catalog.Deleted
	if gone, err = bodies.Drop(tx, f); err != nil {
		return gone, err
	}
	return gone, note(tx, f, "gateway", "file.deleted", "")
}

func note(tx *catalog.Tx, f *catalog.File, actor, action, detail string) error {
	e := audit.Entry{Account: f.Account, Actor: actor, Action: action, Object: f.ID.String()}
	if detail != "" {
		e.Detail = map[string]string{"outcome": detail}
	}
	return tx.Audit(e)
}

// removed is step 5. What fails is left to the sweep.
func (x *Indexer) removed(ctx context.Context, id uuid.UUID, gone catalog.Body) error {
	if err := x.bodies.Remove(ctx, gone); err != nil {
		x.opt.Log.Warn("body not removed yet", "file", id, "err", err)
	}
	return nil
}

// unreadable decides about a file that was not indexed. Faults that may pass are
// returned, so that the job is tried again; those of a database are no reason to
// decide anything about the file.
func (x *Indexer) unreadable(ctx context.Context, job *catalog.Job, s *subject, cause error) error {
	if !errors.As(cause, new(contentError)) {
		return cause
	}
	switch kind := fault.KindOf(cause); {
	case kind == fault.Locked && !s.file.Keep: // no grant, or one whose ingest key is gone
		return x.lost(ctx, job, s.file.ID)
	case kind == fault.Locked:
		return x.locked(ctx, job, s, cause)
	case kind == fault.Damaged && s.file.Source == sourceConnect && job.Attempt-s.file.Fence >= damagedTries:
		// It was stored as it came: whoever has sealed it has to send it again.
		x.opt.Log.Error("a file that an agent has sealed does not open", "file", s.file.ID, "err", cause)
		return x.settle(ctx, job, s, damaged())
	case (kind == fault.Damaged || kind == fault.NotFound) && job.Attempt-s.file.Fence >= damagedTries:
		x.opt.Log.Error("a file's content is damaged", "file", s.file.ID, "err", cause)
		return x.catalog.Update(ctx, func(tx *catalog.Tx) error {
			if err := tx.FinishJob(job); err != nil {
				return err
			}
			return x.setState(tx, s.file.ID, catalog.Held, ReasonDamaged)
		})
	}
	return cause
}

// sourceConnect is the source of files that come sealed.
const sourceConnect = "connect"

// damaged is what is known of content that does not open.
func damaged() payment.Summary {
	return payment.Summary{
		Outcome: payment.Refused, MessageIDs: []string{}, Sums: []payment.Sum{},
		Findings: []payment.Finding{{
			Code: payment.ContentDamaged, Severity: payment.ContentDamaged.Severity(), Count: 1,
			Message: "the sealed file does not open, or is not what its sender has said: it has to be sent again",
		}},
	}
}

// locked lets a file wait for a key. A key that only its holder can bring, or that
// was destroyed, is not waited for here: Unlocked queues the file again. A key
// that the gateway should have may be back any time, as one in a token.
func (x *Indexer) locked(ctx context.Context, job *catalog.Job, s *subject, cause error) error {
	over := s.account.Keys == catalog.KeysCustomer || s.account.State == catalog.AccountClosed
	err := x.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if over {
			if err := tx.FinishJob(job); err != nil {
				return err
			}
		}
		return x.setState(tx, s.file.ID, catalog.Locked, ReasonKey)
	})
	if err != nil || over {
		return err
	}
	return cause
}

// lost ends a file whose content nobody can read any more: it was sealed for
// its grant alone, and the grant is gone (a restore from a backup).
func (x *Indexer) lost(ctx context.Context, job *catalog.Job, id uuid.UUID) error {
	var gone catalog.Body
	err := x.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.FinishJob(job); err != nil {
			return err
		}
		f, err := tx.File(id)
		if err != nil || !indexable(f) {
			return err
		}
		gone, err = bodies.Erase(tx, f, "gateway", ReasonLost, x.opt.Now())
		return err
	})
	if err != nil {
		return err
	}
	return x.removed(ctx, id, gone)
}

// setState moves an inward file that has content to a state with a reason.
func (x *Indexer) setState(tx *catalog.Tx, id uuid.UUID, state catalog.State, reason string) error {
	f, err := tx.File(id)
	if err != nil || f.State == state || f.Direction == catalog.Out || !indexable(f) {
		return err
	}
	if state == catalog.Locked && f.State != catalog.Received {
		return nil // it is at rest, or waits for a person: it stays there
	}
	f.State, f.Reason = state, reason
	if err := note(tx, f, "gateway", "file."+string(state), reason); err != nil {
		return err
	}
	return tx.SaveFile(f)
}
