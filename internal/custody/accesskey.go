package custody

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/killpoint"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// AccessKeyInfo is an access key on record.
type AccessKeyInfo struct {
	catalog.AccessKey
	Here     bool      // its private half is in the key store, and the gateway's to use
	Unlocked time.Time // lent to the gateway until then; zero = it is not
	Files    int64     // that have a body sealed under it
}

// AccessKeys lists the account's access keys, newest first, removed ones among
// them.
func (c *Custodian) AccessKeys(ctx context.Context, account uuid.UUID) ([]AccessKeyInfo, error) {
	const op = "custody: access keys"
	var rows []*catalog.AccessKey
	var files map[string]int64
	err := c.cat.View(ctx, func(tx *catalog.Tx) (err error) {
		if rows, err = tx.AccessKeys(account); err != nil {
			return err
		}
		files, err = filesByKey(tx, account)
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	have, err := c.held(account)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	loans := c.loans(account)
	list := make([]AccessKeyInfo, len(rows))
	for i, row := range rows {
		fp, err := seal.ParseFingerprint(row.Fingerprint)
		if err != nil {
			return nil, fault.Wrap(fault.Damaged, op, err)
		}
		k := have.AccessKey(fp)
		list[i] = AccessKeyInfo{AccessKey: *row, Here: k != nil && k.Private != nil, Files: files[row.Fingerprint]}
		list[i].Unlocked = loans[fp].until
	}
	return list, nil
}

// FindAccessKey returns the access key whose id or fingerprint begins with
// text, or the one of the year that text names.
func (c *Custodian) FindAccessKey(ctx context.Context, account uuid.UUID, text string) (uuid.UUID, error) {
	const op = "custody: find access key"
	ring, err := keyring.Of(ctx, c.cat, account)
	if err != nil {
		return uuid.Nil, fault.Wrap(fault.Internal, op, err)
	}
	text = strings.ToLower(text)
	var found []uuid.UUID
	for _, row := range ring.AccessKeys {
		named := len(text) >= minNamed && (strings.HasPrefix(row.ID.String(), text) || strings.HasPrefix(row.Fingerprint, text))
		if named || text != "" && row.Period == text && row.RemovedAt.IsZero() {
			found = append(found, row.ID)
		}
	}
	return only(op, "access key", found)
}

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
func (c *Custodian) AddAccessKey(ctx context.Context, actor string, account uuid.UUID, n NewKey) (*AccessKeyInfo, error) {
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
	return &AccessKeyInfo{AccessKey: *row, Here: k.Private != nil}, c.fault("access-key-add.recorded")
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

// accessKeyOf returns an access key of an account that was not removed.
func accessKeyOf(tx *catalog.Tx, account, id uuid.UUID) (*catalog.AccessKey, error) {
	const op = "custody: access key"
	row, err := tx.AccessKey(id)
	if fault.Is(err, fault.NotFound) || err == nil && row.Account != account {
		return nil, fault.New(fault.NotFound, op, "the account has no such access key")
	}
	if err == nil && !row.RemovedAt.IsZero() {
		return nil, fault.New(fault.Invalid, op, "this access key was removed")
	}
	return row, err
}

// Challenge returns a file that only the holder of an access key can answer,
// and until when. A new challenge takes the place of the one before.
func (c *Custodian) Challenge(ctx context.Context, actor string, account, id uuid.UUID) (file []byte, until time.Time, err error) {
	const op = "custody: challenge"
	until = c.now().AddDate(0, 0, keyfile.ChallengeDays)
	err = c.cat.Update(ctx, func(tx *catalog.Tx) error {
		row, err := accessKeyOf(tx, account, id)
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
		row, err := accessKeyOf(tx, account, id)
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

// ExportAccessKey returns both halves of a gateway-held access key as PEM, the
// newest one when id is uuid.Nil. It is on record before it happens.
func (c *Custodian) ExportAccessKey(ctx context.Context, actor string, account, id uuid.UUID) (private, public []byte, err error) {
	const op = "custody: export access key"
	list, err := c.AccessKeys(ctx, account)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	info, ok := choose(list, func(i AccessKeyInfo) bool {
		return i.ID == id || id == uuid.Nil && i.RemovedAt.IsZero()
	})
	if !ok {
		return nil, nil, fault.New(fault.NotFound, op, "the account has no such access key")
	}
	if info.Held != catalog.KeysGateway || !info.Here {
		return nil, nil, fault.New(fault.Denied, op, "the private half of this access key is not at the gateway")
	}
	k, err := c.accessKey(account, info.Fingerprint)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := c.auditExport(ctx, actor, account, "access-key.exported", info.ID.String()); err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	if private, err = keyfile.MarshalAccessKey(k.Private); err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	return private, keyfile.MarshalAccessPublicKey(k.Public), nil
}

// EncryptedAccessKey returns the private half of an access key as the customer
// has left it here, under his passphrase. Who has it can guess at that for as long
// as he likes, so it is on record before it is handed out.
func (c *Custodian) EncryptedAccessKey(ctx context.Context, actor string, account, id uuid.UUID) ([]byte, error) {
	const op = "custody: encrypted access key"
	var row *catalog.AccessKey
	err := c.cat.View(ctx, func(tx *catalog.Tx) (err error) {
		row, err = accessKeyOf(tx, account, id)
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	k, err := c.accessKey(account, row.Fingerprint)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if k.Encrypted == nil {
		return nil, fault.New(fault.Invalid, op, "this access key is not held under a passphrase")
	}
	if err := c.auditExport(ctx, actor, account, "access-key.fetched-encrypted", id.String()); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return k.Encrypted.Marshal(), nil
}

func (c *Custodian) accessKey(account uuid.UUID, fingerprint string) (*keys.AccessKey, error) {
	fp, err := seal.ParseFingerprint(fingerprint)
	if err != nil {
		return nil, err
	}
	have, err := c.accountKeys(account)
	if err != nil {
		return nil, err
	}
	k := have.AccessKey(fp)
	if k == nil {
		return nil, fault.New(fault.Locked, "custody: access key", "the access key is not in the key store")
	}
	return k, nil
}
