// Package agents knows which agents an account has: it invites them, takes them up
// when they enrol, finds the one that a request names, and revokes.
//
// An invitation is a code that is shown once. The gateway keeps only the key that
// derives from its secret, sealed; whoever proves to know it within its time becomes
// the agent, with the two public keys that he brings. The same keys may ask again
// while the code lives, because the answer may have been lost; other keys are refused.
//
// What is decided here holds from the next request on: an agent is looked up each
// time. A revoked one stays on record, because its files name it.
//
// Not here: signatures, envelopes and places (transfer/connectd), and files
// (transfer/intake).
package agents

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/connect"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/agents"
)

// Bounds.
const (
	InviteFor    = 24 * time.Hour // when nothing else is asked for
	maxInviteFor = 14 * 24 * time.Hour
	SilentAfter  = 24 * time.Hour // when nothing else is asked for
	minSilent    = 10 * time.Minute
	maxSilent    = 90 * 24 * time.Hour
	maxAgents    = 200                 // of an account that were not revoked, invitations included
	maxWrong     = 10                  // attempts with a wrong MAC, after which an invitation is over
	maxName      = 100                 // bytes
	keepOver     = 30 * 24 * time.Hour // an invitation that nobody has used in its time, so that it is seen to be over
	maxOver      = 100                 // of these, of an account; the oldest go
)

// Why an agent is not let in, or not enrolled. Doors tell them apart.
var (
	ErrUnknown = fault.New(fault.NotFound, "agents: find", "the gateway does not know this agent")
	ErrRevoked = fault.New(fault.Denied, "agents: find", "this agent was revoked")
	ErrClosed  = fault.New(fault.Locked, "agents: find", "the account is closed: nothing is accepted")

	ErrInvalidCode = fault.New(fault.Denied, "agents: enrol", "the enrolment code is not valid here")
	ErrCodeExpired = fault.New(fault.Denied, "agents: enrol", "the enrolment code has expired; ask for a new one")
	ErrCodeUsed    = fault.New(fault.Denied, "agents: enrol", "the enrolment code was used before; ask for a new one")
)

// Options are what a Service needs beside its stores.
type Options struct {
	Identity ed25519.PublicKey // of the gateway
	Now      func() time.Time
	Log      *slog.Logger
	// Ended is told when an agent was revoked: what it has not finished goes. May be nil.
	Ended func(ctx context.Context, agent uuid.UUID) error
}

// Service is the agents of all accounts. It is safe for concurrent use.
type Service struct {
	catalog *catalog.Catalog
	keys    *custody.Custodian
	opt     Options
}

// New returns the service of these stores.
func New(cat *catalog.Catalog, keys *custody.Custodian, opt Options) *Service {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	return &Service{catalog: cat, keys: keys, opt: opt}
}

func (s *Service) now() time.Time { return s.opt.Now().UTC().Truncate(time.Microsecond) }

// Actor is how the audit log names an agent.
func Actor(agent uuid.UUID) string { return ActorPrefix + agent.String() }

// ActorPrefix is what the actors of the audit log begin with that are agents.
const ActorPrefix = "agent:"

// The states of what is listed.
const (
	Invited = "invited" // nobody has used the code yet
	Expired = "expired" // nobody has, and it is good no more
	Active  = table.Active
	Revoked = table.Revoked
)

// Agent is an installed agent, or one that is invited.
type Agent struct {
	ID          uuid.UUID // of the invitation, while it is invited or expired
	Account     uuid.UUID
	Name        string
	Unreadable  bool // the name is sealed under a record key that is not here: it is empty
	State       string
	May         []connect.Right
	ByOperator  bool // what it may was last said by who runs the gateway
	InvitedBy   string
	CreatedAt   time.Time
	Until       time.Time // invited: the code is good until then; expired: it was
	RevokedAt   time.Time
	SilentAfter time.Duration
	LastSeen    time.Time
	Report      table.Report
	SignKey     ed25519.PublicKey
	ReceiveKey  []byte
}

// Is reports whether the agent may do something.
func (a *Agent) Is(r connect.Right) bool { return slices.Contains(a.May, r) }

