// Package alarm notices what somebody should see to, and says so once.
//
// A Check looks at one thing and returns the conditions that it finds now. A condition
// that is new raises an alarm; one that is found again changes nothing, unless its
// Level has grown: more files are held, a certificate is nearer its end. One that is
// not found any more is over. A person marks an alarm as seen; when it grows it is
// open again.
//
// Alarms of one kind are one: a thousand held files of an account are one alarm with a
// count. Raising and ending are audit entries, which webhooks follow. Mail to the
// account's recipients, and to those who run the gateway, gathers what is new: one
// message for each, not more often than every hour for the same alarm.
//
// A check that fails says nothing: its alarms stay as they are. New checks are rows in
// the list that New is given.
package alarm

import (
	"context"
	"log/slog"
	"maps"
	"strconv"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/notices"
)

// Severities.
const (
	Info     = "info"
	Warning  = "warning"
	Critical = "critical"
)

// The actions of audit entries, and types of webhook events.
const (
	Raised = "alarm.raised"
	Over   = "alarm.over"
)

const (
	lookEvery   = time.Minute
	rememberFor = 90 * 24 * time.Hour // alarms that are over
)

// Condition is something that a check has found. Account, Kind and Object together say
// which it is.
type Condition struct {
	Account  uuid.UUID // uuid.Nil = the gateway's own
	Kind     string
	Object   string // an id or a fingerprint; may be empty
	Severity string
	Count    int64             // of the things it is about
	Level    int64             // grows as it gets worse, or newer
	Detail   map[string]string // as in an audit entry: no names
}

// Check looks at one thing.
type Check struct {
	Name  string // of the check; alarms remember it
	Every time.Duration
	Look  func(ctx context.Context) ([]Condition, error)
}

// Options of a Service.
type Options struct {
	Catalog *catalog.Catalog
	Checks  []Check
	// Tell is asked once in a round to write to people about what is new; nil = nobody
	// is written to.
	Tell func(ctx context.Context) error
	Now  func() time.Time
	Log  *slog.Logger
}

// Service raises alarms. It is safe for concurrent use, but for Round.
type Service struct {
	opt    Options
	looked map[string]time.Time // by check
}

// New returns a service; Run makes it look.
func New(opt Options) *Service { return &Service{opt: opt, looked: map[string]time.Time{}} }

// Run looks at once, and each minute, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		s.Round(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Round makes the checks that are due, and writes to people. What fails is logged, and
// done in a later round.
func (s *Service) Round(ctx context.Context) {
	for _, c := range s.opt.Checks {
		now := s.opt.Now()
		if last, ok := s.looked[c.Name]; ok && now.Sub(last) >= 0 && now.Sub(last) < c.Every {
			continue
		}
		found, err := c.Look(ctx)
		if err == nil {
			err = s.settle(ctx, c.Name, found)
		}
		if err != nil {
			if ctx.Err() == nil {
				s.opt.Log.WarnContext(ctx, "alarms: a check failed", "check", c.Name, "err", err)
			}
			continue
		}
		s.looked[c.Name] = now
	}
	if s.opt.Tell != nil {
		if err := s.opt.Tell(ctx); err != nil && ctx.Err() == nil {
			s.opt.Log.WarnContext(ctx, "alarms: nobody was written to", "err", err)
		}
	}
}

// Forget is a check that finds nothing: it removes alarms that were over long ago.
func Forget(cat *catalog.Catalog, now func() time.Time) Check {
	return Check{Name: "forget", Every: time.Hour, Look: func(ctx context.Context) ([]Condition, error) {
		return nil, cat.Update(ctx, func(tx *catalog.Tx) error { return tx.DeleteAlarms(now().Add(-rememberFor)) })
	}}
}

type key struct {
	account      uuid.UUID
	kind, object string
}

// settle compares what a check found with its alarms.
func (s *Service) settle(ctx context.Context, check string, found []Condition) error {
	live, err := s.live(ctx, check)
	if err != nil || len(live) == 0 && len(found) == 0 {
		return err
	}
	var changed []func(tx *catalog.Tx) error
	for _, c := range found {
		k := key{c.Account, c.Kind, c.Object}
		if a := live[k]; a == nil {
			changed = append(changed, s.raise(check, c))
		} else if !same(a, c) {
			changed = append(changed, s.update(a, c))
		}
		delete(live, k)
	}
	for _, a := range live {
		changed = append(changed, s.end(a))
	}
	if len(changed) == 0 {
		return nil
	}
	return s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		for _, change := range changed {
			if err := change(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) live(ctx context.Context, check string) (map[key]*notices.Alarm, error) {
	live := map[key]*notices.Alarm{}
	err := s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		all, err := tx.LiveAlarms()
		for _, a := range all {
			if a.Check == check {
				live[key{a.Account, a.Kind, a.Object}] = a
			}
		}
		return err
	})
	return live, fault.Wrap(fault.Internal, "alarm: live", err)
}

