package custody

import (
	"context"
	"crypto/hpke"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// How long an access key is lent to the gateway.
const (
	usualLoan = 8 * time.Hour
	maxLoan   = 24 * time.Hour
)

// unlocked are the access keys that a customer has lent to the gateway, in
// memory only.
type unlocked struct {
	keys  map[seal.Fingerprint]hpke.PrivateKey
	until time.Time // with a monotonic part: setting the clock does not move it
}

// Unlock keeps the private half of one of the account's access keys in memory
// until a deadline, after 8 hours when d is 0, or Lock. It shows that its owner
// can open, so that it confirms the key, too.
func (c *Custodian) Unlock(ctx context.Context, actor string, account uuid.UUID, private hpke.PrivateKey, d time.Duration) (until time.Time, err error) {
	const op = "custody: unlock"
	if d == 0 {
		d = usualLoan
	}
	if d < 0 || d > maxLoan {
		return until, fault.New(fault.Invalid, op, "an account is unlocked for at most %d hours", maxLoan/time.Hour)
	}
	fp := seal.AccessKeyFingerprint(private.PublicKey())
	defer c.change(account)()
	err = c.cat.Update(ctx, func(tx *catalog.Tx) error {
		row, err := lendable(tx, account, fp.String())
		if err != nil {
			return err
		}
		if !row.Confirmed {
			if err := confirm(tx, actor, row); err != nil {
				return err
			}
		}
		return tx.Audit(audit.Entry{Account: account, Actor: actor, Action: "access-key.unlocked", Object: row.ID.String()})
	})
	if err != nil {
		return until, fault.Wrap(fault.Internal, op, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.unlocked[account]
	if u == nil || c.now().After(u.until) {
		u = &unlocked{keys: map[seal.Fingerprint]hpke.PrivateKey{}}
	}
	u.keys[fp], u.until = private, c.now().Add(d)
	c.unlocked[account] = u
	return u.until, nil
}

// lendable returns the living access key of this fingerprint that the gateway
// does not hold itself.
func lendable(tx *catalog.Tx, account uuid.UUID, fp string) (*catalog.AccessKey, error) {
	const op = "custody: unlock"
	all, err := tx.AccessKeys(account)
	if err != nil {
		return nil, err
	}
	for _, row := range all {
		if row.Fingerprint != fp || !row.RemovedAt.IsZero() {
			continue
		}
		if row.Held == catalog.KeysGateway {
			return nil, fault.New(fault.Invalid, op, "the gateway holds this access key itself; there is nothing to unlock")
		}
		return row, nil
	}
	return nil, fault.New(fault.NotFound, op, "the account has no such access key")
}

// Lock forgets the access keys that were lent for an account.
func (c *Custodian) Lock(ctx context.Context, actor string, account uuid.UUID) error {
	c.mu.Lock()
	delete(c.unlocked, account)
	c.mu.Unlock()
	err := c.cat.Update(ctx, func(tx *catalog.Tx) error {
		return tx.Audit(audit.Entry{Account: account, Actor: actor, Action: "access-key.locked", Object: account.String()})
	})
	return fault.Wrap(fault.Internal, "custody: lock", err)
}

// Unlocked reports whether access keys are lent for an account, and until when.
func (c *Custodian) Unlocked(account uuid.UUID) (until time.Time, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	u := c.unlocked[account]
	if u == nil || c.now().After(u.until) {
		return time.Time{}, false
	}
	return u.until, true
}

// lent returns the access keys that are lent for an account.
func (c *Custodian) lent(account uuid.UUID) map[seal.Fingerprint]hpke.PrivateKey {
	c.mu.RLock()
	defer c.mu.RUnlock()
	u := c.unlocked[account]
	if u == nil || c.now().After(u.until) {
		return nil
	}
	some := make(map[seal.Fingerprint]hpke.PrivateKey, len(u.keys))
	for fp, k := range u.keys {
		some[fp] = k
	}
	return some
}

// takeBack forgets loans that are over; Run calls it.
func (c *Custodian) takeBack() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for account, u := range c.unlocked {
		if c.now().After(u.until) {
			delete(c.unlocked, account)
		}
	}
}
