package signin

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// answerAfter is when a failed sign-in is answered, at the earliest: longer
// than a password check, so that nobody learns from the time whether there was
// one.
const answerAfter = 400 * time.Millisecond

// errRefused is the one answer to everything that is wrong with a sign-in.
var errRefused = fault.New(fault.Denied, "sign-in: sign in", "the username, password or key is not right, or may not be used from here")

// found is what the catalog knows about an attempt. login is nil when there is
// nobody: unknown, or of an account that is closed.
type found struct {
	login   *logins.Login
	account *catalog.Account
	keys    []*logins.Key
	known   bool // the source
	device  bool // it is known by its device
	seen    time.Time
	allowed bool // this door, from here
}

// look reads what a decision needs. For a login that does not exist it asks
// the same questions.
func (s *Service) look(ctx context.Context, a Attempt) (*found, error) {
	name, source := s.NameMAC(a.Username), s.sourceMAC(a.Source)
	f := &found{}
	err := s.catalog.View(ctx, func(tx *catalog.Tx) error {
		l, err := tx.LoginByName(name)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if err != nil {
			l = &logins.Login{}
		}
		acc, err := tx.Account(l.Account)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if f.keys, err = tx.LoginKeys(l.ID); err != nil {
			return err
		}
		if f.seen, err = lastSuccess(tx, l.ID, source); err != nil {
			return err
		}
		device, err := lastSuccess(tx, l.ID, s.deviceMAC(a.Device))
		if err != nil {
			return err
		}
		if l.ID == uuid.Nil || acc == nil || acc.State != catalog.AccountOpen {
			return nil
		}
		f.login, f.account = l, acc
		f.device = a.Device != "" && s.now().Sub(device) < knownFor
		f.known = f.device || s.now().Sub(f.seen) < knownFor
		return nil
	})
	if err != nil || f.login == nil {
		f.login, f.account, f.keys = nil, nil, nil
		return f, fault.Wrap(fault.Internal, "sign-in: look up", err)
	}
	f.allowed, err = s.allowed(ctx, a, f)
	return f, err
}

// lastSuccess returns when a login signed in from there; the zero time is never.
func lastSuccess(tx *catalog.Tx, login uuid.UUID, from []byte) (time.Time, error) {
	src, err := tx.Source(login, from)
	if fault.Is(err, fault.NotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return src.LastSuccess, nil
}

// allowed checks the door and the network, for every method alike. A list of
// networks that was sealed under a record key that is gone lets nobody in.
func (s *Service) allowed(ctx context.Context, a Attempt, f *found) (bool, error) {
	if a.Door == SFTP && !f.login.SFTP || a.Door == Portal && !f.login.Portal {
		return false, nil
	}
	rec, err := s.keys.Records(ctx, f.account.ID)
	if err != nil {
		return false, err
	}
	list, err := OpenNetworks(rec, "login", f.login.ID, f.login.AllowFrom)
	if err == nil && f.login.AllowFrom == nil {
		list, err = OpenNetworks(rec, "account", f.account.ID, f.account.AllowFrom)
	}
	if fault.Is(err, fault.Locked) {
		return false, nil
	}
	return err == nil && (len(list) == 0 || contains(list, a.Source)), err
}

// holds reports whether the login has this very key.
func (f *found) holds(key []byte) (fingerprint string, ok bool) {
	for _, k := range f.keys {
		if bytes.Equal(k.Blob, key) {
			return k.Fingerprint, true
		}
	}
	return "", false
}

func (f *found) identity(a Attempt) *Identity {
	return &Identity{Login: f.login.ID, Account: f.account.ID, Role: Role(f.login.Role), door: a.Door, source: a.Source}
}

// OfferKey reports whether a sign-in with this key (SSH wire format) would
// succeed. It is pure: whoever asks has shown nothing yet.
func (s *Service) OfferKey(ctx context.Context, a Attempt, key []byte) error {
	f, err := s.look(ctx, a)
	if err != nil {
		return err
	}
	if _, ok := f.holds(key); !ok || !f.allowed {
		return errRefused
	}
	return nil
}

// VerifiedKey signs in with a key that was proven to be held. Everything is
// read anew: what OfferKey has seen counts for nothing. Keys have no budget.
func (s *Service) VerifiedKey(ctx context.Context, a Attempt, key []byte) (*Identity, error) {
	f, err := s.look(ctx, a)
	if err != nil {
		s.metrics.SignIn(string(a.Door), "key", "error")
		return nil, err
	}
	fingerprint, ok := f.holds(key)
	if !ok || !f.allowed {
		s.metrics.SignIn(string(a.Door), "key", "refused")
		return nil, errRefused
	}
	who := f.identity(a)
	who.key = fingerprint
	if f.account.RequireBoth {
		who.NeedsPassword = true
		s.metrics.SignIn(string(a.Door), "key", "half")
		return who, nil
	}
	s.metrics.SignIn(string(a.Door), "key", "ok")
	s.succeeded(ctx, a, f, "key", nil)
	return who, nil
}

// Password signs in with a password. When the account wants a key, too, the
// attempt must say that it was shown (Half): a password alone is refused as a
// wrong one is, so that it cannot be guessed without the key.
func (s *Service) Password(ctx context.Context, a Attempt, password []byte) (*Identity, error) {
	began := s.now()
	f, outcome, err := s.password(ctx, a, password)
	s.metrics.SignIn(string(a.Door), "password", outcome)
	if err != nil {
		if !fault.Is(err, fault.TryLater) {
			s.pause(ctx, answerAfter-s.now().Sub(began))
		}
		return nil, err
	}
	who := f.identity(a)
	who.hash = f.login.Hash
	if a.shownKeyOf(f.login.ID) {
		who.key = a.Half.key
	}
	return who, nil
}

func (s *Service) password(ctx context.Context, a Attempt, password []byte) (_ *found, outcome string, _ error) {
	f, err := s.look(ctx, a)
	if err != nil {
		return nil, "error", err
	}
	stored := ""
	if f.login != nil {
		stored = f.login.Hash
	}
	complete := f.login != nil && f.allowed && stored != "" && s.enoughAlone(a, f)
	pay := s.budgets(a, f)
	if ok, err := s.peek(ctx, pay); err != nil || !ok {
		return nil, "throttled", refusedOr(err)
	}
	if complete && s.cached(f, password) {
		s.succeeded(ctx, a, f, "password", nil)
		return f, "ok", nil
	}
	if err := s.hashing.enter(ctx, f.known || f.login != nil && a.shownKeyOf(f.login.ID)); err != nil {
		return nil, "busy", err
	}
	defer s.hashing.leave()
	if complete && s.cached(f, password) { // somebody before us in the queue
		s.succeeded(ctx, a, f, "password", nil)
		return f, "ok", nil
	}
	ok := false
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		var err error
		ok, err = spend(tx, pay, s.now())
		return err
	})
	if err != nil || !ok {
		return nil, "throttled", refusedOr(err)
	}
	if right := s.matches(stored, password); !right || !complete {
		s.failed(ctx, a, f)
		return nil, "refused", errRefused
	}
	if f.login.Generated {
		s.verified.put(f.login.ID, stored, password)
	}
	s.succeeded(ctx, a, f, "password", pay)
	return f, "ok", nil
}

