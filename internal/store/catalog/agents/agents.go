// Package agents is the installed agents of accounts, as the catalog keeps them: who
// was invited, who has enrolled, how each one does, and what it has delivered.
//
// Names and enrolment keys come sealed under the account's record key; of an agent's
// own keys only the public halves are here. An agent that was revoked stays on record:
// its files name it, and it is told so when it comes again.
package agents

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// Agents are these tables, within a transaction of the catalog.
type Agents struct{ tx *engine.Tx }

// In returns the tables as tx sees and changes them.
func In(tx *engine.Tx) Agents { return Agents{tx} }

// States of agents.
const (
	Active  = "active"
	Revoked = "revoked"
)

// Agent is one installed program at a customer's premises.
type Agent struct {
	ID         uuid.UUID
	Account    uuid.UUID
	Name       []byte   // sealed
	SignKey    []byte   // Ed25519, public
	ReceiveKey []byte   // MLKEM768-X25519, public
	May        []string // send, fetch, open
	InvitedBy  string   // as in the audit log
	ByOperator bool     // what it may was last said by who runs the gateway
	State      string
	CreatedAt  time.Time
	RevokedAt  time.Time
	// SilentAfter is how long it may say nothing before that is an alarm.
	SilentAfter time.Duration
	LastSeen    time.Time
	Report      Report
}

// Report is what an agent last said of itself.
type Report struct {
	At       time.Time // zero = never
	Version  string
	Platform string
	Waiting  int64     // files
	Failed   int64     // files that it cannot send
	Oldest   time.Time // of those that wait
	Error    string    // a code word; empty = all is well
	ClockOff time.Duration
	Folders  int64 // that it cannot read
	// TroubledSince is when it began to report that something is wrong.
	TroubledSince time.Time
}

const selectAgent = `SELECT id, account, name, sign_key, receive_key, may, invited_by, by_operator, state, created_at, revoked_at, silent_after, last_seen,
	reported_at, version, platform, waiting, failed, oldest, error, clock_off, folders, troubled_since FROM agent `

func readAgent(s engine.Scan) (*Agent, error) {
	a, r := new(Agent), new(Report)
	err := s((*column.ID)(&a.ID), (*column.ID)(&a.Account), &a.Name, &a.SignKey, &a.ReceiveKey, (*column.Texts)(&a.May), &a.InvitedBy, (*column.Bool)(&a.ByOperator), &a.State,
		(*column.Time)(&a.CreatedAt), (*column.Time)(&a.RevokedAt), (*column.Seconds)(&a.SilentAfter), (*column.Time)(&a.LastSeen),
		(*column.Time)(&r.At), &r.Version, &r.Platform, &r.Waiting, &r.Failed, (*column.Time)(&r.Oldest), &r.Error,
		(*column.Seconds)(&r.ClockOff), &r.Folders, (*column.Time)(&r.TroubledSince))
	a.Report = *r
	return a, err
}

// InsertAgent adds an agent that has not reported yet.
func (in Agents) InsertAgent(a *Agent) error {
	_, err := in.tx.Exec("catalog: insert agent",
		`INSERT INTO agent (id, account, name, sign_key, receive_key, may, invited_by, by_operator, state, created_at, revoked_at, silent_after, last_seen,
		reported_at, version, platform, waiting, failed, oldest, error, clock_off, folders, troubled_since)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 0, 0, 0, '', 0, 0, 0)`,
		column.ID(a.ID), column.ID(a.Account), a.Name, a.SignKey, a.ReceiveKey, column.Texts(a.May), a.InvitedBy, column.Bool(a.ByOperator), a.State,
		column.Time(a.CreatedAt), column.Time(a.RevokedAt), column.Seconds(a.SilentAfter), column.Time(a.LastSeen), a.Report.Version, a.Report.Platform)
	return err
}

// SaveAgent writes Name, May, ByOperator, State, RevokedAt and SilentAfter.
func (in Agents) SaveAgent(a *Agent) error {
	return in.tx.ExecOne("catalog: save agent", `UPDATE agent SET name = ?, may = ?, by_operator = ?, state = ?, revoked_at = ?, silent_after = ? WHERE id = ?`,
		a.Name, column.Texts(a.May), column.Bool(a.ByOperator), a.State, column.Time(a.RevokedAt), column.Seconds(a.SilentAfter), column.ID(a.ID))
}

// ReportAgent writes what an agent says of itself; that is a time when it was seen, too.
func (in Agents) ReportAgent(id uuid.UUID, r Report) error {
	return in.tx.ExecOne("catalog: report of an agent",
		`UPDATE agent SET last_seen = ?, reported_at = ?, version = ?, platform = ?, waiting = ?, failed = ?, oldest = ?, error = ?, clock_off = ?,
		folders = ?, troubled_since = ? WHERE id = ?`,
		column.Time(r.At), column.Time(r.At), r.Version, r.Platform, r.Waiting, r.Failed, column.Time(r.Oldest), r.Error,
		column.Seconds(r.ClockOff), r.Folders, column.Time(r.TroubledSince), column.ID(id))
}

