package agents

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/connect"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/agents"
)

const (
	seenEvery   = 5 * time.Minute // how exactly it is noted when an agent was last seen
	clockIsOff  = connect.MaxClockError
	maxReported = 1 << 40
)

// Find returns the agent that a request names, as it is now: ErrUnknown, ErrRevoked
// and ErrClosed let it do nothing. Who runs the gateway and has invited it has let it
// do no more than he may himself: when the account does not let operators see its
// contents, such an agent only sends.
func (s *Service) Find(ctx context.Context, id uuid.UUID) (*Agent, error) {
	const op = "agents: find"
	var row *table.Agent
	var acc *catalog.Account
	err := s.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if row, err = tx.Agent(id); err == nil {
			acc, err = tx.Account(row.Account)
		}
		return err
	})
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, ErrUnknown
	case err != nil:
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	a := agentOf(nil, row)
	switch {
	case acc.State != catalog.AccountOpen:
		return a, ErrClosed
	case row.State != Active:
		return a, ErrRevoked
	}
	if row.ByOperator && acc.OperatorAccess != catalog.OperatorOn {
		a.May = slices.DeleteFunc(a.May, func(r connect.Right) bool { return r != connect.RightSend })
	}
	rec, err := s.keys.Records(ctx, acc.ID)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	a.Name, a.Unreadable = nameIn(rec, "agent", row.ID, row.Name)
	return a, nil
}

// Seen notes that an agent has made a request that is its own.
func (s *Service) Seen(ctx context.Context, a *Agent) error {
	now := s.now()
	if passed := now.Sub(a.LastSeen); passed >= 0 && passed < seenEvery {
		return nil
	}
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.TouchAgent(a.ID, now) })
	return fault.Wrap(fault.Internal, "agents: seen", err)
}

// Heard keeps what an agent says of itself.
func (s *Service) Heard(ctx context.Context, a *Agent, h connect.Heartbeat) error {
	now := s.now()
	count := func(n int64) int64 { return max(0, min(n, maxReported)) }
	r := table.Report{
		At: now, Version: word(h.Program), Platform: word(h.Platform), Waiting: count(h.Waiting), Failed: count(h.Failed),
		Error: word(h.LastError), ClockOff: time.Duration(max(-maxReported, min(h.Clock, maxReported))) * time.Millisecond, Folders: int64(len(h.Troubled)),
	}
	if h.Oldest != nil && h.Oldest.Before(now) && h.Oldest.After(time.Unix(0, 0)) {
		r.Oldest = h.Oldest.UTC().Truncate(time.Microsecond)
	}
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		row, err := tx.Agent(a.ID)
		if err != nil {
			return err
		}
		if Troubled(r) {
			r.TroubledSince = now
			if since := row.Report.TroubledSince; !since.IsZero() {
				r.TroubledSince = since
			}
		}
		return tx.ReportAgent(a.ID, r)
	})
	return fault.Wrap(fault.Internal, "agents: heard", err)
}

// Troubled reports whether an agent says that something is wrong there.
func Troubled(r table.Report) bool {
	return r.Failed > 0 || r.Folders > 0 || r.Error != "" || r.ClockOff.Abs() > clockIsOff
}

// Lost returns which of these files of an agent the gateway has not, although it has
// given receipts for them: it was restored from a backup that is older. What was lost
// with its key in such a restore counts, too, whether or not somebody has noticed it:
// an agent asks once, within seconds of the start.
func (s *Service) Lost(ctx context.Context, a *Agent, files []uuid.UUID) (lost []uuid.UUID, err error) {
	err = s.catalog.View(ctx, func(tx *catalog.Tx) error {
		for _, id := range files {
			f, err := tx.File(id)
			switch {
			case fault.Is(err, fault.NotFound):
			case err != nil:
				return err
			case f.Account == a.Account && f.Login == a.ID && f.State != catalog.Arriving && !s.keys.Lost(f):
				continue
			}
			lost = append(lost, id)
		}
		return nil
	})
	return lost, fault.Wrap(fault.Internal, "agents: lost", err)
}

// Silent reports whether an agent has said nothing for longer than it should.
func (a *Agent) Silent(now time.Time) bool {
	return a.State == Active && now.Sub(a.LastSeen) > a.SilentAfter
}

// Kinds of trouble, as alarms have them.
const (
	KindSilent   = "agent-silent"
	KindTroubled = "agent-troubled"
)

// troubledFor is how long an agent says that something is wrong before that is an
// alarm: much of it passes.
const troubledFor = 10 * time.Minute

// Trouble is an agent that somebody should see to.
type Trouble struct {
	*Agent
	Kind  string
	Since time.Time
}

// Troubles returns the agents of open accounts that are silent, or in trouble for a
// while, without their names. A silent one is not said to be in trouble, too.
func (s *Service) Troubles(ctx context.Context) (list []Trouble, err error) {
	now := s.now()
	var rows []*table.Agent
	err = s.catalog.View(ctx, func(tx *catalog.Tx) error {
		rows, err = tx.ActiveAgents()
		return err
	})
	for _, row := range rows {
		a := agentOf(nil, row)
		t := Trouble{Agent: a}
		switch since := row.Report.TroubledSince; {
		case a.Silent(now):
			t.Kind, t.Since = KindSilent, a.LastSeen
		case !since.IsZero() && now.Sub(since) >= troubledFor:
			t.Kind, t.Since = KindTroubled, since
		default:
			continue
		}
		list = append(list, t)
	}
	return list, fault.Wrap(fault.Internal, "agents: troubles", err)
}
