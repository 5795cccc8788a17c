// Package removal ends keys: it destroys a certificate or an access key, and with
// it every file that is sealed under it alone, in every backup.
//
// First of all it says what would be lost (Loss), in the one sentence that people
// confirm and that the statement repeats. Then, each durable before the next, the
// intent is on record, the key is destroyed in the key store and in the copy made
// of it, the grants of the day are ended, and what the gateway declares about it is
// signed. There is no way back from the first step. Converge finishes whatever a
// crash cut short. The key store remembers what was destroyed, so that an older
// catalog that is restored does not bring it back to life.
//
// Not here: whether somebody may (account, portal), and when a scheduled removal
// is due (retention).
package removal

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody/ingest"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/spare"
	"sealgate/internal/killpoint"
	"sealgate/internal/seal"
	"sealgate/internal/statement"
	"sealgate/internal/store/catalog"
)

// Parts are what a removal works on.
type Parts struct {
	Keys    *keys.Store
	Catalog *catalog.Catalog
	Ingest  *ingest.Keeper
	Holder  Holder
	Now     func() time.Time
	Cut     func(point string) error // called at each kill point: what it returns stops the removal there, as a crash would
}

// Holder is who uses the keys, and remembers what depends on them.
type Holder interface {
	// Change begins an act that changes an account's keys; until done nothing
	// that depends on them is remembered.
	Change(account uuid.UUID) (done func())
	// Drop forgets what a removed key opened, and the account's names when it
	// closes.
	Drop(t Target, closes bool)
	// Reopen gives an account that has no certificate left a new one.
	Reopen(ctx context.Context, account uuid.UUID) error
}

// Remover ends keys. It is safe for concurrent use.
type Remover struct{ p Parts }

// New returns a remover. Its Finish is to be called now and then.
func New(p Parts) *Remover { return &Remover{p} }

// Removed tells what a removal did.
type Removed struct {
	Statement uuid.UUID
	Note      []byte // the signed statement
	Loss      *Loss
	Copy      spare.Copy // what became of the last backup of the key store
}

// Remove destroys a key for ever. confirm is the account's name; anything else
// is Invalid, with the sentence that says what would be lost.
//
// In this order, each durable before the next: the removal is on record, with
// what is lost by it and the draft of the statement; the key is destroyed in
// the key store and in the copy made of it; the ingest key is changed, because a
// backup of today may hold a grant of a file that came to rest since; the statement
// is signed. What is cut short is finished by Converge and Finish.
func (r *Remover) Remove(ctx context.Context, actor string, t Target, confirm string) (*Removed, error) {
	const op = "removal: remove"
	if err := r.confirmed(ctx, t, confirm); err != nil {
		return nil, err
	}
	done, err := r.remove(ctx, actor, t, causeAsked, r.p.Now())
	return done, fault.Wrap(fault.Internal, op, err)
}

// confirmed compares confirm with the account's name.
func (r *Remover) confirmed(ctx context.Context, t Target, confirm string) error {
	l, err := r.Preview(ctx, t)
	if err != nil {
		return err
	}
	if err := l.allowed(causeAsked); err != nil {
		return err
	}
	if confirm != l.Account {
		return fault.New(fault.Invalid, "removal: remove", "%s Nothing was done: confirm it with the account's name.", l.Sentence)
	}
	return nil
}

// allowed refuses what would leave nobody who could repair anything. What is
// destroyed already cannot be refused.
func (l *Loss) allowed(cause string) error {
	if l.Account == catalog.SystemAccount && l.Closes && cause != causeRestored {
		return fault.New(fault.Invalid, "removal: remove", "the gateway's own account keeps its last certificate: operators sign in with it")
	}
	return nil
}

