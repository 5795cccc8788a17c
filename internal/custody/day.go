package custody

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// dayCheck is how often Run looks at the clock: a machine may have slept.
const dayCheck = time.Minute

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
		if err := c.Finish(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "removals of keys could not be looked through; trying again", "err", err)
		}
		if err := c.takeBack(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "the end of a loan of an access key could not be put on record", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ChangeDay does one round of the ingest key's life: today's key is made and used
// from now on, the grants that other keys of this node still hold are wrapped
// anew, and those keys are destroyed. When nothing is to be done it is quick.
func (c *Custodian) ChangeDay(ctx context.Context) error {
	return fault.Wrap(fault.Internal, "custody: change day", c.ingest.Change(ctx))
}

// IngestKey returns the key of the day, which agents seal for.
func (c *Custodian) IngestKey() (*keys.IngestKey, error) {
	k, err := c.ingest.Current()
	return k, fault.Wrap(fault.Internal, "custody: ingest key", err)
}

// IngestKeyOf returns an ingest key of this node that is not destroyed yet; NotFound
// when it is.
func (c *Custodian) IngestKeyOf(fp seal.Fingerprint) (*keys.IngestKey, error) {
	k, err := c.ks.IngestKey(fp)
	return k, fault.Wrap(fault.Internal, "custody: ingest key", err)
}

// Lost reports whether nobody can open a file any more that has come whole: it was
// sealed for its grant alone, and the grant's key is gone, as after a restore from a
// backup. The row has to be as it is now: of a transaction that writes, this is exact;
// of one that reads, the day may have changed since.
func (c *Custodian) Lost(f *catalog.File) bool {
	switch f.State {
	case catalog.Received, catalog.Held, catalog.Refused:
	default:
		return f.State == catalog.Erased && f.Reason == catalog.ReasonLost
	}
	if f.Lock != 0 || f.Direction != catalog.In {
		return false
	}
	fp, err := seal.ParseFingerprint(f.Grant.Key)
	if err != nil { // none
		return true
	}
	_, err = c.ks.IngestKey(fp)
	return fault.Is(err, fault.NotFound)
}
