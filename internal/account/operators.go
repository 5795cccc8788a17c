package account

import (
	"context"

	"sealgate/internal/account/person"
	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/mailaddr"
	"sealgate/internal/store/catalog"
)

// AddOperator makes an operator, who is a login of the built-in account without
// a password, and the link that lets this person in.
func (s *Service) AddOperator(ctx context.Context, actor, email string) (*person.Link, error) {
	const op = "account: add operator"
	if !mailaddr.Valid(email) {
		return nil, fault.New(fault.Invalid, op, "that is no e-mail address")
	}
	l, err := s.addLogin(ctx, actor, catalog.SystemAccount, NewLogin{Username: email, NoSFTP: true, Role: Admin, Invite: true}, "")
	if err != nil {
		return nil, err
	}
	return s.People.Invite(ctx, actor, l.ID)
}

// Operators returns all operators, by address.
func (s *Service) Operators(ctx context.Context) ([]*Login, error) {
	return s.Logins(ctx, catalog.SystemAccount)
}

// RemoveOperator deletes an operator; the last one stays.
func (s *Service) RemoveOperator(ctx context.Context, actor, email string) error {
	return s.RemoveLogin(ctx, actor, catalog.SystemAccount, email)
}

// ResetOperator takes away an operator's password and gives a fresh link; see
// person.ResetLogin.
func (s *Service) ResetOperator(ctx context.Context, actor, email string, factorsToo bool) (*person.Link, error) {
	return s.ResetLogin(ctx, actor, catalog.SystemAccount, email, factorsToo)
}

// ResetLogin takes away a login's password and gives a link to choose another one;
// see person.ResetLogin.
func (s *Service) ResetLogin(ctx context.Context, actor, account, username string, factorsToo bool) (*person.Link, error) {
	l, err := s.Login(ctx, account, username)
	if err != nil {
		return nil, err
	}
	return s.People.ResetLogin(ctx, actor, l.ID, factorsToo)
}

// Invite gives a link to a login that has nothing to sign in with yet.
func (s *Service) Invite(ctx context.Context, actor, account, username string) (*person.Link, error) {
	l, err := s.Login(ctx, account, username)
	if err != nil {
		return nil, err
	}
	if l.Password {
		return nil, fault.New(fault.Invalid, "account: invite", "this login has a password; reset it to give a link")
	}
	return s.People.Invite(ctx, actor, l.ID)
}

// FirstLink returns a fresh link for the operator who was made first, as long
// as no operator has signed in; nil after that, and when there is none.
func (s *Service) FirstLink(ctx context.Context) (*person.Link, error) {
	all, err := s.Operators(ctx)
	if err != nil {
		return nil, err
	}
	var first *Login
	for _, l := range all {
		if !l.LastSeen.IsZero() {
			return nil, nil
		}
		if first == nil || l.CreatedAt.Before(first.CreatedAt) {
			first = l
		}
	}
	if first == nil {
		return nil, nil
	}
	return s.People.Invite(ctx, audit.Gateway, first.ID)
}
