package person

import (
	"context"

	"sealgate/internal/account/password"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// LeastLength is how long a new password of this person has to be at least.
func (s *Service) LeastLength(ctx context.Context, secret string, from From) (int, error) {
	h, _, err := s.at(ctx, secret, from, Password, Full)
	if err != nil {
		return 0, err
	}
	return h.least(), nil
}

// least is shorter only where the password alone opens nothing: something else is
// always asked for besides, at every door that the login has.
func (h *house) least() int {
	if !h.login.SFTP && (h.factors.Any() || h.demands()) {
		return password.Least
	}
	return password.LeastAlone
}

// ChoosePassword is the step of a sign-in by link.
func (s *Service) ChoosePassword(ctx context.Context, from From, secret string, fresh []byte) (*Entry, error) {
	h, row, err := s.at(ctx, secret, from, Password)
	if err != nil {
		return nil, err
	}
	to := Full
	if !h.factors.Any() && h.demands() {
		to = Factor
	}
	return s.setPassword(ctx, from, h, row, to, fresh)
}

// ChangePassword takes the old password and a new one. All other sessions end.
func (s *Service) ChangePassword(ctx context.Context, from From, secret string, old, fresh []byte) (*Entry, error) {
	h, row, err := s.at(ctx, secret, from, Full)
	if err != nil {
		return nil, err
	}
	if h.login.Hash == "" {
		return nil, fault.New(fault.Invalid, "person: change password", "this login signs in without a password")
	}
	if err := s.passwordIs(ctx, from, h, old); err != nil {
		return nil, err
	}
	return s.setPassword(ctx, from, h, row, Full, fresh)
}

func (s *Service) setPassword(ctx context.Context, from From, h *house, row *logins.Session, to Stage, fresh []byte) (*Entry, error) {
	name, err := s.username(ctx, h)
	if err != nil {
		return nil, err
	}
	if err := password.Check(fresh, h.least(), name, h.account.Name); err != nil {
		return nil, err
	}
	was := h.login.Hash
	hashed, err := s.signin.Hash(ctx, fresh)
	if err != nil {
		return nil, err
	}
	h.login.Hash = hashed
	row.Stands = s.standing(h.login)
	e, err := s.advance(ctx, from, h, row, to, row.Method, func(tx *catalog.Tx) error {
		l, err := tx.Login(h.login.ID)
		if err != nil {
			return err
		}
		if l.Hash != was { // somebody was faster: an admin's new password stays
			return errNobody
		}
		l.Hash, l.Generated, l.Short = hashed, false, password.Short(fresh)
		if err := tx.SaveLogin(l); err != nil {
			return err
		}
		if err := s.signin.Excuse(tx, l); err != nil {
			return err
		}
		if _, err := tx.DeleteSessions(l.ID, row.ID); err != nil {
			return err
		}
		if err := tx.DeleteLinks(l.ID); err != nil {
			return err
		}
		return tx.Audit(note(l, l.ID.String(), "password.changed", nil))
	})
	s.signin.Forget(h.login.ID)
	return e, err
}

// SetLanguage chooses the language of a login's pages and mails.
func (s *Service) SetLanguage(ctx context.Context, from From, secret, language string) error {
	const op = "person: language"
	if language != "" && language != "sv" && language != "en" {
		return fault.New(fault.Invalid, op, "the language is sv or en, not %q", language)
	}
	h, _, err := s.at(ctx, secret, from, Full)
	if err != nil {
		return err
	}
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		l, err := tx.Login(h.login.ID)
		if err != nil {
			return err
		}
		l.Language = language
		return tx.SaveLogin(l)
	})
	return fault.Wrap(fault.Internal, op, err)
}
