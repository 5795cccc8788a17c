package remotes

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"runtime/debug"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/pace"
	"sealgate/internal/transfer/remote/schedule"
	"sealgate/internal/transfer/remote/why"
	"sealgate/internal/transfer/remotes/places"
)

const (
	leaseFor    = 5 * time.Minute
	extendEvery = time.Minute
)

// A run by hand goes on until what it saw is still: so often, and as long as that is
// near.
const (
	passes   = 4
	nearTime = 2 * time.Minute
)

// visit pays one visit to a remote as it was set when it was leased, and writes down how
// it went.
func (s *Service) visit(ctx context.Context, row *table.Remote, place *places.Taken, run table.Run) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, err := s.open(ctx, row)
	if err != nil {
		r = &Remote{Remote: *row}
	}
	beat := make(chan struct{})
	go func() {
		defer close(beat)
		s.extend(ctx, cancel, r)
	}()
	began := time.Now()
	var result Result
	if err == nil {
		result, err = s.guarded(ctx, r, place, run.By != "")
	}
	cut := s.ctx.Err() != nil || errors.Is(context.Cause(ctx), errSet)
	cancel(nil)
	<-beat
	outcome := s.finish(r, &run, result, err, cut)
	s.opt.Observe(r.Direction, outcome, result.Files, time.Since(began))
}

// guarded is pass; a panic over what a server has sent ends the visit, not the gateway.
func (s *Service) guarded(ctx context.Context, r *Remote, place *places.Taken, byHand bool) (result Result, err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		what := fmt.Sprintf("%T", p) // its words may be the server's
		if e, ok := p.(runtime.Error); ok {
			what = e.Error()
		}
		s.opt.Log.Error("remote: a visit panicked", "account", r.Account, "remote", r.Name, "panic", what, "stack", string(debug.Stack()))
		err = fault.New(fault.Internal, "remotes: visit", "the gateway failed over what the server sent; that is a fault of the gateway, and who runs it finds more in its log")
	}()
	return s.pass(ctx, r, place, byHand)
}

