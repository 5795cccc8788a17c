package catalog

import (
	"errors"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

const selectAccount = `SELECT id, name, content, keep_for, keys, protect_database, operator_access, in_show_for,
	outbox_keep_for, temp_names, require_both, require_factor, allow_from, key_period, receipts, state, created_at FROM account `

func readAccount(s scan) (*Account, error) {
	a := new(Account)
	err := s((*column.ID)(&a.ID), &a.Name, &a.Content, (*column.Seconds)(&a.KeepFor), &a.Keys, (*column.Bool)(&a.ProtectDatabase),
		&a.OperatorAccess, (*column.Seconds)(&a.InShowFor), (*column.Seconds)(&a.OutboxKeepFor), (*column.Texts)(&a.TempNames),
		(*column.Bool)(&a.RequireBoth), (*column.Bool)(&a.RequireFactor), &a.AllowFrom, &a.KeyPeriod, (*column.Bool)(&a.Receipts), &a.State, (*column.Time)(&a.CreatedAt))
	return a, err
}

// InsertAccount adds an account. A name that is taken is fault.Exists.
func (tx *Tx) InsertAccount(a *Account) error {
	_, err := tx.exec("catalog: insert account",
		`INSERT INTO account (id, name, content, keep_for, keys, protect_database, operator_access, in_show_for,
		outbox_keep_for, temp_names, require_both, require_factor, allow_from, key_period, receipts, state, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		column.ID(a.ID), a.Name, a.Content, column.Seconds(a.KeepFor), a.Keys, column.Bool(a.ProtectDatabase),
		a.OperatorAccess, column.Seconds(a.InShowFor), column.Seconds(a.OutboxKeepFor), column.Texts(a.TempNames),
		column.Bool(a.RequireBoth), column.Bool(a.RequireFactor), a.AllowFrom, a.KeyPeriod, column.Bool(a.Receipts), a.State, column.Time(a.CreatedAt))
	return err
}

// SaveAccount writes all of a but its ID and CreatedAt.
func (tx *Tx) SaveAccount(a *Account) error {
	return tx.execOne("catalog: save account",
		`UPDATE account SET name = ?, content = ?, keep_for = ?, keys = ?, protect_database = ?, operator_access = ?,
		in_show_for = ?, outbox_keep_for = ?, temp_names = ?, require_both = ?, require_factor = ?, allow_from = ?, key_period = ?,
		receipts = ?, state = ? WHERE id = ?`,
		a.Name, a.Content, column.Seconds(a.KeepFor), a.Keys, column.Bool(a.ProtectDatabase), a.OperatorAccess,
		column.Seconds(a.InShowFor), column.Seconds(a.OutboxKeepFor), column.Texts(a.TempNames), column.Bool(a.RequireBoth),
		column.Bool(a.RequireFactor), a.AllowFrom, a.KeyPeriod, column.Bool(a.Receipts), a.State, column.ID(a.ID))
}

// DeleteAccount removes an account with its certificates, keys and logins.
// Its files stay on record.
func (tx *Tx) DeleteAccount(id uuid.UUID) error {
	return tx.execOne("catalog: delete account", `DELETE FROM account WHERE id = ?`, column.ID(id))
}

// Account returns an account.
func (tx *Tx) Account(id uuid.UUID) (*Account, error) {
	return one(tx, "catalog: account", readAccount, selectAccount+`WHERE id = ?`, column.ID(id))
}

// AccountByName returns the account with this name.
func (tx *Tx) AccountByName(name string) (*Account, error) {
	return one(tx, "catalog: account by name", readAccount, selectAccount+`WHERE name = ?`, name)
}

// Accounts returns all accounts by name, the system account among them.
func (tx *Tx) Accounts() ([]*Account, error) {
	return list(tx, "catalog: accounts", readAccount, selectAccount+`ORDER BY name`)
}

// OwnAccount takes or renews for node the right to open an account's
// database, until now + leaseFor. The fence grows when the account changes
// hands. While another node has the right the error is fault.TryLater.
func (tx *Tx) OwnAccount(account uuid.UUID, node string, now time.Time, leaseFor time.Duration) (fence int64, err error) {
	const op = "catalog: own account"
	n, err := tx.exec(op, `INSERT INTO account_owner (account, node, fence, lease_until) VALUES (?, ?, 1, ?)
		ON CONFLICT (account) DO UPDATE SET
			fence = CASE WHEN account_owner.node = excluded.node THEN account_owner.fence ELSE account_owner.fence + 1 END,
			node = excluded.node, lease_until = excluded.lease_until
		WHERE account_owner.node = excluded.node OR account_owner.lease_until <= ?`,
		column.ID(account), node, column.Time(now.Add(leaseFor)), column.Time(now))
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, fault.New(fault.TryLater, op, "another gateway has this account's database open")
	}
	return one(tx, op, engine.Value[int64], `SELECT fence FROM account_owner WHERE account = ?`, column.ID(account))
}

const selectCertificate = `SELECT fingerprint, account, der, current, created_at, remove_at, removed_at FROM certificate `

func readCertificate(s scan) (*Certificate, error) {
	c := new(Certificate)
	err := s(&c.Fingerprint, (*column.ID)(&c.Account), &c.DER, (*column.Bool)(&c.Current), (*column.Time)(&c.CreatedAt),
		(*column.Time)(&c.RemoveAt), (*column.Time)(&c.RemovedAt))
	return c, err
}

// InsertCertificate adds a certificate.
func (tx *Tx) InsertCertificate(c *Certificate) error {
	_, err := tx.exec("catalog: insert certificate",
		`INSERT INTO certificate (fingerprint, account, der, current, created_at, remove_at, removed_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		c.Fingerprint, column.ID(c.Account), c.DER, column.Bool(c.Current), column.Time(c.CreatedAt), column.Time(c.RemoveAt), column.Time(c.RemovedAt))
	return err
}

// SaveCertificate writes Current, RemoveAt and RemovedAt.
func (tx *Tx) SaveCertificate(c *Certificate) error {
	return tx.execOne("catalog: save certificate",
		`UPDATE certificate SET current = ?, remove_at = ?, removed_at = ? WHERE fingerprint = ?`,
		column.Bool(c.Current), column.Time(c.RemoveAt), column.Time(c.RemovedAt), c.Fingerprint)
}

// Certificate returns the certificate with this fingerprint.
func (tx *Tx) Certificate(fingerprint string) (*Certificate, error) {
	return one(tx, "catalog: certificate", readCertificate, selectCertificate+`WHERE fingerprint = ?`, fingerprint)
}

// Certificates returns an account's certificates, newest first, removed ones
// among them.
func (tx *Tx) Certificates(account uuid.UUID) ([]*Certificate, error) {
	return list(tx, "catalog: certificates", readCertificate,
		selectCertificate+`WHERE account = ? ORDER BY created_at DESC, fingerprint`, column.ID(account))
}

// CertificatesDue returns the certificates whose removal was scheduled for now
// or earlier and has not happened.
func (tx *Tx) CertificatesDue(now time.Time) ([]*Certificate, error) {
	return list(tx, "catalog: certificates due", readCertificate,
		selectCertificate+`WHERE remove_at > 0 AND removed_at = 0 AND remove_at <= ? ORDER BY remove_at`, column.Time(now))
}

// PutRecordKey stores an account's record key wrapped for a certificate.
func (tx *Tx) PutRecordKey(k *RecordKey) error {
	_, err := tx.exec("catalog: put record key",
		`INSERT INTO record_key (account, fingerprint, wrapped) VALUES (?, ?, ?)
		ON CONFLICT (account, fingerprint) DO UPDATE SET wrapped = excluded.wrapped`,
		column.ID(k.Account), k.Fingerprint, k.Wrapped)
	return err
}

// RecordKeys returns the wraps of an account's record key.
func (tx *Tx) RecordKeys(account uuid.UUID) ([]*RecordKey, error) {
	read := func(s scan) (*RecordKey, error) {
		k := &RecordKey{Account: account}
		return k, s(&k.Fingerprint, &k.Wrapped)
	}
	return list(tx, "catalog: record keys", read,
		`SELECT fingerprint, wrapped FROM record_key WHERE account = ? ORDER BY fingerprint`, column.ID(account))
}

// DeleteRecordKey removes the wrap for one certificate.
func (tx *Tx) DeleteRecordKey(account uuid.UUID, fingerprint string) error {
	return tx.execOne("catalog: delete record key", `DELETE FROM record_key WHERE account = ? AND fingerprint = ?`,
		column.ID(account), fingerprint)
}

const selectAccessKey = `SELECT id, account, fingerprint, public, held, period, confirmed, challenge, challenge_until,
	created_at, remove_at, removed_at FROM access_key `

func readAccessKey(s scan) (*AccessKey, error) {
	k := new(AccessKey)
	err := s((*column.ID)(&k.ID), (*column.ID)(&k.Account), &k.Fingerprint, &k.Public, &k.Held, &k.Period, (*column.Bool)(&k.Confirmed),
		&k.Challenge, (*column.Time)(&k.ChallengeUntil), (*column.Time)(&k.CreatedAt), (*column.Time)(&k.RemoveAt), (*column.Time)(&k.RemovedAt))
	return k, err
}

// InsertAccessKey adds the public side of an access key.
func (tx *Tx) InsertAccessKey(k *AccessKey) error {
	_, err := tx.exec("catalog: insert access key",
		`INSERT INTO access_key (id, account, fingerprint, public, held, period, confirmed, challenge, challenge_until,
		created_at, remove_at, removed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		column.ID(k.ID), column.ID(k.Account), k.Fingerprint, k.Public, k.Held, k.Period, column.Bool(k.Confirmed),
		k.Challenge, column.Time(k.ChallengeUntil), column.Time(k.CreatedAt), column.Time(k.RemoveAt), column.Time(k.RemovedAt))
	return err
}

// SaveAccessKey writes all of k but its ID, Account, Fingerprint, Public and
// CreatedAt.
func (tx *Tx) SaveAccessKey(k *AccessKey) error {
	return tx.execOne("catalog: save access key",
		`UPDATE access_key SET held = ?, period = ?, confirmed = ?, challenge = ?, challenge_until = ?,
		remove_at = ?, removed_at = ? WHERE id = ?`,
		k.Held, k.Period, column.Bool(k.Confirmed), k.Challenge, column.Time(k.ChallengeUntil),
		column.Time(k.RemoveAt), column.Time(k.RemovedAt), column.ID(k.ID))
}

// AccessKey returns an access key.
func (tx *Tx) AccessKey(id uuid.UUID) (*AccessKey, error) {
	return one(tx, "catalog: access key", readAccessKey, selectAccessKey+`WHERE id = ?`, column.ID(id))
}

// AccessKeys returns an account's access keys, newest first, removed ones
// among them.
func (tx *Tx) AccessKeys(account uuid.UUID) ([]*AccessKey, error) {
	return list(tx, "catalog: access keys", readAccessKey,
		selectAccessKey+`WHERE account = ? ORDER BY created_at DESC, id`, column.ID(account))
}

// AccessKeysDue returns the access keys whose removal was scheduled for now or
// earlier and has not happened.
func (tx *Tx) AccessKeysDue(now time.Time) ([]*AccessKey, error) {
	return list(tx, "catalog: access keys due", readAccessKey,
		selectAccessKey+`WHERE remove_at > 0 AND removed_at = 0 AND remove_at <= ? ORDER BY remove_at`, column.Time(now))
}

// Setting returns a setting of the gateway, "" when it was never set.
func (tx *Tx) Setting(key string) (string, error) {
	v, err := one(tx, "catalog: setting", engine.Value[string], `SELECT value FROM setting WHERE key = ?`, key)
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	return v, err
}

// SetSetting writes a setting of the gateway.
func (tx *Tx) SetSetting(key, value string) error {
	if key == "" {
		return fault.Wrap(fault.Internal, "catalog: set setting", errors.New("no key"))
	}
	_, err := tx.exec("catalog: set setting",
		`INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
	return err
}
