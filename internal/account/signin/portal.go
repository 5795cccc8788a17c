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
// Codes have budgets of their own, a known source its own one; what is spent makes
// right and wrong codes look the same.
func (s *Service) TryCode(ctx context.Context, a Attempt, login uuid.UUID, right func(*catalog.Tx) (bool, error)) error {
	ok := false
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		ok = false
		from, err := s.knownAs(tx, a, login)
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
	s.metrics.SignIn(string(a.Door), "code", outcome)
	return err
}

// codeBudget is what a known source, or all others together (nil), have for the
// codes of a login.
func (s *Service) codeBudget(login uuid.UUID, from []byte) budget {
	return budget{mac(s.throttle, "code", login[:], from), perCode, from == nil}
}

// knownAs returns the MAC by which the login knows the source, nil when it does not.
func (s *Service) knownAs(tx *catalog.Tx, a Attempt, login uuid.UUID) ([]byte, error) {
	macs := [][]byte{s.sourceMAC(a.Source)}
	if a.Device != "" {
		macs = [][]byte{s.deviceMAC(a.Device), macs[0]}
	}
	for _, m := range macs {
		at, err := lastSuccess(tx, login, m)
		if err != nil {
			return nil, err
		}
		if s.now().Sub(at) < knownFor {
			return m, nil
		}
	}
	return nil, nil
}

// SignedIn puts on record that somebody has signed in, having shown all that was
// asked for, and remembers the source and the device.
func (s *Service) SignedIn(ctx context.Context, a Attempt, l *logins.Login, method string) {
	r := record{
		login: l.ID, account: l.Account, action: "login.signed-in", method: method, door: a.Door, at: s.now(),
		sources: [][]byte{s.sourceMAC(a.Source)},
	}
	if a.Device != "" {
		r.sources = append(r.sources, s.deviceMAC(a.Device))
	}
	s.metrics.SignIn(string(a.Door), method, "ok")
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
