// Package approval lets the people of an account say yes or no before who runs the
// gateway looks at what their files hold (operator-access: asked).
//
//	asked ── allowed ──> ended, or over
//	  └───── refused, or over
//
// An operator asks, with a reason and for how long; an admin of the account allows or
// refuses it. A request is good for a week, an approval for as long as was asked for,
// from the moment it is given; either side ends it before, and both end by themselves.
// It lets all operators look, for the account is not told which person it deals with;
// each use names who it was. The reason is sealed under the account's record key.
//
// Everything is an audit entry of the account. Who may ask and who may answer is
// portal/access's to say.
package approval

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/approvals"
)

// How long a look lasts, and for how long it may be answered.
const (
	Usual   = 8 * time.Hour
	Longest = 7 * 24 * time.Hour

	shortest  = time.Minute
	answerFor = 7 * 24 * time.Hour
	maxReason = 500 // characters
	maxListed = 200
)

// Approval is a look that was asked for.
type Approval struct {
	approvals.Approval
	Name       string // of the account
	Reason     string
	Unreadable bool // the reason is sealed under a key that was destroyed
}

// Service answers for approvals.
type Service struct {
	Catalog *catalog.Catalog
	Custody *custody.Custodian
	Now     func() time.Time
}

// Ask asks an account for a look at its contents; lasts 0 is Usual.
func (s *Service) Ask(ctx context.Context, actor, account, reason string, lasts time.Duration) (*Approval, error) {
	const op = "approval: ask"
	if lasts == 0 {
		lasts = Usual
	}
	reason = strings.TrimSpace(reason)
	switch {
	case reason == "" || utf8.RuneCountInString(reason) > maxReason || strings.ContainsFunc(reason, unicode.IsControl):
		return nil, fault.New(fault.Invalid, op, "say why in a sentence: 1 to %d characters on one line", maxReason)
	case lasts < shortest || lasts > Longest:
		return nil, fault.New(fault.Invalid, op, "a look lasts a minute at least, and 7 days at most")
	}
	acct, err := s.account(ctx, account)
	if err != nil {
		return nil, err
	}
	switch {
	case acct.State != catalog.AccountOpen:
		return nil, fault.New(fault.Invalid, op, "the account is closed")
	case acct.OperatorAccess == catalog.OperatorOn:
		return nil, fault.New(fault.Invalid, op, "the account lets operators see its contents without being asked")
	case acct.OperatorAccess != catalog.OperatorAsked:
		return nil, fault.New(fault.Invalid, op, "the account lets no operator see its contents, and does not want to be asked")
	}
	rec, err := s.Custody.Records(ctx, acct.ID)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	now := s.Now()
	a := approvals.Approval{
		ID: id, Account: acct.ID, Reason: rec.Seal("approval", "reason", id, []byte(reason)), Lasts: lasts, State: approvals.Asked,
		AskedBy: actor, AskedAt: now, Until: now.Add(answerFor),
	}
	err = s.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		live, err := tx.LiveApprovalsOf(acct.ID)
		if err != nil {
			return err
		}
		for _, l := range live {
			if l.State == approvals.Asked && now.Before(l.Until) {
				return fault.New(fault.Exists, op, "the account was asked already and has not answered: one request at a time")
			}
		}
		if err := tx.InsertApproval(&a); err != nil {
			return err
		}
		return note(tx, &a, actor, "approval.asked")
	})
	if err != nil {
		return nil, err
	}
	return &Approval{Approval: a, Name: acct.Name, Reason: reason}, nil
}

// Allow lets operators look from now on, for as long as was asked for.
func (s *Service) Allow(ctx context.Context, actor, account, id string) (*Approval, error) {
	return s.settle(ctx, actor, account, id, approvals.Asked, approvals.Allowed)
}

// Refuse says no.
func (s *Service) Refuse(ctx context.Context, actor, account, id string) (*Approval, error) {
	return s.settle(ctx, actor, account, id, approvals.Asked, approvals.Refused)
}

// End takes an approval, or a request, back before its time.
func (s *Service) End(ctx context.Context, actor, account, id string) (*Approval, error) {
	return s.settle(ctx, actor, account, id, "", approvals.Ended)
}

