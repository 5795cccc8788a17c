package remotes

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remote/schedule"
	"sealgate/internal/transfer/remotes/places"
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
		freed, err := s.round(ctx)
		if err != nil && ctx.Err() == nil {
			s.opt.Log.WarnContext(ctx, "remotes", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-freed:
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
	latest := next.Add(24 * time.Hour)
	if r.Settings.Cron == "" { // no pause makes it later
		latest = now.Add(max(r.Settings.Interval(r.Direction), schedule.LongPause*6/5))
	}
	if next.IsZero() || !row.NextRun.After(latest) {
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

// round begins to visit what is due, the longest due first, as far as there are places.
// When some had to wait it returns what is closed once a place is given back.
func (s *Service) round(ctx context.Context) (freed <-chan struct{}, err error) {
	anyFreed := s.places.Freed() // before the look: a place that is given back after it is noticed
	var due []*table.Remote
	err = s.opt.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		due, err = tx.DueRemotes(s.opt.Now(), maxDue)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, row := range due {
		if ctx.Err() != nil {
			return nil, nil
		}
		if s.places.Full() {
			return anyFreed, nil
		}
		if s.isUnderWay(row.ID) { // and a jump of the clock has ended its lease
			continue
		}
		r, err := s.open(ctx, row)
		if err != nil {
			s.opt.Log.WarnContext(ctx, "remotes: cannot be opened", "remote", row.Name, "account", row.Account, "err", err)
			continue
		}
		place, _ := s.places.Take(r.place())
		if place == nil {
			freed = anyFreed
			continue // others are not kept waiting
		}
		if _, err := s.begin(ctx, r, place, ""); err != nil {
			place.Give()
			if !fault.Is(err, fault.Exists) && !fault.Is(err, fault.NotFound) { // another has it, or it is gone
				return nil, err
			}
		}
	}
	return freed, nil
}

// place is what places are counted by.
func (r *Remote) place() places.Place {
	p := places.Place{Account: r.Account}
	if r.Settings != nil {
		at, _ := r.Settings.Address()
		p.Host = strings.ToLower(at.Host)
	}
	return p
}

// underWay is a visit of this process.
type underWay struct {
	done chan struct{} // closed at its end
	ctx  context.Context
	end  context.CancelCauseFunc
}

// errUnderWay is for a remote that this process is visiting.
var errUnderWay = fault.New(fault.Exists, "remotes: visit", "the remote is being visited")

// errSet ends a visit whose remote was changed.
var errSet = fault.New(fault.TryLater, "remotes: visit", "the remote was changed while it was visited")

func (s *Service) isUnderWay(id uuid.UUID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.underWay[id] != nil
}

// enter notes that a visit is under way, if none is.
func (s *Service) enter(id uuid.UUID) (*underWay, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.underWay[id] != nil {
		return nil, errUnderWay
	}
	u := &underWay{done: make(chan struct{})}
	u.ctx, u.end = context.WithCancelCause(s.ctx)
	s.underWay[id] = u
	return u, nil
}

func (s *Service) leave(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.underWay[id]
	delete(s.underWay, id)
	u.end(nil)
	close(u.done)
}

// endVisit ends the visit that is under way, if there is one. That of another gateway
// ends when it next writes something, or keeps its lease.
func (s *Service) endVisit(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.underWay[id]; u != nil {
		u.end(errSet)
	}
}

// begin takes the lease of a remote and visits it in a goroutine, which gives the
// caller's place back.
func (s *Service) begin(ctx context.Context, r *Remote, place *places.Taken, by string) (*table.Run, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	u, err := s.enter(r.ID)
	if err != nil {
		return nil, err
	}
	now := s.opt.Now()
	run := &table.Run{ID: id, Remote: r.ID, By: by, BeganAt: now}
	var row *table.Remote
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) (err error) {
		if row, err = tx.LeaseRemote(r.ID, s.opt.Node, now, now.Add(leaseFor)); err != nil {
			return err
		}
		run.Fence = row.Lease.Fence
		return tx.InsertRemoteRun(run)
	})
	if err != nil {
		s.leave(r.ID)
		return nil, err
	}
	s.work.Go(func() {
		defer place.Give()
		defer s.leave(r.ID)
		s.visit(u.ctx, row, place, *run)
	})
	return run, nil
}
