package remotes

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/remotes"
)

const (
	lookEvery  = time.Second
	sweepEvery = time.Hour
	maxDue     = 2000 // looked at in one round

	rememberRuns  = 90 * 24 * time.Hour
	rememberTaken = 90 * 24 * time.Hour
	rememberLooks = 8 * 24 * time.Hour // of files that were not taken; longer than an unfinished one is kept
)

// Run visits what is due until ctx ends. Visits that are under way then are cut, and
// paid again after the next start.
func (s *Service) Run(ctx context.Context) error {
	defer s.work.Wait()
	defer s.stop()
	if err := s.settle(ctx); err != nil {
		return fault.Wrap(fault.Internal, "remotes: run", err)
	}
	look, sweep := time.NewTicker(lookEvery), time.NewTicker(sweepEvery)
	defer look.Stop()
	defer sweep.Stop()
	for {
		if err := s.Round(ctx); err != nil && ctx.Err() == nil {
			s.opt.Log.WarnContext(ctx, "remotes", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		case <-s.woken:
		case <-sweep.C:
			if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
				s.opt.Log.WarnContext(ctx, "remotes: not swept", "err", err)
			}
		}
	}
}

// settle gives back what an earlier process of this gateway held.
func (s *Service) settle(ctx context.Context) error {
	err := s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.FreeRemotes(s.opt.Node, s.opt.Now()) })
	if err == nil {
		err = s.Sweep(ctx)
	}
	return err
}

// Sweep forgets what is old, and plans anew what a clock that was wrong has put far
// into the future.
func (s *Service) Sweep(ctx context.Context) error {
	const group = 500
	now := s.opt.Now()
	for n := int64(group); n == group; {
		err := s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) (err error) {
			if n, err = tx.DeleteRemoteRuns(now.Add(-rememberRuns), group); err != nil {
				return err
			}
			taken, err := tx.DeleteTaken(now.Add(-rememberTaken), group)
			if err != nil {
				return err
			}
			looks, err := tx.DeleteRemoteLooks(now.Add(-rememberLooks), now.Add(-rememberTaken), group)
			n = max(n, taken, looks)
			return err
		})
		if err != nil {
			return err
		}
	}
	var rows []*table.Remote
	err := s.opt.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		rows, err = tx.AllRemotes()
		return err
	})
	for _, row := range rows {
		if err == nil && row.State == table.On && row.NextRun.After(now) {
			err = s.replan(ctx, row, now)
		}
	}
	return err
}

// replan puts the next run earlier when the schedule has one long before it.
func (s *Service) replan(ctx context.Context, row *table.Remote, now time.Time) error {
	r, err := s.open(ctx, row)
	if err != nil || r.Settings == nil {
		return err
	}
	due, err := r.Settings.Schedule(r.Direction)
	if err != nil {
		return err
	}
	next := due.Next(time.Time{}, now)
	if next.IsZero() || !row.NextRun.After(next.Add(24*time.Hour)) {
		return nil
	}
	return s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		fresh, err := tx.Remote(row.ID)
		if err != nil || !fresh.NextRun.Equal(row.NextRun) {
			return err
		}
		fresh.NextRun = next
		return tx.SaveRemote(fresh)
	})
}

// Wait returns when no visit is under way.
func (s *Service) Wait() { s.work.Wait() }

// Round begins to visit what is due, as far as there are places. The end of a visit makes
// Run look again at once when some had to wait.
func (s *Service) Round(ctx context.Context) error {
	var due []*table.Remote
	err := s.opt.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		due, err = tx.DueRemotes(s.opt.Now(), maxDue)
		return err
	})
	if err != nil {
		return err
	}
	for _, row := range due {
		if ctx.Err() != nil {
			return nil
		}
		if s.places.full() {
			s.waiting.Store(true)
			return nil
		}
		r, err := s.open(ctx, row)
		if err != nil {
			s.opt.Log.WarnContext(ctx, "remotes: cannot be opened", "remote", row.Name, "account", row.Account, "err", err)
			continue
		}
		host := r.host()
		if ok, _ := s.places.take(host); !ok {
			s.waiting.Store(true)
			continue // others are not kept waiting
		}
		if err := s.begin(ctx, r, host, ""); err != nil {
			s.places.give(host)
			if !fault.Is(err, fault.Exists) && !fault.Is(err, fault.NotFound) { // another has it, or it is gone
				return err
			}
		}
	}
	return nil
}

// host is what places are counted by.
func (r *Remote) host() string {
	if r.Settings == nil {
		return ""
	}
	at, _ := r.Settings.Address()
	return strings.ToLower(at.Host)
}

// begin takes the lease of a remote and visits it in a goroutine, which gives the
// caller's place back.
func (s *Service) begin(ctx context.Context, r *Remote, host, by string) error {
	_, err := s.beginRun(ctx, r, host, by)
	return err
}

func (s *Service) beginRun(ctx context.Context, r *Remote, host, by string) (*table.Run, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	now := s.opt.Now()
	run := &table.Run{ID: id, Remote: r.ID, By: by, BeganAt: now}
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		row, err := tx.LeaseRemote(r.ID, s.opt.Node, now, now.Add(leaseFor))
		if err != nil {
			return err
		}
		r.Remote, run.Fence = *row, row.Lease.Fence
		return tx.InsertRemoteRun(run)
	})
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	s.mu.Lock()
	s.underWay[r.ID] = done
	s.mu.Unlock()
	s.work.Go(func() {
		defer func() {
			s.places.give(host)
			if s.waiting.Swap(false) {
				s.Wake()
			}
		}()
		s.visit(r, *run)
		s.mu.Lock()
		if s.underWay[r.ID] == done {
			delete(s.underWay, r.ID)
		}
		s.mu.Unlock()
		close(done)
	})
	return run, nil
}