// pass does the work; by hand until what was seen is still.
func (s *Service) pass(ctx context.Context, r *Remote, place *places.Taken, byHand bool) (sum Result, err error) {
	for n := 1; ; n++ {
		result, err := s.once(ctx, r, place)
		sum.Seen, sum.Failed, sum.Problem, sum.Again = result.Seen, result.Failed, result.Problem, result.Again
		sum.Files += result.Files
		sum.Bytes += result.Bytes
		away := result.Again.Sub(s.opt.Now())
		if err != nil || !byHand || r.Direction == table.Push || result.Again.IsZero() || away > nearTime || n == passes {
			return sum, err
		}
		timer := time.NewTimer(away)
		select {
		case <-ctx.Done():
			timer.Stop()
			return sum, context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// errNotAllowed ends visits by which an operator would be left what he may not see.
var errNotAllowed = why.NotAllowed.New(fault.Denied, "remotes: visit",
	"who runs the gateway has said where the files go, and may not see the account's contents; an admin of the account may set it up anew, or let operators see them")

// mayLead fails when a remote is pushed to that who runs the gateway has set up, and the
// account does not let operators see its contents.
func mayLead(tx *catalog.Tx, r *Remote) error {
	if r.Direction != table.Push || !r.ByOperator {
		return nil
	}
	acct, err := tx.Account(r.Account)
	if err == nil && acct.OperatorAccess != catalog.OperatorOn {
		err = errNotAllowed
	}
	return err
}

func (s *Service) once(ctx context.Context, r *Remote, place *places.Taken) (Result, error) {
	if err := s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error { return mayLead(tx, r) }); err != nil {
		return Result{}, err
	}
	if r.Settings == nil {
		return Result{}, fault.New(fault.Locked, "remotes: visit", "what the remote is set to is sealed under a key that is not here")
	}
	at, err := r.Settings.Address()
	if err != nil {
		return Result{}, err
	}
	work := s.opt.Pull
	if r.Direction == table.Push {
		work = s.opt.Push
	}
	return work(ctx, Visit{
		Account: r.Account, Remote: r.ID, Name: r.Name, Fence: r.Lease.Fence, Dir: at.Dir, Settings: r.Settings,
		Connect: func(ctx context.Context) (remote.Session, error) {
			session, err := s.connect(ctx, r, place, nil)
			if err != nil {
				return nil, err
			}
			return pace.Watch(session, s.opt.Now), nil
		},
	})
}

// errBusy ends visits to a server that has as many already, under other names.
var errBusy = why.NoTurn.New(fault.TryLater, "remotes: connect", "so many visits are paid at the server's address right now that there was no turn for this one; it is tried again soon")

// connect signs in on a remote's server.
func (s *Service) connect(ctx context.Context, r *Remote, place *places.Taken, report func(remote.Step)) (remote.Session, error) {
	const op = "remotes: connect"
	at, err := r.Settings.Address()
	if err != nil {
		return nil, err
	}
	secret, err := s.secret(r.Account, r.ID, at)
	if err != nil {
		return nil, err
	}
	if secret.empty() {
		return nil, why.NoSecret.New(fault.Invalid, op, "there is no password or key for this address; set one")
	}
	reach := func(addr netip.Addr) error {
		if !place.Reach(addr) {
			return errBusy
		}
		return nil
	}
	return s.opt.Connect(ctx, Target{Address: at, Secret: secret, Settings: r.Settings, Guard: s.opt.Guard, Report: report, Reach: reach, Now: s.opt.Now})
}

// extend keeps the lease while a visit lasts, and ends the visit when it is lost, or no
// longer allowed.
func (s *Service) extend(ctx context.Context, cancel context.CancelCauseFunc, r *Remote) {
	tick := time.NewTicker(extendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
			if err := mayLead(tx, r); err != nil {
				return err
			}
			return tx.ExtendRemote(r.ID, r.Lease.Fence, s.opt.Now().Add(leaseFor))
		})
		if fault.Is(err, fault.Exists) || errors.Is(err, errNotAllowed) {
			cancel(err)
			return
		}
	}
}

// finish gives the lease back and writes down how a visit went.
func (s *Service) finish(r *Remote, run *table.Run, result Result, err error, cut bool) (outcome string) {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	now := s.opt.Now()
	run.EndedAt, run.Outcome = now, table.RunOK
	run.Seen, run.Files, run.Bytes, run.Failed = int64(result.Seen), int64(result.Files), result.Bytes, int64(result.Failed)
	problem := err
	if problem == nil && result.Failed > 0 {
		problem = result.Problem
	}
	if rec, rerr := s.opt.Custody.Records(ctx, r.Account); rerr == nil && problem != nil && !cut {
		run.Message = rec.Seal("remote_run", "message", run.ID, []byte(fault.Message(problem)))
	}
	switch {
	case cut, errors.Is(err, errBusy):
		run.Outcome = table.RunCut
	case problem != nil || result.Failed > 0:
		run.Outcome, run.Error = table.RunFailed, string(why.SomeFiles)
		if err != nil {
			run.Error = string(why.Of(err))
		} else if problem != nil {
			run.FileError = string(why.Of(problem))
		}
		s.opt.Log.Info("remote: visit failed", "account", r.Account, "remote", r.Name, "direction", r.Direction, "code", run.Error, "failures", r.Health.Failures+1)
	}
	uerr := s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error { return s.release(tx, r, run, result, err) })
	if fault.Is(uerr, fault.Exists) { // another has the remote now
		run.Outcome = table.RunCut
		uerr = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.SaveRemoteRun(run) })
	}
	if uerr != nil && !fault.Is(uerr, fault.NotFound) { // not found: it was removed
		s.opt.Log.Error("remote: how a visit went could not be written down", "account", r.Account, "remote", r.Name, "err", uerr)
	}
	return run.Outcome
}

