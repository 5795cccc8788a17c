package removal

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// Target is the key that is to be removed: a certificate, by its fingerprint,
// or an access key.
type Target struct {
	Account     uuid.UUID
	Certificate string
	AccessKey   uuid.UUID
}

// Loss is what a removal costs.
type Loss struct {
	Account string // its name
	Object  string // fingerprint of the certificate or id of the access key
	Held    string // who has the private half: gateway, customer or passphrase; token, when it lies in one
	Period  string // of an access key

	Files, Bytes   int64 // that nothing opens any more
	Oldest, Newest time.Time
	Moving         int64 // of Files: not at rest yet; the gateway can read them until they are
	StillOpen      int64 // sealed under the key, and open by another one
	Missing        int64 // sealed under the key; those that could open them, too, are not in the key store
	Outside        int64 // open by nothing but the private half that the customer holds

	Closes bool // it is the last certificate: the account is closed
	Stops  bool // it is the last access key: nothing is accepted
	Used   bool // files are, or were, sealed under it

	Sentence string // all of it, for people
}

// tokenHeld is Loss.Held of a certificate whose key lies in a token.
const tokenHeld = "token"

// Preview tells what the removal of a key would cost.
func (r *Remover) Preview(ctx context.Context, t Target) (*Loss, error) {
	var l *Loss
	err := r.p.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		l, _, err = r.loss(tx, t)
		return err
	})
	return l, fault.Wrap(fault.Internal, "removal: preview", err)
}

// atStake are the files that a removal makes unreadable.
type atStake struct {
	locks    map[int64]bool
	arriving []uuid.UUID // that have no body yet
}

// loss reads what the removal of a key would cost, in one transaction with it
// or with nothing.
func (r *Remover) loss(tx *catalog.Tx, t Target) (*Loss, *atStake, error) {
	ring, err := keyring.Read(tx, t.Account)
	if err != nil {
		return nil, nil, err
	}
	l := &Loss{Account: ring.Account.Name}
	if err := r.describe(l, ring, t); err != nil {
		return nil, nil, err
	}
	here, err := r.here(ring)
	if err != nil {
		return nil, nil, err
	}
	stake := &atStake{locks: map[int64]bool{}}
	locks, err := tx.Locks(t.Account)
	if err != nil {
		return nil, nil, err
	}
	sums, err := tx.SealedUnder(t.Account)
	if err != nil {
		return nil, nil, err
	}
	under := map[int64]catalog.Sealed{}
	for _, s := range sums {
		under[s.Lock] = s
	}
	before, after := ring.Opening("", uuid.Nil), ring.Opening(t.Certificate, t.AccessKey)
	now := here.Opening(t.Certificate, t.AccessKey)
	for _, row := range locks {
		if !names(row, l.Object, ring, t) {
			continue
		}
		l.Used = true
		if !before.Lock(row) {
			continue
		}
		s := under[row.ID]
		switch {
		case after.Lock(row) && onlyOutside(row, after, l):
			l.Outside += s.Files
		case after.Lock(row) && !now.Lock(row):
			l.Missing += s.Files
		case after.Lock(row):
			l.StillOpen += s.Files
		default:
			stake.locks[row.ID] = true
			l.add(s)
		}
	}
	if err := l.unsettled(tx, t.Account, stake); err != nil {
		return nil, nil, err
	}
	l.consequences(ring, t, keyring.Year(r.p.Now()))
	l.Sentence = l.sentence()
	return l, stake, nil
}

// here returns the keys of the ring whose private halves are where they should be.
func (r *Remover) here(ring keyring.Ring) (keyring.Ring, error) {
	have, err := r.held(ring.Account.ID)
	if err != nil {
		return ring, err
	}
	missing, err := ring.Missing(have)
	return ring.Without(missing), err
}

