package remotes

import (
	"context"
	"errors"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/schedule"
	"sealgate/internal/transfer/remote/why"
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
func (s *Service) visit(ctx context.Context, row *table.Remote, run table.Run) {
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
		result, err = s.pass(ctx, r, run.By != "")
	}
	cut := s.ctx.Err() != nil || errors.Is(context.Cause(ctx), errSet)
	cancel(nil)
	<-beat
	outcome := s.finish(r, &run, result, err, cut)
	s.opt.Observe(r.Direction, outcome, result.Files, time.Since(began))
}

// pass does the work; by hand until what was seen is still.
func (s *Service) pass(ctx context.Context, r *Remote, byHand bool) (sum Result, err error) {
	for n := 1; ; n++ {
		result, err := s.once(ctx, r)
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

func (s *Service) once(ctx context.Context, r *Remote) (Result, error) {
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
		Connect: func(ctx context.Context) (remote.Session, error) { return s.connect(ctx, r, nil) },
	})
}

// connect signs in on a remote's server.
func (s *Service) connect(ctx context.Context, r *Remote, report func(remote.Step)) (remote.Session, error) {
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
	return s.opt.Connect(ctx, Target{Address: at, Secret: secret, Settings: r.Settings, Guard: s.opt.Guard, Report: report, Now: s.opt.Now})
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
	switch {
	case cut:
		run.Outcome, problem = table.RunCut, nil
	case problem != nil || result.Failed > 0:
		run.Outcome, run.Error = table.RunFailed, string(why.SomeFiles)
		if err != nil {
			run.Error = string(why.Of(err))
		} else if problem != nil {
			run.FileError = string(why.Of(problem))
		}
		if rec, rerr := s.opt.Custody.Records(ctx, r.Account); rerr == nil && problem != nil {
			run.Message = rec.Seal("remote_run", "message", run.ID, []byte(fault.Message(problem)))
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
	h, next, now := row.Health, row.NextRun, run.EndedAt
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
	if run.Outcome != table.RunCut {
		next = s.next(r, row, run, h, result, err)
	}
	if err := tx.ReleaseRemote(r.ID, r.Lease.Fence, h, next); err != nil {
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
	if run.Outcome == table.RunOK && run.By == "" && run.Files == 0 { // a look that found nothing to do
		return tx.DeleteRemoteRun(run.ID)
	}
	return tx.SaveRemoteRun(run)
}

// next is when a remote is due after a visit.
func (s *Service) next(r *Remote, row *table.Remote, run *table.Run, h table.Health, result Result, err error) time.Time {
	now := run.EndedAt
	if r.Settings == nil {
		return now.Add(schedule.LongPause)
	}
	if row.State != table.On || !r.Settings.Confirmed() || !r.Password && !r.Key {
		return time.Time{}
	}
	if err != nil {
		return now.Add(schedule.Pause(h.Failures))
	}
	due, derr := r.Settings.Schedule(r.Direction)
	if derr != nil {
		return now.Add(schedule.LongPause)
	}
	var next time.Time
	if row.NextRun.After(run.BeganAt) { // by hand, before its time: that is still to come
		next = earlier(row.NextRun, due.Next(time.Time{}, now))
	} else {
		next = due.Next(row.NextRun, now)
	}
	if result.Again.After(now) {
		next = earlier(next, result.Again)
	}
	return next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
