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
// memory only. Each loan ends at a time of its own.
type unlocked map[seal.Fingerprint]loan

type loan struct {
	id      uuid.UUID // of the access key
	private hpke.PrivateKey
	until   time.Time // with a monotonic part: setting the clock does not move it
}

// live are the loans that are not over.
func (u unlocked) live(now time.Time) unlocked {
	some := make(unlocked, len(u))
	for fp, l := range u {
		if !now.After(l.until) {
			some[fp] = l
		}
	}
	return some
}

// Unlock keeps the private half of one of the account's access keys in memory
// until a deadline, after 8 hours when d is 0, or Lock. It shows that its owner
// can open, so that it confirms the key, too. Another key that is lent already
// keeps its own deadline.
func (c *Custodian) Unlock(ctx context.Context, actor string, account uuid.UUID, private hpke.PrivateKey, d time.Duration) (until time.Time, err error) {
	const op = "custody: unlock"
	if d == 0 {
		d = usualLoan
	}
	if d < 0 || d > maxLoan {
		return until, fault.New(fault.Invalid, op, "an account is unlocked for at most %d hours", maxLoan/time.Hour)
	}
	fp := seal.AccessKeyFingerprint(private.PublicKey())
	l := loan{private: private, until: c.now().Add(d)}
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
		l.id = row.ID
		return tx.Audit(audit.Entry{
			Account: account, Actor: actor, Action: "access-key.unlocked", Object: row.ID.String(),
			Detail: map[string]string{"until": l.until.UTC().Format(time.RFC3339)},
		})
	})
	if err != nil {
		return until, fault.Wrap(fault.Internal, op, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.unlocked[account].live(c.now())
	u[fp] = l
	c.unlocked[account] = u
	return l.until, nil
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

// Unlocked reports whether access keys are lent for an account, and until when:
// the last of them.
func (c *Custodian) Unlocked(account uuid.UUID) (until time.Time, ok bool) {
	for _, l := range c.loans(account) {
		if l.until.After(until) {
			until, ok = l.until, true
		}
	}
	return until, ok
}

// lent returns the access keys that are lent for an account.
func (c *Custodian) lent(account uuid.UUID) map[seal.Fingerprint]hpke.PrivateKey {
	loans := c.loans(account)
	some := make(map[seal.Fingerprint]hpke.PrivateKey, len(loans))
	for fp, l := range loans {
		some[fp] = l.private
	}
	return some
}

func (c *Custodian) loans(account uuid.UUID) unlocked {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.unlocked[account].live(c.now())
}

// takeBack forgets loans that are over, and puts that on record; Run calls it.
func (c *Custodian) takeBack(ctx context.Context) error {
	var over []audit.Entry
	c.mu.Lock()
	for account, u := range c.unlocked {
		left := u.live(c.now())
		for fp, l := range u {
			if _, ok := left[fp]; !ok {
				over = append(over, audit.Entry{Account: account, Actor: audit.Gateway, Action: "access-key.loan-ended", Object: l.id.String()})
			}
		}
		if c.unlocked[account] = left; len(left) == 0 {
			delete(c.unlocked, account)
		}
	}
	c.mu.Unlock()
	if len(over) == 0 {
		return nil
	}
	err := c.cat.Update(ctx, func(tx *catalog.Tx) error {
		for _, e := range over {
			if err := tx.Audit(e); err != nil {
				return err
			}
		}
		return nil
	})
	return fault.Wrap(fault.Internal, "custody: take back", err)
}
