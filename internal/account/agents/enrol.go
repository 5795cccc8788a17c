package agents

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/connect"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/agents"
)

// Invite says which agent is to come.
type Invite struct {
	Name        string // once among an account's agents that are not revoked
	May         []connect.Right
	For         time.Duration // how long the code is good; 0 = a day
	SilentAfter time.Duration // 0 = a day
	ByOperator  bool          // who invites runs the gateway
}

// Invite makes an invitation. The second result is the code: it is nowhere else. One
// of the same name that nobody has used is over with it.
func (s *Service) Invite(ctx context.Context, actor, account string, n Invite) (*Agent, string, error) {
	const op = "agents: invite"
	if n.For == 0 {
		n.For = InviteFor
	}
	if n.SilentAfter == 0 {
		n.SilentAfter = SilentAfter
	}
	if n.May == nil {
		n.May = []connect.Right{connect.RightSend, connect.RightFetch}
	}
	if err := n.check(); err != nil {
		return nil, "", err
	}
	acc, err := s.account(ctx, account)
	if err != nil {
		return nil, "", err
	}
	rec, err := s.keys.Records(ctx, acc.ID)
	if err != nil {
		return nil, "", err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, "", fault.Wrap(fault.Internal, op, err)
	}
	code, now := connect.NewCode(s.opt.Identity), s.now()
	key := code.Key()
	row := &table.Invitation{
		ID: id, Code: code.Invitation[:], Account: acc.ID, Name: rec.Seal("invitation", "name", id, []byte(n.Name)),
		Key: rec.Seal("invitation", "key", id, key[:]), May: texts(n.May), InvitedBy: actor, ByOperator: n.ByOperator, SilentAfter: n.SilentAfter,
		CreatedAt: now, Until: now.Add(n.For),
	}
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.SweepInvitations(now.Add(-keepOver)); err != nil {
			return err
		}
		if err := s.takesOne(tx, rec, actor, acc.ID, n.Name); err != nil {
			return err
		}
		if err := tx.InsertInvitation(row); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{
			Account: acc.ID, Actor: actor, Action: "agent.invited", Object: id.String(),
			Detail: map[string]string{"may": strings.Join(row.May, ","), "until": row.Until.Format(time.RFC3339)},
		})
	})
	if err != nil {
		return nil, "", fault.Wrap(fault.Internal, op, err)
	}
	return invitedOf(rec, row, now), code.Text(), nil
}

func (n Invite) check() error {
	if err := checkName(n.Name); err != nil {
		return err
	}
	if n.For < time.Minute || n.For > maxInviteFor {
		return fault.New(fault.Invalid, "agents: invite", "a code is good for a minute to 14 days")
	}
	if err := checkSilent(n.SilentAfter); err != nil {
		return err
	}
	return checkMay(n.May)
}

// takesOne looks whether an agent of this name may come, and ends the invitation of
// that name that nobody has used.
func (s *Service) takesOne(tx *catalog.Tx, rec *custody.Records, actor string, account uuid.UUID, name string) error {
	const op = "agents: invite"
	if now, err := tx.Account(account); err != nil || now.State != catalog.AccountOpen {
		if err == nil {
			err = ErrClosed
		}
		return err
	}
	rows, err := tx.AgentsOf(account)
	if err != nil {
		return err
	}
	many := 0
	for _, row := range rows {
		if row.State != Active {
			continue
		}
		many++
		if known, unreadable := nameIn(rec, "agent", row.ID, row.Name); !unreadable && known == name {
			return fault.New(fault.Exists, op, "there is an agent of that name; revoke it first, or choose another name")
		}
	}
	open, err := tx.Invitations(account)
	if err != nil {
		return err
	}
	var expired []uuid.UUID // the oldest first
	for _, row := range open {
		if row.UsedBy != uuid.Nil {
			continue
		}
		over := !s.now().Before(row.Until)
		if over {
			expired = append(expired, row.ID)
		} else {
			many++
		}
		if known, unreadable := nameIn(rec, "invitation", row.ID, row.Name); !unreadable && known == name {
			if err := tx.DeleteInvitation(row.ID); err != nil {
				return err
			}
			if over {
				continue
			}
			if err := invitationEnded(tx, account, actor, row.ID, "replaced"); err != nil {
				return err
			}
		}
	}
	for len(expired) > maxOver {
		if err := tx.DeleteInvitation(expired[0]); err != nil && !fault.Is(err, fault.NotFound) { // it had this name
			return err
		}
		expired = expired[1:]
	}
	if many >= maxAgents {
		return fault.New(fault.Invalid, op, "an account has at most %d agents; revoke some that are not used", maxAgents)
	}
	return nil
}

// Enrolled is an agent that may be told so.
type Enrolled struct {
	*Agent
	AccountName string
	Key         connect.EnrolmentKey // for the answer
}