// TouchAgent notes when an agent was last seen.
func (in Agents) TouchAgent(id uuid.UUID, at time.Time) error {
	return in.tx.ExecOne("catalog: touch agent", `UPDATE agent SET last_seen = ? WHERE id = ?`, column.Time(at), column.ID(id))
}

// RevokeAgents revokes all agents of an account and ends its invitations: it is closed.
func (in Agents) RevokeAgents(account uuid.UUID, at time.Time) error {
	const op = "catalog: revoke agents"
	_, err := in.tx.Exec(op, `UPDATE agent SET state = 'revoked', revoked_at = ? WHERE account = ? AND state = 'active'`, column.Time(at), column.ID(account))
	if err != nil {
		return err
	}
	_, err = in.tx.Exec(op, `DELETE FROM invitation WHERE account = ?`, column.ID(account))
	return err
}

// Agent returns an agent.
func (in Agents) Agent(id uuid.UUID) (*Agent, error) {
	return engine.One(in.tx, "catalog: agent", readAgent, selectAgent+`WHERE id = ?`, column.ID(id))
}

// AgentsOf returns an account's agents, also those that were revoked, oldest first.
func (in Agents) AgentsOf(account uuid.UUID) ([]*Agent, error) {
	return engine.List(in.tx, "catalog: agents", readAgent, selectAgent+`WHERE account = ? ORDER BY created_at, id`, column.ID(account))
}

// ActiveAgents returns the agents of all accounts that were not revoked, in no order.
func (in Agents) ActiveAgents() ([]*Agent, error) {
	return engine.List(in.tx, "catalog: active agents", readAgent, selectAgent+`WHERE state = 'active'`)
}

// Invitation lets one agent enrol, once.
type Invitation struct {
	ID        uuid.UUID
	Code      []byte // names it in the code that is handed over
	Account   uuid.UUID
	Name      []byte // sealed: of the agent
	Key       []byte // sealed: the enrolment key, which derives from the code's secret
	May       []string
	InvitedBy string
	// ByOperator: it was made by who runs the gateway.
	ByOperator bool
	// SilentAfter is that of the agent to come.
	SilentAfter time.Duration
	CreatedAt   time.Time
	Until       time.Time // good for nothing from then on
	Wrong       int64     // attempts whose MAC was wrong
	UsedBy      uuid.UUID // the agent that has enrolled with it
}

const selectInvitation = `SELECT id, code, account, name, key, may, invited_by, by_operator, silent_after, created_at, until, wrong, used_by FROM invitation `

func readInvitation(s engine.Scan) (*Invitation, error) {
	i := new(Invitation)
	err := s((*column.ID)(&i.ID), &i.Code, (*column.ID)(&i.Account), &i.Name, &i.Key, (*column.Texts)(&i.May), &i.InvitedBy, (*column.Bool)(&i.ByOperator), (*column.Seconds)(&i.SilentAfter),
		(*column.Time)(&i.CreatedAt), (*column.Time)(&i.Until), &i.Wrong, (*column.Ref)(&i.UsedBy))
	return i, err
}

// InsertInvitation adds an invitation that nobody has used.
func (in Agents) InsertInvitation(i *Invitation) error {
	_, err := in.tx.Exec("catalog: insert invitation",
		`INSERT INTO invitation (id, code, account, name, key, may, invited_by, by_operator, silent_after, created_at, until, wrong, used_by)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, NULL)`,
		column.ID(i.ID), i.Code, column.ID(i.Account), i.Name, i.Key, column.Texts(i.May), i.InvitedBy, column.Bool(i.ByOperator),
		column.Seconds(i.SilentAfter), column.Time(i.CreatedAt), column.Time(i.Until))
	return err
}

// SaveInvitation writes Until, Wrong and UsedBy.
func (in Agents) SaveInvitation(i *Invitation) error {
	return in.tx.ExecOne("catalog: save invitation", `UPDATE invitation SET until = ?, wrong = ?, used_by = ? WHERE id = ?`,
		column.Time(i.Until), i.Wrong, column.Ref(i.UsedBy), column.ID(i.ID))
}

// DeleteInvitation removes an invitation.
func (in Agents) DeleteInvitation(id uuid.UUID) error {
	return in.tx.ExecOne("catalog: delete invitation", `DELETE FROM invitation WHERE id = ?`, column.ID(id))
}

// SweepInvitations removes those that were over before a time.
func (in Agents) SweepInvitations(overBefore time.Time) error {
	_, err := in.tx.Exec("catalog: sweep invitations", `DELETE FROM invitation WHERE until < ?`, column.Time(overBefore))
	return err
}

// InvitationByCode returns the invitation that a code names, over or not.
func (in Agents) InvitationByCode(code []byte) (*Invitation, error) {
	return engine.One(in.tx, "catalog: invitation", readInvitation, selectInvitation+`WHERE code = ?`, code)
}

// Invitations returns an account's invitations, oldest first.
func (in Agents) Invitations(account uuid.UUID) ([]*Invitation, error) {
	return engine.List(in.tx, "catalog: invitations", readInvitation, selectInvitation+`WHERE account = ? ORDER BY created_at, id`, column.ID(account))
}