func (r *Remover) remove(ctx context.Context, actor string, t Target, cause string, at time.Time) (*Removed, error) {
	defer r.p.Holder.Change(t.Account)()
	done := new(Removed)
	var st *catalog.Statement
	err := r.p.Catalog.Update(ctx, func(tx *catalog.Tx) (err error) {
		st, done.Loss, err = r.intend(tx, actor, t, cause, at)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.p.Holder.Drop(t, done.Loss.Closes)
	killpoint.At("removal.intended")
	if err := r.p.Cut("removal.intended"); err != nil {
		return nil, err
	}
	done.Statement = st.ID
	if done.Copy, err = r.carryOut(ctx, st); err != nil {
		return nil, err
	}
	done.Note = st.Text
	return done, nil
}

// intend puts a removal on record: after it there is no way back.
func (r *Remover) intend(tx *catalog.Tx, actor string, t Target, cause string, at time.Time) (*catalog.Statement, *Loss, error) {
	loss, stake, err := r.loss(tx, t)
	if err == nil {
		err = loss.allowed(cause)
	}
	if err != nil {
		return nil, nil, err
	}
	st, err := r.draft(tx, t, loss, stake, cause, at)
	if err != nil {
		return nil, nil, err
	}
	action := "access-key.removed"
	if t.Certificate != "" {
		action = "certificate.removed"
		err = markCertificate(tx, t, at)
		if err == nil && loss.Closes {
			err = closeAccount(tx, t.Account, at)
		}
	} else {
		err = markAccessKey(tx, t.AccessKey, at)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := tx.InsertStatement(st); err != nil {
		return nil, nil, err
	}
	if cause == causeRestored {
		if err := found(tx, t); err != nil {
			return nil, nil, err
		}
	}
	return st, loss, tx.Audit(audit.Entry{
		Account: t.Account, Actor: actor, Action: action, Object: loss.Object,
		Detail: map[string]string{
			"cause": cause, "statement": st.ID.String(), "files": strconv.FormatInt(loss.Files, 10),
			"closed": strconv.FormatBool(loss.Closes),
		},
	})
}

// markCertificate marks a certificate removed and takes away the record key
// that was wrapped for it. The newest that is left takes its place.
func markCertificate(tx *catalog.Tx, t Target, at time.Time) error {
	all, err := tx.Certificates(t.Account)
	if err != nil {
		return err
	}
	var newest *catalog.Certificate
	current := false
	for _, row := range all {
		switch {
		case row.Fingerprint == t.Certificate:
			row.Current, row.RemoveAt, row.RemovedAt = false, time.Time{}, at
			if err := tx.SaveCertificate(row); err != nil {
				return err
			}
		case row.RemovedAt.IsZero():
			if newest == nil {
				newest = row
			}
			current = current || row.Current
		}
	}
	if newest != nil && !current {
		newest.Current = true
		if err := tx.SaveCertificate(newest); err != nil {
			return err
		}
	}
	err = tx.DeleteRecordKey(t.Account, t.Certificate)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

func markAccessKey(tx *catalog.Tx, id uuid.UUID, at time.Time) error {
	row, err := tx.AccessKey(id)
	if err != nil {
		return err
	}
	row.RemoveAt, row.RemovedAt, row.Challenge, row.ChallengeUntil = time.Time{}, at, nil, time.Time{}
	return tx.SaveAccessKey(row)
}

// closeAccount ends an account whose names nobody can read any more: it accepts
// nothing, its tokens and webhooks are gone, its agents revoked, and of its logins there is nothing left
// to find or to guess.
func closeAccount(tx *catalog.Tx, account uuid.UUID, at time.Time) error {
	acc, err := tx.Account(account)
	if err != nil {
		return err
	}
	acc.State = catalog.AccountClosed
	if err := tx.SaveAccount(acc); err != nil {
		return err
	}
	left, err := tx.RecordKeys(account)
	if err != nil {
		return err
	}
	for _, k := range left {
		if err := tx.DeleteRecordKey(account, k.Fingerprint); err != nil {
			return err
		}
	}
	if err := tx.DeleteTokens(account); err != nil {
		return err
	}
	if err := tx.DeleteNotices(account); err != nil {
		return err
	}
	if err := tx.RevokeAgents(account, at); err != nil {
		return err
	}
	if err := tx.DeleteRemotes(account); err != nil {
		return err
	}
	logins, err := tx.Logins(account)
	if err != nil {
		return err
	}
	for _, l := range logins {
		l.NameMAC, l.Hash, l.Generated = nil, "", false
		if err := tx.SaveLogin(l); err != nil {
			return err
		}
	}
	return nil
}

// carryOut does what an unsigned statement says: the key is destroyed, and the
// statement signed. It may have been done before, in part.
func (r *Remover) carryOut(ctx context.Context, st *catalog.Statement) (spare.Copy, error) {
	var doc statement.Document
	if err := json.Unmarshal(st.Text, &doc); err != nil || doc.Removal == nil {
		return spare.Copy{}, fault.New(fault.Damaged, "removal: remove", "the draft of statement %s is damaged", st.ID)
	}
	copied, err := r.destroy(st.Account, doc.Kind, doc.Removal.Object, doc.Removal.RemovedAt)
	if err != nil {
		return copied, err
	}
	killpoint.At("removal.destroyed")
	if err := r.p.Cut("removal.destroyed"); err != nil {
		return copied, err
	}
	if err := r.p.Ingest.EndGrants(ctx); err != nil {
		return copied, err
	}
	killpoint.At("removal.grants-ended")
	if err := r.p.Cut("removal.grants-ended"); err != nil {
		return copied, err
	}
	doc.Removal.Copy, doc.IssuedAt = copyState(copied), r.p.Now()
	signed, err := statement.Sign(r.p.Keys.Identity(), doc)
	if err != nil {
		return copied, err
	}
	err = r.p.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		st.Text, st.Signed = signed, true
		if err := tx.SaveStatement(st); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{
			Account: st.Account, Actor: audit.Gateway, Action: "key.destroyed", Object: st.Object,
			Detail: map[string]string{"statement": st.ID.String(), "backup": doc.Removal.Copy},
		})
	})
	if err != nil {
		return copied, err
	}
	killpoint.At("removal.signed")
	return copied, r.p.Cut("removal.signed")
}

// destroy destroys a key in the key store. One that never was there, because
// the key store was lost, is as good as destroyed.
func (r *Remover) destroy(account uuid.UUID, kind, object string, at time.Time) (copied spare.Copy, err error) {
	if kind == statement.KindCertificateRemoved {
		fp, parseErr := seal.ParseFingerprint(object)
		if parseErr != nil {
			return copied, parseErr
		}
		copied, err = r.p.Keys.RemoveCertificate(account, fp, at)
	} else {
		id, parseErr := uuid.Parse(object)
		if parseErr != nil {
			return copied, fault.Wrap(fault.Damaged, "removal: remove", parseErr)
		}
		copied, err = r.p.Keys.RemoveAccessKey(account, id, at)
	}
	if fault.Is(err, fault.NotFound) {
		return copied, nil
	}
	return copied, err
}
