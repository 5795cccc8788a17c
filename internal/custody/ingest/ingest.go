// Package ingest keeps the ingest key, which lives one day and opens the grants of
// files that have not come to rest.
//
// Change makes the day's key, wraps every grant still needed for it, and destroys
// the older ones, in this order; each step is durable before the next, so that a
// crash at any point is made good by the next round. What the clock says decides
// only which key is in use: no key is ever destroyed while a grant on record names
// it.
//
// A grant is put on record in the transaction that asked Current for its key, and
// a key is destroyed after a transaction that has found no grant of it: so none
// slips through.
package ingest

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/killpoint"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// grantBatch is how many grants are wrapped anew in one transaction, so that
// arrivals wait for milliseconds only.
const grantBatch = 200

// Keeper keeps the ingest keys of one node. It is safe for concurrent use.
type Keeper struct {
	ks   *keys.Store
	cat  *catalog.Catalog
	node string
	now  func() time.Time
	cut  func(point string) error

	current atomic.Pointer[keys.IngestKey] // in use for new grants; nil before the first
	round   sync.Mutex                     // held by the one round that changes keys
}

// New returns a keeper. cut is called at each kill point: what it returns stops
// the round there, as a crash would.
func New(ks *keys.Store, cat *catalog.Catalog, node string, now func() time.Time, cut func(point string) error) *Keeper {
	return &Keeper{ks: ks, cat: cat, node: node, now: now, cut: cut}
}

// Current returns the key for new grants, the first time after looking for one
// of today or making it.
func (k *Keeper) Current() (*keys.IngestKey, error) {
	if current := k.current.Load(); current != nil {
		return current, nil
	}
	k.round.Lock()
	defer k.round.Unlock()
	return k.today()
}

// today puts a key of today in use. The caller holds round.
//
// A key of another day is never used again, be it yesterday's or, after the
// clock was set back, tomorrow's: it is retired in any case, once no grant
// names it.
func (k *Keeper) today() (*keys.IngestKey, error) {
	day := k.day()
	current := k.current.Load()
	if current != nil && current.Day == day {
		return current, nil
	}
	current = nil
	for _, have := range k.ks.IngestKeys() {
		if have.Day == day {
			current = have
		}
	}
	if current == nil {
		var err error
		if current, err = k.ks.NewIngestKey(day); err != nil {
			return nil, err
		}
		killpoint.At("ingest-day.made")
		if err := k.cut("ingest-day.made"); err != nil {
			return nil, err
		}
	}
	k.current.Store(current)
	return current, nil
}

func (k *Keeper) day() string { return k.now().UTC().Format(time.DateOnly) }

// Change does one round: today's key is made and used from now on, the grants
// that other keys of this node still hold are wrapped anew, and those keys are
// destroyed. When nothing is to be done it is quick.
//
// Keys of other nodes are not here, and grants that name them are left alone.
func (k *Keeper) Change(ctx context.Context) error {
	k.round.Lock()
	defer k.round.Unlock()
	current, err := k.today()
	if err != nil {
		return err
	}
	return k.retireOthers(ctx, current)
}

// EndGrants does what Change does, with another key of the same day: a grant in a
// backup of this day, of a file that has come to rest since, opens nothing from
// then on. The removal of a key promises that, and does not wait for midnight.
func (k *Keeper) EndGrants(ctx context.Context) error {
	k.round.Lock()
	defer k.round.Unlock()
	current, err := k.ks.NewIngestKey(k.day())
	if err != nil {
		return err
	}
	k.current.Store(current)
	return k.retireOthers(ctx, current)
}

// Open returns the key of a file on record by its grant. No grant, and one whose
// ingest key is gone, are Locked.
func (k *Keeper) Open(ctx context.Context, f *catalog.File) (*seal.FileKey, error) {
	binding := seal.Binding{File: f.ID, Account: f.Account}
	key, err := k.open(f.Grant, binding)
	if !fault.Is(err, fault.Locked) || f.Grant.Key == "" {
		return key, err
	}
	// The day may have changed since f was read.
	now, err := k.grantNow(ctx, f.ID)
	if err != nil {
		return nil, err
	}
	return k.open(now, binding)
}

// grantNow reads a file's grant again; a file that is gone has none.
func (k *Keeper) grantNow(ctx context.Context, file uuid.UUID) (catalog.Grant, error) {
	var g catalog.Grant
	err := k.cat.View(ctx, func(tx *catalog.Tx) error {
		f, err := tx.File(file)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		g = f.Grant
		return nil
	})
	return g, err
}

