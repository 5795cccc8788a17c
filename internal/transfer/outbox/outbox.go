// Package outbox is the only way out: files that wait for an account, and the
// kept files it may fetch again. Whatever door hands a file out, it finds it
// here and says here that it was delivered.
//
// A file for the account enters through the intake like any other, is sealed
// like a kept file, plus a grant that lives until its delivery. Delivered, the
// grant goes at once and the body after the account's OutboxKeepFor.
package outbox

import (
	"context"
	"io"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/killpoint"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/bodies"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/vpath"
)

// ExpireJob removes the body of a delivered file when its time is over.
const ExpireJob = "outbox-expire"

// Outbox hands files out. It is safe for concurrent use.
type Outbox struct {
	catalog *catalog.Catalog
	bodies  *bodies.Bodies
	keys    *custody.Custodian
	intake  *intake.Intake
	now     func() time.Time
}

// New returns an outbox on these stores.
func New(cat *catalog.Catalog, b *bodies.Bodies, keys *custody.Custodian, in *intake.Intake, now func() time.Time) *Outbox {
	return &Outbox{cat, b, keys, in, now}
}

// Open opens the content of a file that was found here.
func (o *Outbox) Open(ctx context.Context, f *catalog.File) (*bodies.Body, error) {
	return o.bodies.Open(ctx, f)
}

// Send puts a file into the account's outbox. actor and source are for the
// record: "operator", "gateway" ...
func (o *Outbox) Send(ctx context.Context, account uuid.UUID, name string, content io.Reader, actor, source string) (*catalog.File, error) {
	p, err := vpath.Parse(name)
	if err != nil {
		return nil, err
	}
	if len(p.Elements()) != 1 {
		return nil, fault.New(fault.Invalid, "outbox: send", "a name without folders is needed")
	}
	a, err := o.intake.Begin(ctx, intake.Spec{
		Account: account, Path: p, Source: source, Direction: catalog.Out, Actor: actor,
	})
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.NewOffsetWriter(a, 0), content); err != nil {
		a.Abort(err)
		return nil, fault.Wrap(fault.Internal, "outbox: send", err)
	}
	return a.Commit(ctx)
}

// Delivered records that the account has the file: by is the login, or what
// else fetched it. Doing it again changes nothing.
func (o *Outbox) Delivered(ctx context.Context, id uuid.UUID, by string) error {
	return o.DeliveredTo(ctx, id, by, nil, nil)
}

// DeliveredTo is Delivered with what proves it, which is shown in the file's timeline
// and so holds no name; and with something that is written in the same transaction,
// which may be nil.
func (o *Outbox) DeliveredTo(ctx context.Context, id uuid.UUID, by string, proof map[string]string, with func(*catalog.Tx) error) error {
	return o.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if with != nil {
			if err := with(tx); err != nil {
				return err
			}
		}
		return o.delivered(tx, id, by, proof)
	})
}

func (o *Outbox) delivered(tx *catalog.Tx, id uuid.UUID, by string, proof map[string]string) error {
	f, err := tx.File(id)
	if err != nil {
		return err
	}
	if f.State == catalog.Delivered {
		return nil
	}
	if f.State != catalog.Waiting {
		return fault.New(fault.Invalid, "outbox: delivered", "the file does not wait to be fetched")
	}
	account, err := tx.Account(f.Account)
	if err != nil {
		return err
	}
	f.State, f.EndedAt, f.Grant = catalog.Delivered, o.now(), catalog.Grant{}
	if err := tx.SaveFile(f); err != nil {
		return err
	}
	if err := tx.Audit(audit.Entry{Account: f.Account, Actor: by, Action: "file.delivered", Object: f.ID.String(), Detail: proof}); err != nil {
		return err
	}
	return tx.AddJob(&catalog.Job{Kind: ExpireJob, Account: f.Account, File: f.ID, RunAt: o.now().Add(account.OutboxKeepFor)})
}

// Expire is the work.Handler of ExpireJob: the body goes, the record stays. When
// it goes is what the account says now, which may be later than it said at the
// delivery. Whether the clock can be trusted is the caller's to know.
func (o *Outbox) Expire(ctx context.Context, job *catalog.Job) error {
	var gone catalog.Body
	err := o.catalog.Update(ctx, func(tx *catalog.Tx) error {
		f, err := tx.File(job.File)
		if err != nil {
			return err
		}
		if f.State != catalog.Delivered || f.Body.Kind == catalog.NoBody {
			return tx.FinishJob(job)
		}
		if due, err := o.due(tx, f); err != nil {
			return err
		} else if due.After(o.now()) {
			return tx.RetryJob(job, due, "")
		}
		if err := tx.FinishJob(job); err != nil {
			return err
		}
		if gone, err = bodies.Drop(tx, f); err != nil {
			return err
		}
		if err := tx.Audit(audit.Entry{Account: f.Account, Actor: "gateway", Action: "file.body-removed", Object: f.ID.String()}); err != nil {
			return err
		}
		return tx.SaveFile(f)
	})
	if err != nil {
		return err
	}
	killpoint.At("outbox.expired")
	return o.bodies.Remove(ctx, gone)
}

// due is when the body of a delivered file goes.
func (o *Outbox) due(tx *catalog.Tx, f *catalog.File) (time.Time, error) {
	account, err := tx.Account(f.Account)
	if fault.Is(err, fault.NotFound) { // it was removed
		return f.EndedAt, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return f.EndedAt.Add(account.OutboxKeepFor), nil
}
