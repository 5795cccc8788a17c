package signin

import (
	"context"
	"net/netip"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// In the portal a right password is not all: who has shown it, or another proof,
// goes on to a code (package person) and is signed in when that says so.

// ErrCode is the one answer to every code that is not right, or not any more.
var ErrCode = fault.New(fault.Denied, "sign-in: code", "the code is not right, or was used already")

// TryCode tries a code of a login, in one transaction: right looks, and uses it up.
// Codes have budgets of their own, a browser that has shown a second factor before its
// own one. right is asked only as long as there is something to pay with; what is
// spent makes right and wrong codes look the same.
func (s *Service) TryCode(ctx context.Context, a Attempt, login uuid.UUID, right func(*catalog.Tx) (bool, error)) error {
	ok := false
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		ok = false
		from, err := s.shownBefore(tx, a, login)
		if err != nil {
			return err
		}
		pay := []budget{s.codeBudget(login, from)}
		if paid, err := spend(tx, pay, s.now()); err != nil || !paid {
			return err
		}
		if ok, err = right(tx); err != nil || !ok {
			return err
		}
		return giveBack(tx, pay, s.now())
	})
	outcome := "ok"
	switch {
	case err != nil:
		outcome, err = "error", fault.Wrap(fault.Internal, "sign-in: code", err)
	case !ok:
		outcome, err = "refused", ErrCode
	}
	s.Count(a.Door, "code", outcome)
	return err
}

// Count counts an attempt to sign in that is decided elsewhere.
func (s *Service) Count(door Door, method, outcome string) {
	s.metrics.SignIn(string(door), method, outcome)
}

// shownBefore returns the MAC by which the login knows a browser that has shown its
// second factor, nil when it does not. An address counts for nothing here, and neither
// does a browser that came in by the password alone: by SFTP, or before there was a
// second factor, whoever has the password makes as many of them known as he likes.
func (s *Service) shownBefore(tx *catalog.Tx, a Attempt, login uuid.UUID) ([]byte, error) {
	if a.Device == "" {
		return nil, nil
	}
	m := s.factorMAC(a.Device)
	at, err := lastSuccess(tx, login, m)
	if err != nil || s.now().Sub(at) >= knownFor {
		return nil, err
	}
	return m, nil
}

// codeBudget is what such a browser, or all others together (nil), have for the codes
// of a login.
func (s *Service) codeBudget(login uuid.UUID, from []byte) budget {
	return budget{mac(s.throttle, "code", login[:], from), perCode, from == nil}
}

// knows reports whether the login has signed in from this network or browser before.
func (s *Service) knows(tx *catalog.Tx, a Attempt, login uuid.UUID) (bool, error) {
	at, err := lastSuccess(tx, login, s.sourceMAC(a.Source))
	if err == nil && a.Device != "" && s.now().Sub(at) >= knownFor {
		at, err = lastSuccess(tx, login, s.deviceMAC(a.Device))
	}
	return s.now().Sub(at) < knownFor, err
}

// SignedIn puts on record, in the transaction that lets somebody in, that he has shown
// all that was asked for, and remembers the network and the browser. factor says that a
// second factor was among it.
func (s *Service) SignedIn(tx *catalog.Tx, a Attempt, l *logins.Login, method string, factor bool) error {
	known, err := s.knows(tx, a, l.ID)
	if err != nil {
		return err
	}
	now, macs := s.now(), [][]byte{s.sourceMAC(a.Source)}
	if a.Device != "" {
		macs = append(macs, s.deviceMAC(a.Device))
		if factor {
			macs = append(macs, s.factorMAC(a.Device))
		}
	}
	for _, m := range macs {
		if err := tx.PutSource(&logins.Source{Login: l.ID, PrefixMAC: m, LastSuccess: now}); err != nil {
			return err
		}
	}
	if err := tx.TouchLogin(l.ID, now); err != nil {
		return err
	}
	r := record{login: l.ID, account: l.Account, action: signedIn, method: method, door: a.Door, known: known, at: now}
	return tx.Audit(r.entry())
}

// HalfWay notes, at most once a minute, that somebody has shown a login's password and
// is asked for a second factor: who never shows one was there all the same.
func (s *Service) HalfWay(ctx context.Context, a Attempt, l *logins.Login, method string) {
	r := record{login: l.ID, account: l.Account, action: halfWay, method: method, door: a.Door, at: s.now()}
	err := s.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		r.known, err = s.knows(tx, a, l.ID)
		return err
	})
	if err != nil {
		s.log.Error("whether a source is known could not be read", "login", l.ID, "error", err)
	}
	s.note(ctx, r)
}

// Admitted returns a login and its account when it may be in at this door from this
// source now, as a sign-in would ask; Denied when not.
func (s *Service) Admitted(ctx context.Context, login uuid.UUID, door Door, source netip.Addr) (*logins.Login, *catalog.Account, error) {
	f := new(found)
	err := s.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if f.login, err = tx.Login(login); err != nil {
			return err
		}
		f.account, err = tx.Account(f.login.Account)
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && f.account.State != catalog.AccountOpen {
		return nil, nil, errRefused
	}
	if err == nil {
		f.allowed, err = s.allowed(ctx, Attempt{Source: source, Door: door}, f)
	}
	switch {
	case err != nil:
		return nil, nil, fault.Wrap(fault.Internal, "sign-in: look up", err)
	case !f.allowed:
		return nil, nil, errRefused
	}
	return f.login, f.account, nil
}
