package custody

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"time"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/killpoint"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

const (
	dayCheck   = time.Minute // how often Run looks at the clock: a machine may have slept
	grantBatch = 200         // grants in one transaction, so that arrivals wait for milliseconds only
)

// Run keeps the ingest key one day old at most, and keys of new files ready; it
// finishes removals that could not be finished, and forgets access keys whose
// loan is over. A round that fails is tried again, with the old keys still
// there.
func (c *Custodian) Run(ctx context.Context) error {
	var ahead sync.WaitGroup
	defer ahead.Wait()
	ahead.Go(func() { c.stock.Run(ctx) })
	tick := time.NewTicker(dayCheck)
	defer tick.Stop()
	for {
		if err := c.ChangeDay(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "the ingest key was not changed; trying again", "err", err)
		}
		if err := c.finish(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "removals of keys could not be looked through; trying again", "err", err)
		}
		c.takeBack()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ingestKey returns the key for new grants, the first time after looking for
// one of today or making it.
func (c *Custodian) ingestKey() (*keys.IngestKey, error) {
	c.mu.RLock()
	k := c.ingest
	c.mu.RUnlock()
	if k != nil {
		return k, nil
	}
	c.day.Lock()
	defer c.day.Unlock()
	return c.today()
}

// today puts a key of today in use. The caller holds c.day.
//
// A key of another day is never used again, be it yesterday's or, after the
// clock was set back, tomorrow's: it is retired in any case, once no grant
// names it.
func (c *Custodian) today() (*keys.IngestKey, error) {
	day := c.now().UTC().Format(time.DateOnly)
	c.mu.RLock()
	k := c.ingest
	c.mu.RUnlock()
	if k != nil && k.Day == day {
		return k, nil
	}
	k = nil
	for _, have := range c.ks.IngestKeys() {
		if have.Day == day {
			k = have
		}
	}
	if k == nil {
		var err error
		if k, err = c.ks.NewIngestKey(day); err != nil {
			return nil, err
		}
		killpoint.At("ingest-day.made")
		if err := c.fault("ingest-day.made"); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ingest = k
	return k, nil
}

// ChangeDay does one round: today's key is made and used from now on, the
// grants that other keys of this node still hold are wrapped anew, and those
// keys are destroyed. When nothing is to be done it is quick.
//
// Keys of other nodes are not here, and grants that name them are left alone.
func (c *Custodian) ChangeDay(ctx context.Context) error {
	const op = "custody: change day"
	c.day.Lock()
	defer c.day.Unlock()
	current, err := c.today()
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	return fault.Wrap(fault.Internal, op, c.retireOthers(ctx, current))
}

// endGrants does what ChangeDay does, with another key of the same day: a grant in
// a backup of this day, of a file that has come to rest since, opens nothing from
// then on. The removal of a key promises that, and does not wait for midnight.
func (c *Custodian) endGrants(ctx context.Context) error {
	c.day.Lock()
	defer c.day.Unlock()
	current, err := c.ks.NewIngestKey(c.now().UTC().Format(time.DateOnly))
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.ingest = current
	c.mu.Unlock()
	return c.retireOthers(ctx, current)
}

// retireOthers retires every ingest key but one. The caller holds c.day.
func (c *Custodian) retireOthers(ctx context.Context, current *keys.IngestKey) error {
	for _, old := range c.ks.IngestKeys() {
		if old.Fingerprint == current.Fingerprint {
			continue
		}
		if err := c.retire(ctx, old, current); err != nil {
			return err
		}
	}
	return nil
}

// retire destroys an ingest key once no grant on record names it. New grants
// are for current by now: see Fresh.Grant for why none slips through.
func (c *Custodian) retire(ctx context.Context, old, current *keys.IngestKey) error {
	for done := false; !done; {
		n, err := c.rewrap(ctx, old, current)
		if err != nil {
			return err
		}
		killpoint.At("ingest-day.rewrapped")
		if err := c.fault("ingest-day.rewrapped"); err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		if done, err = c.audited(ctx, old); err != nil {
			return err
		}
	}
	killpoint.At("ingest-day.audited")
	if err := c.fault("ingest-day.audited"); err != nil {
		return err
	}
	if err := c.ks.DestroyIngestKey(old.Fingerprint); err != nil {
		return err
	}
	killpoint.At("ingest-day.destroyed")
	return c.fault("ingest-day.destroyed")
}

// audited puts on record that old is about to be destroyed, unless a grant
// still names it. Both are one transaction, in line with those that insert.
func (c *Custodian) audited(ctx context.Context, old *keys.IngestKey) (done bool, err error) {
	err = c.cat.Update(ctx, func(tx *catalog.Tx) error {
		left, err := tx.GrantsUnder(old.Fingerprint.String(), 1)
		if err != nil || len(left) > 0 {
			return err
		}
		done = true
		return tx.Audit(audit.Entry{
			Actor: audit.Gateway, Action: "ingest-key.destroyed", Object: old.Fingerprint.String(),
			Detail: map[string]string{"day": old.Day, "node": c.node},
		})
	})
	return done && err == nil, err
}

// rewrap wraps one batch of grants for the current key and returns how many it
// found. The work is done between the two transactions; a row that has changed
// meanwhile is left to the next batch.
func (c *Custodian) rewrap(ctx context.Context, old, current *keys.IngestKey) (int, error) {
	var files []*catalog.File
	err := c.cat.View(ctx, func(tx *catalog.Tx) (err error) {
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
	if err := c.fault("ingest-day.wrapped"); err != nil {
		return 0, err
	}
	return len(files), c.cat.Update(ctx, func(tx *catalog.Tx) error {
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
	data, err := seal.WrapGrant(k, current.Public, binding)
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