// List returns the agents of an account, and the invitations that nobody has used,
// oldest first; with all, the agents that were revoked, too.
func (s *Service) List(ctx context.Context, account string, all bool) ([]*Agent, error) {
	acc, err := s.account(ctx, account)
	if err != nil {
		return nil, err
	}
	rec, err := s.keys.Records(ctx, acc.ID)
	if err != nil && !fault.Is(err, fault.Locked) {
		return nil, err
	}
	var rows []*table.Agent
	var invited []*table.Invitation
	err = s.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if rows, err = tx.AgentsOf(acc.ID); err == nil {
			invited, err = tx.Invitations(acc.ID)
		}
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "agents: list", err)
	}
	var list []*Agent
	for _, row := range rows {
		if all || row.State == Active {
			list = append(list, agentOf(rec, row))
		}
	}
	for _, row := range invited {
		if row.UsedBy == uuid.Nil && s.now().Sub(row.Until) < keepOver {
			list = append(list, invitedOf(rec, row, s.now()))
		}
	}
	return list, nil
}

// Get returns an agent or an invitation that nobody has used by its name or id. Of the name, the one
// that is not revoked comes first.
func (s *Service) Get(ctx context.Context, account, agent string) (*Agent, error) {
	list, err := s.List(ctx, account, true)
	if err != nil {
		return nil, err
	}
	var found *Agent
	for _, a := range list {
		switch {
		case a.ID.String() == agent:
			return a, nil
		case a.Unreadable || a.Name != agent:
		case found == nil || found.State == Revoked:
			found = a
		}
	}
	if found == nil {
		return nil, errNone
	}
	return found, nil
}

var errNone = fault.New(fault.NotFound, "agents: get", "the account has no such agent")

func agentOf(rec *custody.Records, row *table.Agent) *Agent {
	a := &Agent{
		ID: row.ID, Account: row.Account, State: row.State, May: rights(row.May), ByOperator: row.ByOperator, InvitedBy: row.InvitedBy,
		CreatedAt: row.CreatedAt, RevokedAt: row.RevokedAt, SilentAfter: row.SilentAfter, LastSeen: row.LastSeen, Report: row.Report,
		SignKey: row.SignKey, ReceiveKey: row.ReceiveKey,
	}
	a.Name, a.Unreadable = nameIn(rec, "agent", row.ID, row.Name)
	return a
}

func invitedOf(rec *custody.Records, row *table.Invitation, now time.Time) *Agent {
	a := &Agent{
		ID: row.ID, Account: row.Account, State: Invited, May: rights(row.May), ByOperator: row.ByOperator, InvitedBy: row.InvitedBy,
		CreatedAt: row.CreatedAt, Until: row.Until, SilentAfter: row.SilentAfter,
	}
	if !now.Before(row.Until) {
		a.State = Expired
	}
	a.Name, a.Unreadable = nameIn(rec, "invitation", row.ID, row.Name)
	return a
}

// nameIn opens a name. One that cannot be read is no reason to list nothing.
func nameIn(rec *custody.Records, in string, id uuid.UUID, sealed []byte) (name string, unreadable bool) {
	if rec == nil {
		return "", true
	}
	plain, err := rec.Open(in, "name", id, sealed)
	return string(plain), err != nil
}

func rights(texts []string) []connect.Right {
	list := make([]connect.Right, 0, len(texts))
	for _, t := range texts {
		list = append(list, connect.Right(t))
	}
	return list
}

// texts brings rights into their order, each once.
func texts(list []connect.Right) (all []string) {
	for _, r := range connect.Rights {
		if slices.Contains(list, r) {
			all = append(all, string(r))
		}
	}
	return all
}

func (s *Service) account(ctx context.Context, name string) (acc *catalog.Account, err error) {
	if name == catalog.SystemAccount {
		return nil, fault.New(fault.NotFound, "agents: account", "there is no account of that name")
	}
	err = s.catalog.View(ctx, func(tx *catalog.Tx) error {
		acc, err = tx.AccountByName(name)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "agents: account", "there is no account of that name")
	}
	return acc, err
}

