package custody

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/killpoint"
	"sealgate/internal/seal"
	"sealgate/internal/statement"
	"sealgate/internal/store/catalog"
)

// Why a key was removed, as statements say it.
const (
	causeAsked     = "asked"
	causeScheduled = "scheduled"
	causeRestored  = "restored" // an older catalog came back to a key store that has destroyed the key
)

// maxNamedFiles is how many files a statement names; more are counted.
const maxNamedFiles = 10_000

// limits is what no statement can promise.
const limits = "Keys that were exported, and copies of the key store made by other means than `gateway keys backup`, are beyond the gateway. " +
	"What remains of the key on the medium is wrapped by the master key; `gateway keys rotate-master` makes it dead."

// Removed tells what a removal did.
type Removed struct {
	Statement uuid.UUID
	Note      []byte // the signed statement
	Loss      *Loss
	Copy      keys.Copy // what became of the last backup of the key store
}

// Remove destroys a key for ever. confirm is the account's name; anything else
// is Invalid, with the sentence that says what would be lost.
//
// In this order, each durable before the next: the removal is on record, with
// what is lost by it and the draft of the statement; the key is destroyed in
// the key store and in the copy made of it; the ingest key is changed, because a
// backup of today may hold a grant of a file that came to rest since; the statement
// is signed. What is cut short is finished by Converge, or within a minute by Run.
func (c *Custodian) Remove(ctx context.Context, actor string, t Target, confirm string) (*Removed, error) {
	const op = "custody: remove"
	if err := c.confirmed(ctx, t, confirm); err != nil {
		return nil, err
	}
	r, err := c.remove(ctx, actor, t, causeAsked, c.now())
	return r, fault.Wrap(fault.Internal, op, err)
}

// confirmed compares confirm with the account's name.
func (c *Custodian) confirmed(ctx context.Context, t Target, confirm string) error {
	l, err := c.Preview(ctx, t)
	if err != nil {
		return err
	}
	if err := l.allowed(causeAsked); err != nil {
		return err
	}
	if confirm != l.Account {
		return fault.New(fault.Invalid, "custody: remove", "%s Nothing was done: confirm it with the account's name.", l.Sentence)
	}
	return nil
}

// allowed refuses what would leave nobody who could repair anything. What is
// destroyed already cannot be refused.
func (l *Loss) allowed(cause string) error {
	if l.Account == catalog.SystemAccount && l.Closes && cause != causeRestored {
		return fault.New(fault.Invalid, "custody: remove", "the gateway's own account keeps its last certificate: operators sign in with it")
	}
	return nil
}

