package person

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// Invite makes a link for a login of the portal that has not set up yet how to sign
// in.
func (s *Service) Invite(ctx context.Context, actor string, login uuid.UUID) (link *Link, err error) {
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		l, err := tx.Login(login)
		if err != nil {
			return err
		}
		if err := hasPortal(l); err != nil {
			return err
		}
		link, err = s.AddLink(tx, actor, l, Invitation)
		return err
	})
	return link, fault.Wrap(fault.Internal, "person: invite", err)
}

func hasPortal(l *logins.Login) error {
	if l.Portal {
		return nil
	}
	return fault.New(fault.Invalid, "person: link", "a link opens the portal, which this login may not use")
}

// ResetLogin takes a login's password away, ends its sessions and makes a link to
// choose another one. Second factors stay and are asked for after the link, unless
// they are to go, too: that is for who has lost them, and is on record by itself.
func (s *Service) ResetLogin(ctx context.Context, actor string, login uuid.UUID, factorsToo bool) (*Link, error) {
	const op = "person: reset"
	var link *Link
	var account uuid.UUID
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		l, err := tx.Login(login)
		if err != nil {
			return err
		}
		if err := hasPortal(l); err != nil {
			return err
		}
		account = l.Account
		l.Hash, l.Generated, l.Short = "", false, false
		if err := tx.SaveLogin(l); err != nil {
			return err
		}
		if _, err := tx.DeleteSessions(login, uuid.Nil); err != nil {
			return err
		}
		if err := s.signin.Excuse(tx, l); err != nil {
			return err
		}
		if err := tx.Audit(note(l, actor, "login.reset", nil)); err != nil {
			return err
		}
		if factorsToo {
			if err := dropFactors(tx, actor, l); err != nil {
				return err
			}
		}
		link, err = s.AddLink(tx, actor, l, Reset)
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	s.signin.Forget(login)
	if factorsToo {
		return link, s.dropSecrets(account, login)
	}
	return link, nil
}

func dropFactors(tx *catalog.Tx, actor string, l *logins.Login) error {
	if err := tx.DeleteTOTP(l.ID); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err := tx.DeleteRecoveryCodes(l.ID); err != nil {
		return err
	}
	keys, err := tx.Passkeys(l.ID)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := tx.DeletePasskey(l.ID, k.ID); err != nil {
			return err
		}
	}
	return tx.Audit(note(l, actor, "factors.reset", nil))
}

// Forget destroys what the key store has of a login that was removed.
func (s *Service) Forget(account, login uuid.UUID) error { return s.dropSecrets(account, login) }

func (s *Service) dropSecrets(account, login uuid.UUID) error {
	return fault.Wrap(fault.Internal, "person: secrets", s.keys.RemoveSecret(account, totpSecrets, login))
}
