package custody

import (
	"context"
	"regexp"
	"strconv"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody/inventory"
	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/killpoint"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

var aYear = regexp.MustCompile(`^[0-9]{4}$`)

// yearsAhead is how far ahead an access key can be brought.
const yearsAhead = 10

// periodOf returns the period that a new access key of the account is for.
func periodOf(r keyring.Ring, wanted string, now time.Time) (string, error) {
	const op = "custody: add access key"
	year := keyring.Year(now)
	switch {
	case r.Account.KeyPeriod != catalog.PeriodYear && wanted == "":
		return "", nil
	case r.Account.KeyPeriod != catalog.PeriodYear:
		return "", fault.New(fault.Invalid, op, "the account's access keys are for all times; let it have one for each year first (key period: year)")
	case wanted == "":
		return year, nil
	case !aYear.MatchString(wanted) || wanted < year || wanted > strconv.Itoa(now.UTC().Year()+yearsAhead):
		return "", fault.New(fault.Invalid, op, "the period of an access key is this year or one of the next %d, such as %s; not %q", yearsAhead, year, wanted)
	}
	return wanted, nil
}

// AddAccessKey adds an access key: one that the gateway makes, which is used at
// once, or one of the customer's, which is used when it is confirmed.
func (c *Custodian) AddAccessKey(ctx context.Context, actor string, account uuid.UUID, n NewKey) (*inventory.AccessKey, error) {
	const op = "custody: add access key"
	defer c.change(account)()
	ring, err := keyring.Of(ctx, c.cat, account)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	period, err := periodOf(ring, n.Period, c.now())
	if err != nil {
		return nil, err
	}
	if err := takes(ring, n, period); err != nil {
		return nil, err
	}
	k, held, err := n.key()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := c.storeAccessKey(account, k); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	killpoint.At("access-key-add.stored")
	if err := c.fault("access-key-add.stored"); err != nil {
		return nil, err
	}
	row := accessKeyRow(account, k, held, period, c.now())
	err = c.cat.Update(ctx, func(tx *catalog.Tx) error {
		acc, err := tx.Account(account)
		if err != nil {
			return err
		}
		if acc.State != catalog.AccountOpen {
			return fault.New(fault.Locked, op, "the account is closed")
		}
		if err := tx.InsertAccessKey(row); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{
			Account: account, Actor: actor, Action: "access-key.added", Object: row.ID.String(),
			Detail: map[string]string{"held": held, "period": period},
		})
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	killpoint.At("access-key-add.recorded")
	return &inventory.AccessKey{AccessKey: *row, Here: k.Private != nil}, c.fault("access-key-add.recorded")
}

// takes says why a key cannot be added, if it cannot.
func takes(r keyring.Ring, n NewKey, period string) error {
	const op = "custody: add access key"
	if r.Account.State != catalog.AccountOpen {
		return fault.New(fault.Locked, op, "the account is closed")
	}
	if n.Public == nil && n.Encrypted == nil && r.Account.Keys == catalog.KeysCustomer {
		return fault.New(fault.Invalid, op, "this account's access keys are the customer's: the gateway makes none; bring a public half")
	}
	living := 0
	for _, row := range r.AccessKeys {
		if row.RemovedAt.IsZero() && row.Period == period {
			living++
		}
		if n.Public == nil || row.Fingerprint != seal.AccessKeyFingerprint(n.Public).String() {
			continue
		}
		if row.RemovedAt.IsZero() {
			return fault.New(fault.Exists, op, "the account has this access key already")
		}
		return fault.New(fault.Invalid, op, "this access key was removed from the account; bring another")
	}
	if living >= maxSealing {
		return fault.New(fault.TooLarge, op, "at most %d access keys can be in use at a time", maxSealing)
	}
	return nil
}

// storeAccessKey makes the key durable. What a crash has left in the key store,
// unknown to the catalog, is taken as it is.
func (c *Custodian) storeAccessKey(account uuid.UUID, k *keys.AccessKey) error {
	have, err := c.accountKeys(account)
	if err != nil {
		return err
	}
	left := have.AccessKey(k.Fingerprint)
	switch {
	case left == nil:
		return c.ks.AddAccessKey(account, k)
	case (left.Encrypted == nil) != (k.Encrypted == nil):
		return fault.New(fault.Exists, "custody: add access key", "the key store has this access key in another form; bring another")
	}
	k.ID = left.ID
	return nil
}

// Challenge returns a file that only the holder of an access key can answer,
// and until when. A new challenge takes the place of the one before.
func (c *Custodian) Challenge(ctx context.Context, actor string, account, id uuid.UUID) (file []byte, until time.Time, err error) {
	const op = "custody: challenge"
	until = c.now().AddDate(0, 0, keyfile.ChallengeDays)
	err = c.cat.Update(ctx, func(tx *catalog.Tx) error {
		row, err := keyring.AccessKey(tx, account, id)
		if err != nil {
			return err
		}
		if row.Confirmed {
			return fault.New(fault.Exists, op, "this access key is confirmed")
		}
		public, err := publicOf(row)
		if err != nil {
			return err
		}
		if file, row.Challenge, err = keyfile.NewChallenge(account, id, public); err != nil {
			return err
		}
		row.ChallengeUntil = until
		if err := tx.SaveAccessKey(row); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Account: account, Actor: actor, Action: "access-key.challenged", Object: id.String()})
	})
	return file, until, fault.Wrap(fault.Internal, op, err)
}

// Confirm takes the answer to a challenge: from now on files are sealed under
// the key.
func (c *Custodian) Confirm(ctx context.Context, actor string, account, id uuid.UUID, answer []byte) error {
	const op = "custody: confirm"
	defer c.change(account)()
	err := c.cat.Update(ctx, func(tx *catalog.Tx) error {
		row, err := keyring.AccessKey(tx, account, id)
		switch {
		case err != nil:
			return err
		case row.Confirmed:
			return nil
		case row.Challenge == nil:
			return fault.New(fault.Invalid, op, "no challenge was made for this access key; make one first")
		case c.now().After(row.ChallengeUntil):
			return fault.New(fault.Invalid, op, "the challenge was good for %d days, which are over; make a new one", keyfile.ChallengeDays)
		}
		if err := keyfile.CheckAnswer(answer, id, row.Challenge); err != nil {
			return err
		}
		return confirm(tx, actor, row)
	})
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	killpoint.At("access-key-confirm.recorded")
	return c.fault("access-key-confirm.recorded")
}

func confirm(tx *catalog.Tx, actor string, row *catalog.AccessKey) error {
	row.Confirmed, row.Challenge, row.ChallengeUntil = true, nil, time.Time{}
	if err := tx.SaveAccessKey(row); err != nil {
		return err
	}
	return tx.Audit(audit.Entry{Account: row.Account, Actor: actor, Action: "access-key.confirmed", Object: row.ID.String()})
}
