package removal

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/keys/spare"
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

// oldData is what holds for every key that is destroyed here.
const oldData = " Backups of the data that were made before the removal are not opened by this key any more: a gateway that is restored from one cannot read what is sealed under it there."

// draft writes down what the statement will say.
func (r *Remover) draft(tx *catalog.Tx, t Target, l *Loss, stake *atStake, cause string, at time.Time) (*catalog.Statement, error) {
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
	note := limits
	if l.Held != catalog.KeysCustomer {
		note += oldData
	}
	doc := statement.Document{
		Kind: kind, ID: id.String(), Account: l.Account,
		Removal: &statement.Removal{
			Object: l.Object, Fingerprint: fingerprint, Held: l.Held, Period: l.Period, RemovedAt: at, Cause: cause, Sentence: l.Sentence,
			Files: l.Files, Bytes: l.Bytes, Oldest: moment(l.Oldest), Newest: moment(l.Newest), Moving: l.Moving, StillOpen: l.StillOpen,
			Closed: l.Closes, FileIDs: ids, Complete: complete, Note: note,
		},
	}
	text, err := json.Marshal(doc)
	return &catalog.Statement{ID: id, Account: t.Account, Kind: kind, Object: l.Object, CreatedAt: r.p.Now(), Text: text}, err
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

// copyState says what became of the copy of the key store, for a statement.
func copyState(c spare.Copy) string {
	switch {
	case c.Rewritten:
		return statement.CopyRewritten
	case c.Path == "" && c.Err == nil:
		return statement.CopyNone
	}
	return statement.CopyNotReached
}