func (k *Keeper) open(g catalog.Grant, binding seal.Binding) (*seal.FileKey, error) {
	const op = "ingest: grant"
	if g.Key == "" {
		return nil, fault.New(fault.Locked, op, "the file has no grant")
	}
	fp, err := seal.ParseFingerprint(g.Key)
	if err != nil {
		return nil, err
	}
	key, err := k.ks.IngestKey(fp)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.Locked, op, "the ingest key of the file's grant is gone")
	}
	if err != nil {
		return nil, err
	}
	return seal.OpenGrant(g.Data, key.Private, binding)
}

// retireOthers retires every ingest key but one. The caller holds round.
func (k *Keeper) retireOthers(ctx context.Context, current *keys.IngestKey) error {
	for _, old := range k.ks.IngestKeys() {
		if old.Fingerprint == current.Fingerprint {
			continue
		}
		if err := k.retire(ctx, old, current); err != nil {
			return err
		}
	}
	return nil
}

// retire destroys an ingest key once no grant on record names it. New grants
// are for current by now.
func (k *Keeper) retire(ctx context.Context, old, current *keys.IngestKey) error {
	for done := false; !done; {
		n, err := k.rewrap(ctx, old, current)
		if err != nil {
			return err
		}
		killpoint.At("ingest-day.rewrapped")
		if err := k.cut("ingest-day.rewrapped"); err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		if done, err = k.audited(ctx, old); err != nil {
			return err
		}
	}
	killpoint.At("ingest-day.audited")
	if err := k.cut("ingest-day.audited"); err != nil {
		return err
	}
	if err := k.ks.DestroyIngestKey(old.Fingerprint); err != nil {
		return err
	}
	killpoint.At("ingest-day.destroyed")
	return k.cut("ingest-day.destroyed")
}

// audited puts on record that old is about to be destroyed, unless a grant
// still names it. Both are one transaction, in line with those that insert.
func (k *Keeper) audited(ctx context.Context, old *keys.IngestKey) (done bool, err error) {
	err = k.cat.Update(ctx, func(tx *catalog.Tx) error {
		left, err := tx.GrantsUnder(old.Fingerprint.String(), 1)
		if err != nil || len(left) > 0 {
			return err
		}
		done = true
		return tx.Audit(audit.Entry{
			Actor: audit.Gateway, Action: "ingest-key.destroyed", Object: old.Fingerprint.String(),
			Detail: map[string]string{"day": old.Day, "node": k.node},
		})
	})
	return done && err == nil, err
}

// rewrap wraps one batch of grants for the current key and returns how many it
// found. The work is done between the two transactions; a row that has changed
// meanwhile is left to the next batch.
func (k *Keeper) rewrap(ctx context.Context, old, current *keys.IngestKey) (int, error) {
	var files []*catalog.File
	err := k.cat.View(ctx, func(tx *catalog.Tx) (err error) {
		files, err = tx.GrantsUnder(old.Fingerprint.String(), grantBatch)
		return err
	})
	if err != nil || len(files) == 0 {
		return 0, err
	}
	fresh := make([]catalog.Grant, len(files))
	for i, f := range files {
		if fresh[i], err = wrapAnew(f, old, current); err != nil {
			return 0, err
		}
	}
	killpoint.At("ingest-day.wrapped")
	if err := k.cut("ingest-day.wrapped"); err != nil {
		return 0, err
	}
	return len(files), k.cat.Update(ctx, func(tx *catalog.Tx) error {
		for i, f := range files {
			if err := replaceGrant(tx, f, fresh[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// wrapAnew returns the grant for the current key; none when the old grant is
// damaged and opens with nothing any more.
func wrapAnew(f *catalog.File, old, current *keys.IngestKey) (catalog.Grant, error) {
	binding := seal.Binding{File: f.ID, Account: f.Account}
	k, err := seal.OpenGrant(f.Grant.Data, old.Private, binding)
	if fault.Is(err, fault.Damaged) {
		return catalog.Grant{}, nil
	}
	if err != nil {
		return catalog.Grant{}, err
	}
	defer k.Wipe()
	data, err := seal.WrapOwnGrant(k, current.Private, binding)
	return catalog.Grant{Key: current.Fingerprint.String(), Data: data}, err
}

// replaceGrant writes the new grant unless the file has lost or changed its
// own since it was read. A damaged one is taken away, and that is on record.
func replaceGrant(tx *catalog.Tx, f *catalog.File, fresh catalog.Grant) error {
	now, err := tx.File(f.ID)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if now.Grant.Key != f.Grant.Key || !bytes.Equal(now.Grant.Data, f.Grant.Data) {
		return nil
	}
	if fresh.Key != "" {
		return tx.PutGrant(f.ID, fresh)
	}
	if err := tx.DeleteGrant(f.ID); err != nil {
		return err
	}
	return tx.Audit(audit.Entry{Account: f.Account, Actor: audit.Gateway, Action: "grant.damaged", Object: f.ID.String()})
}