// enoughAlone tells whether nothing has to be shown beside the password, or was. The
// portal asks for a code afterwards.
func (s *Service) enoughAlone(a Attempt, f *found) bool {
	return a.shownKeyOf(f.login.ID) || a.Half == nil && (a.Door == Portal || !f.account.RequireBoth && !f.login.Short)
}

func refusedOr(err error) error {
	if err != nil {
		return fault.Wrap(fault.Internal, "sign-in: sign in", err)
	}
	return errRefused
}

func (s *Service) cached(f *found, password []byte) bool {
	return f.login.Generated && s.verified.holds(f.login.ID, f.login.Hash, password)
}

// peek looks at the budgets without taking anything.
func (s *Service) peek(ctx context.Context, pay []budget) (ok bool, err error) {
	err = s.catalog.View(ctx, func(tx *catalog.Tx) error {
		var err error
		ok, err = enough(tx, pay, s.now())
		return err
	})
	return ok, err
}

// StillValid reports whether somebody who is signed in would still be let in:
// the account is open, the login, its door and the password or key that opened
// it are there, both of them when the account asks for both, and the address is
// one to sign in from.
func (s *Service) StillValid(ctx context.Context, who *Identity) bool {
	f, err := s.signedIn(ctx, who)
	if err == nil && f != nil {
		f.allowed, err = s.allowed(ctx, Attempt{Source: who.source, Door: who.door}, f)
	}
	if err != nil {
		// When the gateway cannot tell, nobody is thrown out for it; when the
		// account's keys are gone, it can.
		return !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Locked)
	}
	return f != nil && f.allowed
}

// signedIn reads who is signed in, nil when what let him in does not any more.
func (s *Service) signedIn(ctx context.Context, who *Identity) (*found, error) {
	f := new(found)
	err := s.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if f.login, err = tx.Login(who.Login); err != nil {
			return err
		}
		if f.account, err = tx.Account(f.login.Account); err != nil {
			return err
		}
		f.keys, err = tx.LoginKeys(f.login.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	password := who.hash != "" && who.hash == f.login.Hash
	key := who.key != "" && slices.ContainsFunc(f.keys, func(k *logins.Key) bool { return k.Fingerprint == who.key })
	stands := (password || who.hash == "") && (key || who.key == "") && (password || key)
	if !stands || f.account.RequireBoth && !(password && key) ||
		f.account.State != catalog.AccountOpen || Role(f.login.Role) != who.Role {
		return nil, nil
	}
	return f, nil
}
