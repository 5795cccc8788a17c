package person

import (
	"context"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// How soon a login is sent another link: twice as late each time that nobody has
// followed the one before, but when that one's time is over at the latest. Anybody can
// ask in another's name; so he who has really forgotten has a link that is good, or
// gets one. After a day without any it begins anew.
const (
	forgottenEvery = 10 * time.Minute
	forgottenMost  = forgottenFor
	rememberedFor  = 24 * time.Hour
)

// again is when the login of a forgotten link may be sent another one.
func again(l *logins.Link) time.Time {
	wait := forgottenEvery
	for n := l.Nth; n > 1 && wait < forgottenMost; n-- {
		wait *= 2
	}
	return l.Until.Add(min(wait, forgottenMost) - forgottenFor)
}

// Forgot makes a link for who says that the password is forgotten, and tells for whom it
// is. Anybody may say so of anybody: the password stays as it is until the link is
// followed, and a login gets few links. Nil: there is no such login, or nothing to
// forget; whoever asked is told the same.
func (s *Service) Forgot(ctx context.Context, username string) (link *Link, to string, err error) {
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
			if e.Kind != Forgotten && now.Before(e.Until) || e.Kind == Forgotten && now.Before(again(e)) {
				return nil
			}
		}
		link, err = s.AddLink(tx, l.ID.String(), l, Forgotten)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, "", nil
	}
	if err != nil || link == nil {
		return nil, "", fault.Wrap(fault.Internal, op, err)
	}
	rec, err := s.records.Records(ctx, l.Account)
	if err != nil {
		return nil, "", fault.Wrap(fault.Internal, op, err)
	}
	name, err := rec.Open("login", "name", l.ID, l.Name)
	return link, string(name), fault.Wrap(fault.Internal, op, err)
}
