package person

import (
	"context"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// forgottenEvery is how soon a login is sent another link.
const forgottenEvery = 10 * time.Minute

// Forgot makes a link for who says that the password is forgotten. Anybody may say so
// of anybody: the password stays as it is until the link is followed, and a login gets
// one link in ten minutes. Nil: there is no such login, or nothing to forget; whoever
// asked is told the same.
func (s *Service) Forgot(ctx context.Context, username string) (link *Link, to, language string, err error) {
	const op = "person: forgot"
	var l *logins.Login
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		link = nil
		var err error
		if l, err = tx.LoginByName(s.signin.NameMAC(username)); err != nil {
			return err
		}
		acc, err := tx.Account(l.Account)
		if err != nil {
			return err
		}
		if !l.Portal || l.Hash == "" || acc.State != catalog.AccountOpen {
			return nil
		}
		earlier, err := tx.Links(l.ID)
		if err != nil {
			return err
		}
		now := s.now()
		for _, e := range earlier {
			if e.Kind != Forgotten && now.Before(e.Until) || e.Kind == Forgotten && e.Until.Sub(now) > forgottenFor-forgottenEvery {
				return nil
			}
		}
		link, err = s.AddLink(tx, l.ID.String(), l, Forgotten)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, "", "", nil
	}
	if err != nil || link == nil {
		return nil, "", "", fault.Wrap(fault.Internal, op, err)
	}
	rec, err := s.records.Records(ctx, l.Account)
	if err != nil {
		return nil, "", "", fault.Wrap(fault.Internal, op, err)
	}
	name, err := rec.Open("login", "name", l.ID, l.Name)
	return link, string(name), l.Language, fault.Wrap(fault.Internal, op, err)
}