// describe finds the key on record.
func (r *Remover) describe(l *Loss, ring keyring.Ring, t Target) error {
	const op = "removal: remove"
	removed := time.Time{}
	for _, row := range ring.Certificates {
		if row.Fingerprint == t.Certificate {
			l.Object, l.Held, removed = row.Fingerprint, r.heldBy(row), row.RemovedAt
		}
	}
	for _, row := range ring.AccessKeys {
		if row.ID == t.AccessKey {
			l.Object, l.Held, l.Period, removed = row.ID.String(), row.Held, row.Period, row.RemovedAt
		}
	}
	switch {
	case (t.Certificate == "") == (t.AccessKey == uuid.Nil), l.Object == "":
		return fault.New(fault.NotFound, op, "the account has no such key")
	case !removed.IsZero():
		return fault.New(fault.Invalid, op, "this key was removed on %s", removed.UTC().Format(time.DateOnly))
	}
	return nil
}

// heldBy tells whether a certificate's key lies in the key store or in a token.
func (r *Remover) heldBy(row *catalog.Certificate) string {
	have, err := r.held(row.Account)
	if err != nil {
		return catalog.KeysGateway
	}
	fp, err := seal.ParseFingerprint(row.Fingerprint)
	if k := have.Certificate(fp); err == nil && k != nil && k.Token != "" {
		return tokenHeld
	}
	return catalog.KeysGateway
}

// names reports whether a lock names the key that is to be removed.
func names(row *catalog.Lock, object string, ring keyring.Ring, t Target) bool {
	fingerprints, wanted := row.Certificates, object
	if t.Certificate == "" {
		fingerprints = row.AccessKeys
		for _, key := range ring.AccessKeys {
			if key.ID == t.AccessKey {
				wanted = key.Fingerprint
			}
		}
	}
	for _, fp := range fingerprints {
		if fp == wanted {
			return true
		}
	}
	return false
}

// onlyOutside reports whether, of the lock's access keys that open, the removed
// one that its customer holds is the last.
func onlyOutside(row *catalog.Lock, after keyring.Opening, l *Loss) bool {
	if l.Held != catalog.KeysCustomer {
		return false
	}
	return after.AccessKeys(row) == 1
}

func (l *Loss) add(s catalog.Sealed) {
	l.Files += s.Files
	l.Bytes += s.Bytes
	if !s.Oldest.IsZero() && (l.Oldest.IsZero() || s.Oldest.Before(l.Oldest)) {
		l.Oldest = s.Oldest
	}
	if s.Newest.After(l.Newest) {
		l.Newest = s.Newest
	}
}

// moving are the states in which a file has not come to rest.
var moving = []catalog.State{
	catalog.Arriving, catalog.WaitingRename, catalog.Received, catalog.Held, catalog.Refused, catalog.Waiting,
}

// unsettled counts the files that have not come to rest: those with a grant are
// readable for a while, and those that arrive just now have no body yet.
func (l *Loss) unsettled(tx *catalog.Tx, account uuid.UUID, stake *atStake) error {
	for _, state := range moving {
		files, err := tx.Files(catalog.FileFilter{Account: account, State: state, Limit: -1})
		if err != nil {
			return err
		}
		for _, f := range files {
			if !stake.locks[f.Lock] || f.Grant.Key == "" {
				continue
			}
			l.Moving++
			if f.Body.Kind == catalog.NoBody {
				l.Files++
				stake.arriving = append(stake.arriving, f.ID)
			}
		}
	}
	return nil
}

// consequences tells what the account cannot do afterwards.
func (l *Loss) consequences(ring keyring.Ring, t Target, year string) {
	without := keyring.Ring{Account: ring.Account}
	certificates := 0
	for _, row := range ring.Certificates {
		if row.RemovedAt.IsZero() && row.Fingerprint != t.Certificate {
			certificates++
		}
	}
	for _, row := range ring.AccessKeys {
		if row.ID != t.AccessKey {
			without.AccessKeys = append(without.AccessKeys, row)
		}
	}
	_, before, _ := ring.Sealing(year)
	_, access, madeHere := without.Sealing(year)
	l.Closes = t.Certificate != "" && certificates == 0
	l.Stops = t.Certificate == "" && len(before) > 0 && len(access) == 0 && !madeHere
}