// settle brings what is live in a state ("" = any) to another one.
func (s *Service) settle(ctx context.Context, actor, account, id, from, to string) (*Approval, error) {
	const op = "approval: answer"
	acct, err := s.account(ctx, account)
	if err != nil {
		return nil, err
	}
	missing := fault.New(fault.NotFound, op, "there is no such request for access")
	key, err := uuid.Parse(id)
	if err != nil {
		return nil, missing
	}
	now := s.Now()
	var a *approvals.Approval
	err = s.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if a, err = tx.Approval(key); fault.Is(err, fault.NotFound) || err == nil && a.Account != acct.ID {
			return missing
		}
		if err != nil {
			return err
		}
		live := a.State == approvals.Asked || a.State == approvals.Allowed
		switch {
		case !live || !now.Before(a.Until):
			return fault.New(fault.Exists, op, "it is over already")
		case from != "" && a.State != from:
			return fault.New(fault.Exists, op, "it was answered already")
		}
		a.State, a.AnsweredBy, a.AnsweredAt, a.Until = to, actor, now, now
		if to == approvals.Allowed {
			a.Until = now.Add(a.Lasts)
		}
		if err := tx.SaveApproval(a); err != nil {
			return err
		}
		return note(tx, a, actor, "approval."+to)
	})
	if err != nil {
		return nil, err
	}
	return s.shown(ctx, acct, a)
}

// EndAll takes back what is live of an account, in the transaction that changes its
// choice or closes it: what was allowed under another choice does not come to life again.
func EndAll(tx *catalog.Tx, account uuid.UUID, actor string, now time.Time) error {
	live, err := tx.LiveApprovalsOf(account)
	if err != nil {
		return err
	}
	for _, a := range live {
		if !now.Before(a.Until) {
			continue // Sweep says that it is over
		}
		a.State, a.AnsweredBy, a.AnsweredAt, a.Until = approvals.Ended, actor, now, now
		if err := tx.SaveApproval(a); err != nil {
			return err
		}
		if err := note(tx, a, actor, "approval."+a.State); err != nil {
			return err
		}
	}
	return nil
}

// List returns those of an account, the newest first.
func (s *Service) List(ctx context.Context, account string) ([]*Approval, error) {
	acct, err := s.account(ctx, account)
	if err != nil {
		return nil, err
	}
	var rows []*approvals.Approval
	err = s.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		rows, err = tx.ApprovalsOf(acct.ID, maxListed)
		return err
	})
	if err != nil {
		return nil, err
	}
	list := make([]*Approval, 0, len(rows))
	for _, row := range rows {
		a, err := s.shown(ctx, acct, row)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// Sweep ends what has run out, and says so in the audit log.
func (s *Service) Sweep(ctx context.Context) error {
	return s.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		live, err := tx.LiveApprovals()
		if err != nil {
			return err
		}
		for _, a := range live {
			if s.Now().Before(a.Until) {
				continue
			}
			a.State = approvals.Over
			if err := tx.SaveApproval(a); err != nil {
				return err
			}
			if err := note(tx, a, audit.Gateway, "approval.over"); err != nil {
				return err
			}
		}
		return nil
	})
}

// Running returns the approval by which operators may look at an account now, nil when
// there is none: the one that lasts longest.
func Running(tx *catalog.Tx, account uuid.UUID, now time.Time) (found *approvals.Approval, err error) {
	live, err := tx.LiveApprovalsOf(account)
	for _, a := range live {
		if a.State == approvals.Allowed && now.Before(a.Until) && (found == nil || a.Until.After(found.Until)) {
			found = a
		}
	}
	return found, err
}

func (s *Service) account(ctx context.Context, name string) (acct *catalog.Account, err error) {
	err = s.Catalog.View(ctx, func(tx *catalog.Tx) error {
		acct, err = tx.AccountByName(name)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "approval", "there is no such account")
	}
	return acct, err
}

func (s *Service) shown(ctx context.Context, acct *catalog.Account, row *approvals.Approval) (*Approval, error) {
	a := &Approval{Approval: *row, Name: acct.Name}
	rec, err := s.Custody.Records(ctx, acct.ID)
	if err == nil {
		var text []byte
		text, err = rec.Open("approval", "reason", row.ID, row.Reason)
		a.Reason = string(text)
	}
	if fault.Is(err, fault.Locked) {
		a.Unreadable = true
		return a, nil
	}
	return a, err
}

func note(tx *catalog.Tx, a *approvals.Approval, actor, action string) error {
	return tx.Audit(audit.Entry{
		Account: a.Account, Actor: actor, Action: action, Object: a.ID.String(),
		Detail: map[string]string{"until": a.Until.UTC().Format(time.RFC3339)},
	})
}