// Enrol takes up who asks with the code of an invitation. The errors are
// ErrInvalidCode, ErrCodeExpired and ErrCodeUsed; the latter two only who knows the
// code gets to see.
func (s *Service) Enrol(ctx context.Context, e *connect.Enrolment) (*Enrolled, error) {
	const op = "agents: enrol"
	row, acc, err := s.invitation(ctx, e.ID())
	if err != nil {
		return nil, err
	}
	rec, err := s.keys.Records(ctx, acc.ID)
	if fault.Is(err, fault.Locked) || fault.Is(err, fault.NotFound) {
		return nil, ErrInvalidCode // nobody can tell any more
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	plain, err := rec.Open("invitation", "key", row.ID, row.Key)
	if err != nil || len(plain) != len(connect.EnrolmentKey{}) {
		return nil, ErrInvalidCode
	}
	key := connect.EnrolmentKey(plain)
	if err := e.Verify(key, s.opt.Identity); err != nil {
		return nil, s.wrong(ctx, row)
	}
	if acc.Content == catalog.ContentKeep { // else an agent would stay that can send nothing; the code is good as long as it is
		if _, err := s.keys.CurrentLock(ctx, acc.ID); err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
	}
	var agent *table.Agent
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) (err error) {
		agent, err = s.enrol(tx, rec, row.Code, e)
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return &Enrolled{agentOf(rec, agent), acc.Name, key}, nil
}

func (s *Service) invitation(ctx context.Context, id connect.Invitation) (row *table.Invitation, acc *catalog.Account, err error) {
	err = s.catalog.View(ctx, func(tx *catalog.Tx) error {
		if row, err = tx.InvitationByCode(id[:]); err == nil {
			acc, err = tx.Account(row.Account)
		}
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && acc.State != catalog.AccountOpen {
		err = ErrInvalidCode
	}
	return row, acc, err
}

// wrong counts an attempt by somebody who does not know the code.
func (s *Service) wrong(ctx context.Context, row *table.Invitation) error {
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		now, err := tx.InvitationByCode(row.Code)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if now.Wrong++; now.Wrong < maxWrong || now.UsedBy != uuid.Nil {
			return tx.SaveInvitation(now)
		}
		if err := tx.DeleteInvitation(now.ID); err != nil {
			return err
		}
		return invitationEnded(tx, now.Account, audit.Gateway, now.ID, "guessed")
	})
	if err != nil {
		return fault.Wrap(fault.Internal, "agents: enrol", err)
	}
	return ErrInvalidCode
}

// enrol does it within the transaction: the invitation may have gone since.
func (s *Service) enrol(tx *catalog.Tx, rec *custody.Records, code []byte, e *connect.Enrolment) (*table.Agent, error) {
	row, err := tx.InvitationByCode(code)
	if fault.Is(err, fault.NotFound) {
		return nil, ErrInvalidCode
	}
	if err != nil {
		return nil, err
	}
	now := s.now()
	switch {
	case !now.Before(row.Until):
		return nil, ErrCodeExpired
	case row.UsedBy != uuid.Nil:
		agent, err := tx.Agent(row.UsedBy)
		if err != nil {
			return nil, err
		}
		if agent.State != Active || !bytes.Equal(agent.SignKey, e.SignKey) || !bytes.Equal(agent.ReceiveKey, e.ReceiveKey) {
			return nil, ErrCodeUsed
		}
		return agent, nil
	}
	name, err := rec.Open("invitation", "name", row.ID, row.Name)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "agents: enrol", err)
	}
	agent := &table.Agent{
		ID: id, Account: row.Account, Name: rec.Seal("agent", "name", id, name), SignKey: e.SignKey, ReceiveKey: e.ReceiveKey,
		May: row.May, InvitedBy: row.InvitedBy, ByOperator: row.ByOperator, State: Active, CreatedAt: now, SilentAfter: row.SilentAfter, LastSeen: now,
		Report: table.Report{Version: word(e.Program), Platform: word(e.Platform)},
	}
	err = tx.InsertAgent(agent)
	if fault.Is(err, fault.Exists) {
		return nil, fault.New(fault.Invalid, "agents: enrol", "an agent has these keys already; each agent makes its own")
	}
	if err != nil {
		return nil, err
	}
	row.UsedBy = id
	if err := tx.SaveInvitation(row); err != nil {
		return nil, err
	}
	return agent, tx.Audit(audit.Entry{
		Account: row.Account, Actor: Actor(id), Action: "agent.enrolled", Object: id.String(),
		Detail: map[string]string{"invitation": row.ID.String(), "platform": agent.Report.Platform},
	})
}

// word is what an agent says of itself as far as it can be shown.
func word(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	return text[:min(len(text), 100)]
}
