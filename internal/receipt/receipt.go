// Package receipt makes the statements about files that the gateway signs: that
// one was received and what it held, and that the content of one was erased.
//
// A receipt is made from the record whenever somebody asks, so it says what is
// known at that time; it is kept nowhere. A statement of erasure is made once, when
// the content is gone, and kept with the other statements. What nobody can read any
// more, because the key that sealed it was destroyed, is null in a receipt.
package receipt

import (
	"context"
	"crypto/ed25519"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/statement"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/outbox"
)

// Office signs statements about files. It is safe for concurrent use.
type Office struct {
	catalog  *catalog.Catalog
	keys     *custody.Custodian
	identity ed25519.PrivateKey
	now      func() time.Time
}

// New returns an office that signs as this identity.
func New(cat *catalog.Catalog, keys *custody.Custodian, identity ed25519.PrivateKey, now func() time.Time) *Office {
	return &Office{cat, keys, identity, now}
}

// Receipt returns the signed receipt of a file that was received.
func (o *Office) Receipt(ctx context.Context, id uuid.UUID) ([]byte, error) {
	const op = "receipt: receipt"
	f, account, err := o.file(ctx, id)
	switch {
	case err != nil:
		return nil, fault.Wrap(fault.Internal, op, err)
	case f.Direction != catalog.In:
		return nil, fault.New(fault.Invalid, op, "the gateway sent this file and did not receive it: there is no receipt")
	case f.ReceivedAt.IsZero():
		return nil, fault.New(fault.NotFound, op, "the file was not received yet")
	}
	rec, err := o.keys.Records(ctx, f.Account)
	if err != nil && !fault.Is(err, fault.Locked) {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return o.receipt(ctx, rec, f, fileobject.Of(rec, account, f))
}

func (o *Office) receipt(ctx context.Context, rec *custody.Records, f *catalog.File, shown fileobject.Object) ([]byte, error) {
	sealedFor, err := o.sealedFor(ctx, f)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "receipt: lock", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "receipt: new id", err)
	}
	r := &statement.Receipt{
		File: shown.ID, Name: shown.Name, Direction: shown.Direction, Source: shown.Source,
		Size: shown.Size, SHA256: shown.SHA256, ReceivedAt: f.ReceivedAt, SealedFor: sealedFor,
	}
	if !f.IndexedAt.IsZero() {
		r.Index = held(rec, f, shown)
	}
	return statement.Sign(o.identity, statement.Document{
		Kind: statement.KindReceipt, ID: id.String(), Account: shown.Account, IssuedAt: o.now(), Receipt: r,
	})
}

// sealedFor names the keys that a kept file's content is sealed for.
func (o *Office) sealedFor(ctx context.Context, f *catalog.File) (*statement.SealedFor, error) {
	if f.Lock == 0 || f.Body.Kind == catalog.NoBody {
		return nil, nil
	}
	var keys *statement.SealedFor
	err := o.catalog.View(ctx, func(tx *catalog.Tx) error {
		lock, err := tx.Lock(f.Lock)
		if err == nil {
			keys = &statement.SealedFor{Certificates: lock.Certificates, AccessKeys: lock.AccessKeys}
		}
		return err
	})
	return keys, err
}

// held is what the index says of the file. An empty list says that there is
// nothing, so a list that cannot be read is none.
func held(rec *custody.Records, f *catalog.File, shown fileobject.Object) *statement.Index {
	i := &statement.Index{
		IndexedAt: f.IndexedAt, State: shown.State, Format: shown.Format, Variant: shown.Variant,
		BatchCount: shown.BatchCount, PaymentCount: shown.PaymentCount,
	}
	if rec != nil {
		if _, err := fileobject.Summary(rec, f); err == nil {
			i.MessageIDs, i.Sums, i.Findings = shown.MessageIDs, shown.Sums, shown.Findings
		}
	}
	return i
}

// Put returns the work.Handler of jobs that put a file's receipt into its
// account's outbox, as NAME.ID.receipt.json.
func (o *Office) Put(box *outbox.Outbox) func(context.Context, *catalog.Job) error {
	return func(ctx context.Context, job *catalog.Job) error {
		return box.About(ctx, job, "receipt", func(rec *custody.Records, f *catalog.File, shown fileobject.Object) ([]byte, error) {
			return o.receipt(ctx, rec, f, shown)
		})
	}
}

// erasures is where ids of statements about erased files come from: one for each
// file, however often somebody asks.
var erasures = uuid.MustParse("6f1c2f0e-7a52-4f9b-9d6e-2f6f3c1d9a40")

// Erasure returns the signed statement that the content of a file was removed. The
// caller has seen to it that the vault does not hold it any more.
func (o *Office) Erasure(ctx context.Context, actor string, file uuid.UUID) (*catalog.Statement, error) {
	const op = "receipt: erasure"
	f, account, err := o.file(ctx, file)
	switch {
	case err != nil:
		return nil, fault.Wrap(fault.Internal, op, err)
	case f.Body.Kind != catalog.NoBody || f.State == catalog.Arriving:
		return nil, fault.New(fault.Invalid, op, "the file is %s: its content is not erased", f.State)
	}
	s := &catalog.Statement{
		ID: uuid.NewSHA1(erasures, f.ID[:]), Account: f.Account, Kind: statement.KindErased,
		Object: f.ID.String(), CreatedAt: o.now(), Signed: true,
	}
	s.Text, err = statement.Sign(o.identity, statement.Document{
		Kind: s.Kind, ID: s.ID.String(), Account: account, IssuedAt: s.CreatedAt, Erasure: erasure(f, s.CreatedAt),
	})
	if err != nil {
		return nil, err
	}
	err = o.catalog.Update(ctx, func(tx *catalog.Tx) error {
		made, err := tx.Statement(s.ID)
		if err == nil {
			s = made
			return nil
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		if err := tx.InsertStatement(s); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Account: f.Account, Actor: actor, Action: "statement.signed", Object: s.ID.String()})
	})
	return s, fault.Wrap(fault.Internal, op, err)
}

func erasure(f *catalog.File, now time.Time) *statement.Erasure {
	e := &statement.Erasure{
		File: f.ID.String(), Size: f.Content.Size, ReceivedAt: f.ReceivedAt, ErasedAt: f.EndedAt, Reason: f.Reason,
		Sentence: "The content was removed from the vault and from the catalog. A copy in a backup made before that " +
			"opens until the certificate key or the access key that it was sealed under is destroyed, or the backup is.",
	}
	if !f.Keep {
		e.Sentence = "The content was removed from the vault and from the catalog. A copy in a backup opens with no key " +
			"once the gateway's key of that day is destroyed, at the change of the day: that key is in no backup."
	}
	if f.State == catalog.Delivered {
		e.ErasedAt = now // its record says when it was delivered
	}
	if e.Reason == "" {
		e.Reason = "policy"
	}
	return e
}

func (o *Office) file(ctx context.Context, id uuid.UUID) (f *catalog.File, account string, err error) {
	err = o.catalog.View(ctx, func(tx *catalog.Tx) error {
		var err error
		if f, err = tx.File(id); err != nil {
			return err
		}
		a, err := tx.Account(f.Account)
		if err == nil {
			account = a.Name
		}
		if fault.Is(err, fault.NotFound) { // it was removed; its files stay on record
			account, err = f.Account.String(), nil
		}
		return err
	})
	return f, account, err
}
