package custody

import (
	"context"
	"crypto/hpke"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody/loan"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// How long an access key is lent to the gateway.
const (
	usualLoan = 8 * time.Hour
	maxLoan   = 24 * time.Hour
)

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
	l := loan.Loan{Account: account, Private: private, Until: c.now().Add(d)}
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
		l.ID = row.ID
		return tx.Audit(audit.Entry{
			Account: account, Actor: actor, Action: "access-key.unlocked", Object: row.ID.String(),
			Detail: map[string]string{"until": l.Until.UTC().Format(time.RFC3339)},
		})
	})
	if err != nil {
		return until, fault.Wrap(fault.Internal, op, err)
	}
	c.loans.Lend(l)
	return l.Until, nil
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
	c.loans.Forget(account)
	err := c.cat.Update(ctx, func(tx *catalog.Tx) error {
		return tx.Audit(audit.Entry{Account: account, Actor: actor, Action: "access-key.locked", Object: account.String()})
	})
	return fault.Wrap(fault.Internal, "custody: lock", err)
}

// Unlocked reports whether access keys are lent for an account, and until when:
// the last of them.
func (c *Custodian) Unlocked(account uuid.UUID) (until time.Time, ok bool) {
	return c.loans.Of(account).Last()
}

// takeBack forgets loans that are over, and puts that on record; Run calls it.
func (c *Custodian) takeBack(ctx context.Context) error {
	over := c.loans.Over()
	if len(over) == 0 {
		return nil
	}
	err := c.cat.Update(ctx, func(tx *catalog.Tx) error {
		for _, l := range over {
			err := tx.Audit(audit.Entry{Account: l.Account, Actor: audit.Gateway, Action: "access-key.loan-ended", Object: l.ID.String()})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return fault.Wrap(fault.Internal, "custody: take back", err)
}
