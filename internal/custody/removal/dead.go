package removal

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// foundWait is how long the bodies stay whose key was found to be destroyed when
// an older catalog met a newer key store. Nothing opens them; but who restored the
// wrong backup finds out in that time, and may need the right one.
const foundWait = 7 * 24 * time.Hour

// Found are the keys, by fingerprint, of which Converge found that they were
// destroyed, and since when a trusted clock has seen that; zero: not yet.
type Found map[string]time.Time

func foundSetting(account uuid.UUID) string { return "removals-found:" + account.String() }

// ReadFound returns what was found of an account and is waited for.
func ReadFound(tx *catalog.Tx, account uuid.UUID) (Found, error) {
	f := Found{}
	text, err := tx.Setting(foundSetting(account))
	if err != nil || text == "" {
		return f, err
	}
	return f, fault.Wrap(fault.Damaged, "removal: found", json.Unmarshal([]byte(text), &f))
}

func (f Found) save(tx *catalog.Tx, account uuid.UUID) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return tx.SetSetting(foundSetting(account), string(text))
}

// found begins the wait for a key.
func found(tx *catalog.Tx, t Target) error {
	f, err := ReadFound(tx, t.Account)
	if err != nil {
		return err
	}
	fingerprint := t.Certificate
	if t.Certificate == "" {
		row, err := tx.AccessKey(t.AccessKey)
		if err != nil {
			return err
		}
		fingerprint = row.Fingerprint
	}
	f[fingerprint] = time.Time{}
	return f.save(tx, t.Account)
}

// at lets the wait go on at a time by a clock that is trusted; while it is not,
// time.Time{}, the wait begins anew.
func (f Found) at(trusted time.Time) {
	for fp, since := range f {
		switch {
		case trusted.IsZero(), trusted.Before(since):
			f[fp] = time.Time{}
		case since.IsZero():
			f[fp] = trusted
		case trusted.Sub(since) >= foundWait:
			delete(f, fp)
		}
	}
}

// Until is when the wait for a key is over, at the earliest.
func (f Found) Until(fingerprint string, now time.Time) (time.Time, bool) {
	since, ok := f[fingerprint]
	if since.IsZero() {
		since = now
	}
	return since.Add(foundWait), ok
}

// DeadLocks returns the locks of an account that nothing opens any more, and whose
// bodies nobody needs to wait with: their certificates, or their access keys, were
// all destroyed. An access key that the customer holds is not destroyed by being
// removed here, and neither is a key that merely is not in the key store. Keys of
// which Converge found that they were destroyed count after 7 days by a clock that
// is trusted: trusted is its time, time.Time{} while it is in doubt.
func (r *Remover) DeadLocks(ctx context.Context, account uuid.UUID, trusted time.Time) ([]int64, error) {
	const op = "removal: dead locks"
	var waits Found
	err := r.p.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		waits, err = ReadFound(tx, account)
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	before := maps.Clone(waits)
	if waits.at(trusted); !maps.EqualFunc(before, waits, time.Time.Equal) {
		err := r.p.Catalog.Update(ctx, func(tx *catalog.Tx) (err error) {
			if waits, err = ReadFound(tx, account); err != nil {
				return err
			}
			waits.at(trusted)
			return waits.save(tx, account)
		})
		if err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
	}
	var dead []int64
	err = r.p.Catalog.View(ctx, func(tx *catalog.Tx) error {
		ring, err := keyring.Read(tx, account)
		if err != nil {
			return err
		}
		rows, err := tx.Locks(account)
		opens := waits.living(ring).Opening("", uuid.Nil)
		for _, row := range rows {
			if !opens.Lock(row) {
				dead = append(dead, row.ID)
			}
		}
		return err
	})
	return dead, fault.Wrap(fault.Internal, op, err)
}

// living is a ring as if the keys that are waited for were not removed.
func (f Found) living(r keyring.Ring) keyring.Ring {
	for _, row := range r.Certificates {
		if _, waits := f[row.Fingerprint]; waits {
			row.RemovedAt = time.Time{}
		}
	}
	for _, row := range r.AccessKeys {
		if _, waits := f[row.Fingerprint]; waits {
			row.RemovedAt = time.Time{}
		}
	}
	return r
}