func (c *Custodian) remove(ctx context.Context, actor string, t Target, cause string, at time.Time) (*Removed, error) {
	defer c.change(t.Account)()
	r := new(Removed)
	var st *catalog.Statement
	err := c.cat.Update(ctx, func(tx *catalog.Tx) (err error) {
		st, r.Loss, err = c.intend(tx, actor, t, cause, at)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.dropped(t, r.Loss.Closes)
	killpoint.At("removal.intended")
	if err := c.fault("removal.intended"); err != nil {
		return nil, err
	}
	r.Statement = st.ID
	if r.Copy, err = c.carryOut(ctx, st); err != nil {
		return nil, err
	}
	r.Note = st.Text
	return r, nil
}

// dropped forgets what the removed key opened.
func (c *Custodian) dropped(t Target, closes bool) {
	c.forget(t.Account)
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.AccessKey != uuid.Nil {
		// Whichever keys were lent, the owner lends what is left again.
		delete(c.unlocked, t.Account)
	}
	if r := c.records[t.Account]; r != nil && closes {
		r.Destroy()
		delete(c.records, t.Account)
	}
}

// intend puts a removal on record: after it there is no way back.
func (c *Custodian) intend(tx *catalog.Tx, actor string, t Target, cause string, at time.Time) (*catalog.Statement, *Loss, error) {
	loss, stake, err := c.loss(tx, t)
	if err == nil {
		err = loss.allowed(cause)
	}
	if err != nil {
		return nil, nil, err
	}
	st, err := c.draft(tx, t, loss, stake, cause, at)
	if err != nil {
		return nil, nil, err
	}
	action := "access-key.removed"
	if t.Certificate != "" {
		action = "certificate.removed"
		err = markCertificate(tx, t, at)
		if err == nil && loss.Closes {
			err = closeAccount(tx, t.Account)
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
// nothing, its tokens are gone, and of its logins there is nothing left to find or
// to guess.
func closeAccount(tx *catalog.Tx, account uuid.UUID) error {
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

// draft writes down what the statement will say.
func (c *Custodian) draft(tx *catalog.Tx, t Target, l *Loss, stake *atStake, cause string, at time.Time) (*catalog.Statement, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	ids, complete, err := stake.files(tx)
	if err != nil {
		return nil, err
	}
	kind, fingerprint := statement.KindCertificateRemoved, l.Object
	if t.Certificate == "" {
		row, err := tx.AccessKey(t.AccessKey)
		if err != nil {
			return nil, err
		}
		kind, fingerprint = statement.KindAccessKeyRemoved, row.Fingerprint
	}
	doc := statement.Document{
		Kind: kind, ID: id.String(), Account: l.Account,
		Removal: &statement.Removal{
			Object: l.Object, Fingerprint: fingerprint, Held: l.Held, Period: l.Period, RemovedAt: at, Cause: cause, Sentence: l.Sentence,
			Files: l.Files, Bytes: l.Bytes, Oldest: moment(l.Oldest), Newest: moment(l.Newest), Moving: l.Moving, StillOpen: l.StillOpen,
			Closed: l.Closes, FileIDs: ids, Complete: complete, Note: limits,
		},
	}
	text, err := json.Marshal(doc)
	return &catalog.Statement{ID: id, Account: t.Account, Kind: kind, Object: l.Object, CreatedAt: c.now(), Text: text}, err
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// files names the files that are lost, up to a bound.
func (s *atStake) files(tx *catalog.Tx) (ids []string, complete bool, err error) {
	ids = []string{}
	for _, id := range s.arriving {
		ids = append(ids, id.String())
	}
	for _, lock := range slices.Sorted(maps.Keys(s.locks)) {
		room := maxNamedFiles + 1 - len(ids)
		if room <= 0 {
			break
		}
		files, err := tx.FilesUnder(lock, uuid.Nil, room)
		if err != nil {
			return nil, false, err
		}
		for _, f := range files {
			ids = append(ids, f.ID.String())
		}
	}
	slices.Sort(ids)
	if len(ids) > maxNamedFiles {
		return ids[:maxNamedFiles], false, nil
	}
	return ids, true, nil
}

// carryOut does what an unsigned statement says: the key is destroyed, and the
// statement signed. It may have been done before, in part.
func (c *Custodian) carryOut(ctx context.Context, st *catalog.Statement) (keys.Copy, error) {
	var doc statement.Document
	if err := json.Unmarshal(st.Text, &doc); err != nil || doc.Removal == nil {
		return keys.Copy{}, fault.New(fault.Damaged, "custody: remove", "the draft of statement %s is damaged", st.ID)
	}
	copied, err := c.destroy(st.Account, doc.Kind, doc.Removal.Object, doc.Removal.RemovedAt)
	if err != nil {
		return copied, err
	}
	killpoint.At("removal.destroyed")
	if err := c.fault("removal.destroyed"); err != nil {
		return copied, err
	}
	if err := c.ingest.EndGrants(ctx); err != nil {
		return copied, err
	}
	killpoint.At("removal.grants-ended")
	if err := c.fault("removal.grants-ended"); err != nil {
		return copied, err
	}
	doc.Removal.Copy, doc.IssuedAt = copyState(copied), c.now()
	signed, err := statement.Sign(c.ks.Identity(), doc)
	if err != nil {
		return copied, err
	}
	err = c.cat.Update(ctx, func(tx *catalog.Tx) error {
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
	return copied, c.fault("removal.signed")
}

// destroy destroys a key in the key store. One that never was there, because
// the key store was lost, is as good as destroyed.
func (c *Custodian) destroy(account uuid.UUID, kind, object string, at time.Time) (copied keys.Copy, err error) {
	if kind == statement.KindCertificateRemoved {
		fp, parseErr := seal.ParseFingerprint(object)
		if parseErr != nil {
			return copied, parseErr
		}
		copied, err = c.ks.RemoveCertificate(account, fp, at)
	} else {
		id, parseErr := uuid.Parse(object)
		if parseErr != nil {
			return copied, fault.Wrap(fault.Damaged, "custody: remove", parseErr)
		}
		copied, err = c.ks.RemoveAccessKey(account, id, at)
	}
	if fault.Is(err, fault.NotFound) {
		return copied, nil
	}
	return copied, err
}

// copyState says what became of the copy of the key store, for a statement.
func copyState(c keys.Copy) string {
	switch {
	case c.Rewritten:
		return statement.CopyRewritten
	case c.Path == "" && c.Err == nil:
		return statement.CopyNone
	}
	return statement.CopyNotReached
}

// Bounds of a waiting period.
const (
	minWait = time.Hour
	maxWait = 366 * 24 * time.Hour
)

// ScheduleRemoval is Remove after a waiting period, during which it can be
// called off. It returns what would be lost today.
func (c *Custodian) ScheduleRemoval(ctx context.Context, actor string, t Target, confirm string, after time.Duration) (*Loss, time.Time, error) {
	const op = "custody: schedule removal"
	if after < minWait || after > maxWait {
		return nil, time.Time{}, fault.New(fault.Invalid, op, "a removal waits for between an hour and a year")
	}
	if err := c.confirmed(ctx, t, confirm); err != nil {
		return nil, time.Time{}, err
	}
	at := c.now().Add(after)
	var l *Loss
	err := c.reschedule(ctx, actor, t, at, "removal-scheduled", func(tx *catalog.Tx) (err error) {
		l, _, err = c.loss(tx, t)
		return err
	})
	return l, at, fault.Wrap(fault.Internal, op, err)
}

// CancelRemoval calls a scheduled removal off.
func (c *Custodian) CancelRemoval(ctx context.Context, actor string, t Target) error {
	const op = "custody: cancel removal"
	err := c.reschedule(ctx, actor, t, time.Time{}, "removal-cancelled", func(tx *catalog.Tx) error {
		due, removed, err := removalOf(tx, t)
		switch {
		case err != nil:
			return err
		case !removed.IsZero():
			return fault.New(fault.Invalid, op, "this key was removed; that cannot be undone")
		case due.IsZero():
			return fault.New(fault.Invalid, op, "no removal of this key is scheduled")
		}
		return nil
	})
	return fault.Wrap(fault.Internal, op, err)
}

// removalOf returns when a key is to be, and was, removed.
func removalOf(tx *catalog.Tx, t Target) (due, removed time.Time, err error) {
	if t.Certificate != "" {
		row, err := tx.Certificate(t.Certificate)
		if err != nil || row.Account != t.Account {
			return due, removed, noKey(err)
		}
		return row.RemoveAt, row.RemovedAt, nil
	}
	row, err := tx.AccessKey(t.AccessKey)
	if err != nil || row.Account != t.Account {
		return due, removed, noKey(err)
	}
	return row.RemoveAt, row.RemovedAt, nil
}

func noKey(err error) error {
	if err == nil || fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "custody: remove", "the account has no such key")
	}
	return err
}

// reschedule writes when a key is to be removed, after check has allowed it.
func (c *Custodian) reschedule(ctx context.Context, actor string, t Target, at time.Time, what string, check func(*catalog.Tx) error) error {
	defer c.change(t.Account)()
	return c.cat.Update(ctx, func(tx *catalog.Tx) error {
		if err := check(tx); err != nil {
			return err
		}
		e := audit.Entry{Account: t.Account, Actor: actor}
		if t.Certificate != "" {
			row, err := tx.Certificate(t.Certificate)
			if err != nil {
				return err
			}
			row.RemoveAt = at
			if err := tx.SaveCertificate(row); err != nil {
				return err
			}
			e.Action, e.Object = "certificate."+what, row.Fingerprint
		} else {
			row, err := tx.AccessKey(t.AccessKey)
			if err != nil {
				return err
			}
			row.RemoveAt = at
			if err := tx.SaveAccessKey(row); err != nil {
				return err
			}
			e.Action, e.Object = "access-key."+what, row.ID.String()
		}
		if !at.IsZero() {
			e.Detail = map[string]string{"at": at.UTC().Format(time.RFC3339)}
		}
		return tx.Audit(e)
	})
}

// RemoveDue carries out the removals that were scheduled for now or earlier;
// one that fails does not keep the others. Whoever calls it trusts the clock.
func (c *Custodian) RemoveDue(ctx context.Context) (n int, err error) {
	const op = "custody: due removals"
	var due []Target
	err = c.cat.View(ctx, func(tx *catalog.Tx) error {
		certs, err := tx.CertificatesDue(c.now())
		if err != nil {
			return err
		}
		for _, row := range certs {
			due = append(due, Target{Account: row.Account, Certificate: row.Fingerprint})
		}
		access, err := tx.AccessKeysDue(c.now())
		for _, row := range access {
			due = append(due, Target{Account: row.Account, AccessKey: row.ID})
		}
		return err
	})
	if err != nil {
		return 0, fault.Wrap(fault.Internal, op, err)
	}
	var failed []error
	for _, t := range due {
		if _, err := c.remove(ctx, audit.Gateway, t, causeScheduled, c.now()); err != nil {
			failed = append(failed, err)
			continue
		}
		n++
	}
	return n, fault.Wrap(fault.Internal, op, errors.Join(failed...))
}