func checkName(name string) error {
	_, uuidErr := uuid.Parse(name)
	bad := func(r rune) bool { return r < ' ' || r == 0x7f || r == '/' }
	if name == "" || len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, bad) || strings.TrimSpace(name) != name || uuidErr == nil {
		return fault.New(fault.Invalid, "agents: name", "an agent has a name, such as that of its machine: 1 to %d bytes, no slash and no control characters, and not an id", maxName)
	}
	return nil
}

func checkMay(may []connect.Right) error {
	if len(may) == 0 {
		return fault.New(fault.Invalid, "agents: rights", "an agent may send, fetch or open: say which")
	}
	for _, r := range may {
		if !slices.Contains(connect.Rights, r) {
			return fault.New(fault.Invalid, "agents: rights", "an agent may send, fetch or open, not %q", r)
		}
	}
	return nil
}

func checkSilent(d time.Duration) error {
	if d < minSilent || d > maxSilent {
		return fault.New(fault.Invalid, "agents: alarm", "an agent that says nothing is an alarm after 10 minutes to 90 days")
	}
	return nil
}

// Change says what of an agent is set anew; nil = it stays.
type Change struct {
	May         *[]connect.Right
	SilentAfter *time.Duration
	ByOperator  bool // who asks runs the gateway
}

// Set changes what an agent may, and when its silence is an alarm.
func (s *Service) Set(ctx context.Context, actor, account, agent string, c Change) (*Agent, error) {
	const op = "agents: set"
	if c.May != nil {
		if err := checkMay(*c.May); err != nil {
			return nil, err
		}
	}
	if c.SilentAfter != nil {
		if err := checkSilent(*c.SilentAfter); err != nil {
			return nil, err
		}
	}
	a, err := s.Get(ctx, account, agent)
	if err != nil {
		return nil, err
	}
	if a.State != Active {
		return nil, fault.New(fault.Invalid, op, "only an agent that is active can be changed")
	}
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		row, err := tx.Agent(a.ID)
		if err != nil {
			return err
		}
		if row.State != Active {
			return errNone
		}
		if c.May != nil {
			row.May, row.ByOperator = texts(*c.May), c.ByOperator
		}
		if c.SilentAfter != nil {
			row.SilentAfter = *c.SilentAfter
		}
		if err := tx.SaveAgent(row); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{
			Account: row.Account, Actor: actor, Action: "agent.changed", Object: row.ID.String(),
			Detail: map[string]string{"may": strings.Join(row.May, ",")},
		})
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return s.Get(ctx, account, a.ID.String())
}

// Revoke ends an agent, or an invitation that nobody has used: the next request of it
// is refused, and what it has not finished sending goes.
func (s *Service) Revoke(ctx context.Context, actor, account, agent string) error {
	const op = "agents: revoke"
	a, err := s.Get(ctx, account, agent)
	if err != nil {
		return err
	}
	switch a.State {
	case Revoked:
		return errNone
	case Invited, Expired:
		err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
			if err := tx.DeleteInvitation(a.ID); err != nil {
				return err
			}
			return invitationEnded(tx, a.Account, actor, a.ID, "withdrawn")
		})
		return fault.Wrap(fault.Internal, op, err)
	}
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		row, err := tx.Agent(a.ID)
		if err != nil {
			return err
		}
		if row.State != Active {
			return errNone
		}
		row.State, row.RevokedAt = Revoked, s.now()
		if err := tx.SaveAgent(row); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Account: row.Account, Actor: actor, Action: "agent.revoked", Object: row.ID.String()})
	})
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	if s.opt.Ended != nil {
		if err := s.opt.Ended(context.WithoutCancel(ctx), a.ID); err != nil {
			s.opt.Log.WarnContext(ctx, "what a revoked agent has not finished is swept later", "agent", a.ID, "err", err)
		}
	}
	return nil
}

func invitationEnded(tx *catalog.Tx, account uuid.UUID, actor string, id uuid.UUID, cause string) error {
	return tx.Audit(audit.Entry{
		Account: account, Actor: actor, Action: "agent.invitation-ended", Object: id.String(), Detail: map[string]string{"cause": cause},
	})
}
