package agent

import (
	"context"
	"time"

	"sealgate/internal/agent/journal"
	"sealgate/internal/agent/watch"
)

// Journal is the journal, for tests to look into.
func (a *Agent) Journal() *journal.Journal { return a.journal }

// Beat is one heartbeat, with all that follows from it.
func (a *Agent) BeatOnce(ctx context.Context) error {
	err := a.beat(ctx)
	if err == nil {
		a.errand(ctx)
	}
	return err
}

// Look takes what lies in the folders now, as if it had been still for long.
func (a *Agent) LookOnce(ctx context.Context) error {
	for _, f := range a.Settings.Folders {
		s := watch.New(f)
		for i := range 2 {
			r, err := s.Scan(a.Now().Add(time.Duration(i) * 24 * time.Hour))
			if err != nil {
				return err
			}
			if _, err := a.journal.Add(ctx, a.Now(), r.Ready); err != nil {
				return err
			}
		}
	}
	return nil
}

// SendAll brings everything that is on its way as far as it comes, once each, and
// returns the first error.
func (a *Agent) SendAll(ctx context.Context) error {
	all, err := a.journal.Open(ctx, 0, 10000)
	if err != nil {
		return err
	}
	var first error
	for _, d := range all {
		if err := a.queue.One(ctx, d); err != nil && first == nil {
			first = err
		}
	}
	return first
}