// sentence says it in one sentence.
func (l *Loss) sentence() string {
	var b strings.Builder
	what := "certificate " + short(l.Object)
	if l.Period != "" {
		what = "the access key " + l.Object + " of " + l.Period
	} else if len(l.Object) == len(uuid.Nil.String()) {
		what = "access key " + l.Object
	}
	fmt.Fprintf(&b, "Removing %s of account %s ", what, l.Account)
	switch l.Held {
	case catalog.KeysCustomer:
		fmt.Fprintf(&b, "ends its use here: nothing more is sealed for it, and %s that only it and a certificate open can be read with the private half that %s alone holds, and by nothing else",
			count(l.Outside), l.Account)
	case tokenHeld:
		b.WriteString("takes away the gateway's use of it, and its key has to be destroyed in its token besides: ")
		b.WriteString(l.unreadable())
	default:
		b.WriteString("destroys its private key: ")
		b.WriteString(l.unreadable())
	}
	if l.StillOpen > 0 {
		fmt.Fprintf(&b, "; %s sealed under it can still be read, by another key", count(l.StillOpen))
	}
	if l.Missing > 0 {
		fmt.Fprintf(&b, "; %s sealed under it can be read after that only by keys that are not in the key store, and never again if no newer copy of it is restored", count(l.Missing))
	}
	if l.Closes {
		fmt.Fprintf(&b, "; it is the last certificate, so that the file names and usernames of %s become unreadable, too, nobody of %s can sign in, and nothing is accepted until a new certificate is installed", l.Account, l.Account)
	}
	if l.Stops {
		fmt.Fprintf(&b, "; it is the last access key, so that nothing of %s can be kept or accepted until another one is there", l.Account)
	}
	return b.String() + l.backups() + "."
}

// backups says what becomes of backups of the data: also when no file is lost here,
// since all were resealed, those in older backups are not.
func (l *Loss) backups() string {
	certificate := len(l.Object) != len(uuid.Nil.String())
	if l.Held == catalog.KeysCustomer || !certificate && !l.Used {
		return ""
	}
	what := "files"
	if certificate {
		what = "files and names"
	}
	s := fmt.Sprintf("; the %s of %s that are sealed under it in backups of the data made before can no longer be opened, not even by restoring them", what, l.Account)
	if l.Closes {
		return s
	}
	return s + ": make a new one (gateway backup)"
}

func (l *Loss) unreadable() string {
	if l.Files == 0 {
		return "no file becomes unreadable"
	}
	s := fmt.Sprintf("%s (%s", count(l.Files), size(l.Bytes))
	if !l.Oldest.IsZero() {
		s += fmt.Sprintf(", received %s to %s", l.Oldest.UTC().Format(time.DateOnly), l.Newest.UTC().Format(time.DateOnly))
	}
	s += fmt.Sprintf(") can never be read again, neither by %s nor by this gateway, and in no backup, unless somebody has a copy of that key which was exported from here or brought by its owner", l.Account)
	if l.Moving > 0 {
		s += fmt.Sprintf(" (%s of them as soon as they have come to rest)", number(l.Moving))
	}
	return s
}

// short is enough of a fingerprint for people.
func short(fingerprint string) string { return fingerprint[:min(16, len(fingerprint))] }

func count(n int64) string {
	if n == 1 {
		return "1 file"
	}
	return number(n) + " files"
}

// number groups digits: 1,234,567.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size is a number of bytes for people.
func size(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n), ""
	for _, unit = range []string{"kB", "MB", "GB", "TB"} {
		if f /= 1000; f < 1000 {
			break
		}
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + unit
}
