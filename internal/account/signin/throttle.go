package signin

import (
	"net/netip"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/limit"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// Budgets of failed passwords. Nobody is ever locked out: a budget belongs to a
// login and a class of sources, so a stranger spends what strangers have.
//
//   - A known source is a network from which the login has signed in during the
//     last 90 days. It has a budget of its own.
//
//   - All other sources share one small budget a login, and have one each and
//     one together besides. A hundred failures in a row, from wherever, stop
//     passwords from unknown sources until the login is changed
//     (NIST SP 800-63B-4, 5.2.2). Known sources and keys go on.
//
//   - Who has shown the login's key has another budget: no stranger gets there.
//
//   - Codes have budgets of their own: who guesses one has the password already.
//     Three of a million are right at a time. What has one for itself is a browser
//     that has shown the second factor before, never an address.
//
// A budget is spent before the password is looked at and given back when it was
// right. What is spent makes right and wrong passwords look the same.
//
// Worst case of guesses at one login by all strangers together: 10, and one
// more every 15 minutes, 106 in the first day, and no more after 100 in a row.
var (
	perLogin  = rate{burst: 10, every: 15 * time.Minute}
	perSource = rate{burst: 30, every: 20 * time.Second}
	together  = rate{burst: 600, every: 200 * time.Millisecond}
	perKnown  = rate{burst: 20, every: time.Minute}
	afterKey  = rate{burst: 20, every: time.Minute}
	perCode   = rate{burst: 6, every: 5 * time.Minute}
)

const (
	knownFor      = 90 * 24 * time.Hour
	stopAfter     = 100 // failures in a row
	forgetBudgets = 48 * time.Hour
	// farAway dates a budget that is stopped: it does not refill, and no sweep
	// takes it for an old one.
	farAway = 100 * 365 * 24 * time.Hour
)

// rate is how fast a budget refills.
type rate struct {
	burst float64
	every time.Duration // for one token
}

// budget is one bucket of tokens in the catalog.
type budget struct {
	key []byte
	rate
	counts bool // failures in a row stop it
}

func (s *Service) sourceMAC(a netip.Addr) []byte {
	network, _ := limit.Network(a).MarshalBinary() // never fails
	return mac(s.throttle, "source", network)
}

func (s *Service) deviceMAC(device string) []byte {
	return mac(s.throttle, "device", []byte(device))
}

// factorMAC is for a browser in which the second factor was shown.
func (s *Service) factorMAC(device string) []byte {
	return mac(s.throttle, "device with factor", []byte(device))
}

// strangersBudget is what all unknown sources have for a login.
func (s *Service) strangersBudget(l *logins.Login) budget {
	return budget{mac(s.throttle, "login", l.ID[:]), perLogin, true}
}

// strangersAt is what unknown sources have at one address, for all logins together.
func (s *Service) strangersAt(a netip.Addr) budget {
	return budget{mac(s.throttle, "strangers at", s.sourceMAC(a)), perSource, false}
}

// Excuse gives back, in the transaction that changes a login, what strangers
// have spent of its budgets: somebody has looked at it.
func (s *Service) Excuse(tx *catalog.Tx, l *logins.Login) error {
	if err := tx.DeleteThrottle(s.codeBudget(l.ID, nil).key); err != nil {
		return err
	}
	return tx.DeleteThrottle(s.strangersBudget(l).key)
}

// budgets returns what a password attempt is paid from.
func (s *Service) budgets(a Attempt, f *found) []budget {
	source := s.sourceMAC(a.Source)
	switch {
	case f.login != nil && a.shownKeyOf(f.login.ID):
		return []budget{{mac(s.throttle, "after key", f.login.ID[:]), afterKey, false}}
	case f.device:
		return []budget{{mac(s.throttle, "known", f.login.ID[:], s.deviceMAC(a.Device)), perKnown, false}}
	case f.known:
		return []budget{{mac(s.throttle, "known", f.login.ID[:], source), perKnown, false}}
	}
	all := []budget{
		s.strangersAt(a.Source),
		{mac(s.throttle, "strangers"), together, false},
	}
	if f.login != nil {
		all = append(all, s.strangersBudget(f.login))
	}
	return all
}

// level returns the bucket as it is now.
func (b budget) level(tx *catalog.Tx, now time.Time) (*logins.Throttle, error) {
	t, err := tx.Throttle(b.key)
	if fault.Is(err, fault.NotFound) {
		return &logins.Throttle{Key: b.key, Tokens: b.burst, At: now}, nil
	}
	if err != nil {
		return nil, err
	}
	if passed := now.Sub(t.At); passed > 0 {
		t.Tokens = min(b.burst, t.Tokens+float64(passed)/float64(b.every))
		t.At = now
	}
	return t, nil
}

// enough reports whether every budget has a token.
func enough(tx *catalog.Tx, all []budget, now time.Time) (bool, error) {
	for _, b := range all {
		t, err := b.level(tx, now)
		if err != nil || t.Tokens < 1 {
			return false, err
		}
	}
	return true, nil
}

// spend takes a token from every budget, or none when one of them is empty.
func spend(tx *catalog.Tx, all []budget, now time.Time) (bool, error) {
	if ok, err := enough(tx, all, now); !ok || err != nil {
		return false, err
	}
	for _, b := range all {
		t, err := b.level(tx, now)
		if err != nil {
			return false, err
		}
		t.Tokens--
		t.Failures++
		if b.counts && t.Failures >= stopAfter {
			t.Tokens, t.At = 0, now.Add(farAway)
		}
		if err := tx.PutThrottle(t); err != nil {
			return false, err
		}
	}
	return true, nil
}

// giveBack undoes spend after a right password. It does not shorten a wait that
// others have caused beyond the one token.
func giveBack(tx *catalog.Tx, all []budget, now time.Time) error {
	for _, b := range all {
		t, err := b.level(tx, now)
		if err != nil {
			return err
		}
		if t.At.After(now) { // stopped in the meantime
			continue
		}
		t.Tokens = min(b.burst, t.Tokens+1)
		t.Failures = 0
		if err := tx.PutThrottle(t); err != nil {
			return err
		}
	}
	return nil
}
