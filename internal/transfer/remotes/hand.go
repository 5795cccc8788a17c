package remotes

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/remotes"
)

// waitForTurn is how long somebody who asks for a visit waits until it begins.
const waitForTurn = time.Minute

// Start visits a remote now, whoever is it that asks, whether it is on or off. It waits
// for a visit that is under way, and for a place, but not for the end.
func (s *Service) Start(ctx context.Context, actor, account, name string) (*Run, error) {
	const op = "remotes: start"
	ctx, stop := context.WithTimeout(ctx, waitForTurn)
	defer stop()
	for {
		r, err := s.Find(ctx, account, name)
		if err != nil {
			return nil, err
		}
		place, err := s.places.Wait(ctx, r.place())
		if err != nil {
			return nil, fault.New(fault.TryLater, op, "so many servers are being visited that there was no turn for this one within a minute; try again later")
		}
		run, err := s.begin(ctx, r, place, actor)
		if err == nil {
			return s.openRun(ctx, &r.Remote, run), nil
		}
		place.Give()
		s.mu.Lock()
		now := s.underWay[r.ID]
		s.mu.Unlock()
		if now == nil && errors.Is(err, errUnderWay) { // it has just ended
			continue
		}
		if !fault.Is(err, fault.Exists) {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
		if now == nil {
			return nil, fault.New(fault.TryLater, op, "another gateway is visiting the server right now; try again later")
		}
		select {
		case <-ctx.Done():
			return nil, fault.New(fault.TryLater, op, "the server is being visited right now, and that takes long; try again later")
		case <-now.done:
		}
	}
}

// WaitFor returns a run when it has ended, or as it is when the time is over.
func (s *Service) WaitFor(ctx context.Context, account, name string, id uuid.UUID, most time.Duration) (*Run, error) {
	r, err := s.Find(ctx, account, name)
	if err != nil {
		return nil, err
	}
	over := time.NewTimer(most)
	defer over.Stop()
	for waited := most <= 0; ; {
		s.mu.Lock()
		now := s.underWay[r.ID] // before the look: what ends after it is waited for
		s.mu.Unlock()
		var row *table.Run
		err := s.opt.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
			row, err = tx.RemoteRun(id)
			return err
		})
		if fault.Is(err, fault.NotFound) || err == nil && row.Remote != r.ID {
			return nil, fault.New(fault.NotFound, "remotes: run", "the remote has no such run")
		}
		if err != nil {
			return nil, fault.Wrap(fault.Internal, "remotes: run", err)
		}
		if !row.EndedAt.IsZero() || waited || now == nil {
			return s.openRun(ctx, &r.Remote, row), nil
		}
		select {
		case <-ctx.Done():
			return nil, fault.Wrap(fault.TryLater, "remotes: run", ctx.Err())
		case <-over.C:
			waited = true
		case <-now.done:
		}
	}
}