// release is the end of a visit in the catalog.
func (s *Service) release(tx *catalog.Tx, r *Remote, run *table.Run, result Result, err error) error {
	row, rerr := tx.Remote(r.ID)
	if rerr != nil {
		return rerr // it was removed
	}
	h, planned, next, now := row.Health, row.Planned, row.NextRun, run.EndedAt
	h.LastRun = now
	if result.Files > 0 {
		h.LastFile = now
	}
	failing := !h.FailingSince.IsZero()
	switch run.Outcome {
	case table.RunOK:
		h.LastOK, h.FailingSince, h.Failures, h.Error = now, time.Time{}, 0, ""
	case table.RunFailed:
		h.Failures++
		h.Error = run.Error
		if !failing {
			h.FailingSince = now
		}
	}
	switch {
	case run.Outcome != table.RunCut:
		planned, next = s.next(r, row, run, h, result, err)
	case errors.Is(err, errBusy): // it stays due, and has its turn when there is a place
		h.LastRun = row.Health.LastRun
	}
	if err := tx.ReleaseRemote(r.ID, r.Lease.Fence, h, planned, next); err != nil {
		return err
	}
	switch {
	case run.Outcome == table.RunFailed && !failing:
		if err := tx.Audit(entry(row, "remote:"+row.Name, "remote.run-failed", map[string]string{"code": run.Error})); err != nil {
			return err
		}
	case run.Outcome == table.RunOK && failing:
		if err := tx.Audit(entry(row, "remote:"+row.Name, "remote.run-recovered", nil)); err != nil {
			return err
		}
	}
	if run.By == "" && (run.Outcome == table.RunOK && run.Files == 0 || errors.Is(err, errBusy)) { // a look that found nothing to do, or no turn
		return tx.DeleteRemoteRun(run.ID)
	}
	return tx.SaveRemoteRun(run)
}

// next is when a remote is due after a visit, and for when the newest visit was planned
// that its schedule asked for.
func (s *Service) next(r *Remote, row *table.Remote, run *table.Run, h table.Health, result Result, err error) (planned, next time.Time) {
	now := run.EndedAt
	planned = row.Planned
	if r.Settings == nil {
		return planned, now.Add(schedule.LongPause)
	}
	if row.State != table.On || !r.Settings.Confirmed() || !r.Password && !r.Key {
		return planned, time.Time{}
	}
	due, derr := r.Settings.Schedule(r.Direction)
	if derr != nil {
		return planned, now.Add(schedule.LongPause)
	}
	ahead := planned.Sub(run.BeganAt) // what ran before the clock was set back is not run again, where it has its hour
	wrong := ahead > 24*time.Hour || ahead > 0 && r.Settings.Cron == ""
	if planned.IsZero() || wrong || !run.BeganAt.Before(due.Next(planned, planned)) { // else it came in between
		planned = run.BeganAt
		if !row.NextRun.IsZero() {
			planned = earlier(planned, row.NextRun)
		}
	}
	if err != nil {
		return planned, now.Add(schedule.Pause(h.Failures))
	}
	next = due.Next(planned, now)
	if !result.Again.After(now) {
		return planned, next
	}
	if recovered := !row.Health.FailingSince.IsZero() && h.FailingSince.IsZero(); recovered {
		return planned, earlier(next, result.Again)
	}
	return planned, between(planned, now, next, result.Again)
}

// between is when a remote is due after a visit that leaves something to be done again
// before the next that is planned: not sooner than after as long as has passed since the
// last one that was planned, and in the first half of the time between the two. So a
// file that never stays as it is makes the visits to its server a few more, not many.
func between(planned, now, next, again time.Time) time.Time {
	again = later(again, now.Add(now.Sub(planned)))
	if again.After(planned.Add(next.Sub(planned) / 2)) {
		return next
	}
	return again
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