func same(a *notices.Alarm, c Condition) bool {
	return a.Count == c.Count && a.Level == c.Level && a.Severity == c.Severity && maps.Equal(a.Detail, c.Detail)
}

func (s *Service) raise(check string, c Condition) func(*catalog.Tx) error {
	return func(tx *catalog.Tx) error {
		id, err := uuid.NewV7()
		if err != nil {
			return fault.Wrap(fault.Internal, "alarm: raise", err)
		}
		a := &notices.Alarm{
			ID: id, Account: c.Account, Check: check, Kind: c.Kind, Object: c.Object, State: notices.AlarmOpen, Severity: c.Severity,
			Count: c.Count, Level: c.Level, Detail: c.Detail, RaisedAt: s.opt.Now(),
		}
		// What comes back within the hour was written about.
		if a.MailedAt, err = tx.LastMailed(a.Account, a.Kind, a.Object, a.RaisedAt.Add(-tellAgain)); err != nil {
			return err
		}
		if err := tx.InsertAlarm(a); err != nil {
			return err
		}
		return note(tx, a, Raised)
	}
}

// update writes down what has changed. An alarm that has grown is raised again: one
// that somebody has seen is open again, and on record as such.
func (s *Service) update(a *notices.Alarm, c Condition) func(*catalog.Tx) error {
	return func(tx *catalog.Tx) error {
		now, err := tx.Alarm(a.ID) // somebody may have seen it meanwhile
		if err != nil || now.State == notices.AlarmOver {
			return err
		}
		grew, seen := c.Level > now.Level, now.State == notices.AlarmSeen
		now.Count, now.Level, now.Severity, now.Detail = c.Count, c.Level, c.Severity, c.Detail
		if grew {
			now.RaisedAt, now.State, now.SeenAt, now.SeenBy = s.opt.Now(), notices.AlarmOpen, time.Time{}, ""
		}
		if err := tx.SaveAlarm(now); err != nil || !grew || !seen {
			return err
		}
		return note(tx, now, Raised)
	}
}

func (s *Service) end(a *notices.Alarm) func(*catalog.Tx) error {
	return func(tx *catalog.Tx) error {
		now, err := tx.Alarm(a.ID)
		if err != nil {
			return err
		}
		now.State, now.OverAt = notices.AlarmOver, s.opt.Now()
		if err := tx.SaveAlarm(now); err != nil {
			return err
		}
		return note(tx, now, Over)
	}
}

func note(tx *catalog.Tx, a *notices.Alarm, action string) error {
	return tx.Audit(audit.Entry{
		Account: a.Account, Actor: audit.Gateway, Action: action, Object: a.ID.String(),
		Detail: map[string]string{"kind": a.Kind, "count": strconv.FormatInt(a.Count, 10)},
	})
}

// See marks an alarm as seen by an actor.
func (s *Service) See(ctx context.Context, actor string, id uuid.UUID) (a *notices.Alarm, err error) {
	const op = "alarm: see"
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if a, err = tx.Alarm(id); err != nil {
			return err
		}
		if a.State != notices.AlarmOpen {
			return nil // it is seen, or over
		}
		a.State, a.SeenAt, a.SeenBy = notices.AlarmSeen, s.opt.Now(), actor
		if err := tx.SaveAlarm(a); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Account: a.Account, Actor: actor, Action: "alarm.seen", Object: id.String(), Detail: map[string]string{"kind": a.Kind}})
	})
	return a, fault.Wrap(fault.Internal, op, err)
}

// maxEnded is how many alarms that are over a list holds.
const maxEnded = 200

// List returns the alarms that are not over, the newest first, and with ended those
// that were last, behind them. With an account, of that account only.
func (s *Service) List(ctx context.Context, account uuid.UUID, ended bool) (list []*notices.Alarm, err error) {
	err = s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		live, err := tx.LiveAlarms()
		if err != nil {
			return err
		}
		for i := len(live) - 1; i >= 0; i-- {
			if account == uuid.Nil || live[i].Account == account {
				list = append(list, live[i])
			}
		}
		if !ended {
			return nil
		}
		old := tx.EndedAlarms
		if account != uuid.Nil {
			old = func(limit int) ([]*notices.Alarm, error) { return tx.EndedAlarmsOf(account, limit) }
		}
		more, err := old(maxEnded)
		list = append(list, more...)
		return err
	})
	return list, fault.Wrap(fault.Internal, "alarm: list", err)
}

// Open counts the alarms that nobody has seen yet.
func (s *Service) Open(ctx context.Context) (n int64, err error) {
	list, err := s.List(ctx, uuid.Nil, false)
	for _, a := range list {
		if a.State == notices.AlarmOpen {
			n++
		}
	}
	return n, err
}
