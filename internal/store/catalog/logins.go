package catalog

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
)

const selectLogin = `SELECT id, account, name, name_mac, hash, generated, allow_from, sftp, portal, role, created_at, last_seen FROM login `

func readLogin(s scan) (*Login, error) {
	l := new(Login)
	err := s((*idCol)(&l.ID), (*idCol)(&l.Account), &l.Name, &l.NameMAC, &l.Hash, (*boolCol)(&l.Generated), &l.AllowFrom,
		(*boolCol)(&l.SFTP), (*boolCol)(&l.Portal), &l.Role, (*timeCol)(&l.CreatedAt), (*timeCol)(&l.LastSeen))
	return l, err
}

// InsertLogin adds a login. A name that is taken, in whatever account, is
// fault.Exists.
func (tx *Tx) InsertLogin(l *Login) error {
	_, err := tx.exec("catalog: insert login",
		`INSERT INTO login (id, account, name, name_mac, hash, generated, allow_from, sftp, portal, role, created_at, last_seen)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		idCol(l.ID), idCol(l.Account), l.Name, l.NameMAC, l.Hash, boolCol(l.Generated), l.AllowFrom,
		boolCol(l.SFTP), boolCol(l.Portal), l.Role, timeCol(l.CreatedAt), timeCol(l.LastSeen))
	return err
}

// SaveLogin writes all of l but its ID, Account and CreatedAt.
func (tx *Tx) SaveLogin(l *Login) error {
	return tx.execOne("catalog: save login",
		`UPDATE login SET name = ?, name_mac = ?, hash = ?, generated = ?, allow_from = ?, sftp = ?, portal = ?, role = ?,
		last_seen = ? WHERE id = ?`,
		l.Name, l.NameMAC, l.Hash, boolCol(l.Generated), l.AllowFrom, boolCol(l.SFTP), boolCol(l.Portal), l.Role,
		timeCol(l.LastSeen), idCol(l.ID))
}

// TouchLogin notes when a login was last seen.
func (tx *Tx) TouchLogin(id uuid.UUID, at time.Time) error {
	return tx.execOne("catalog: touch login", `UPDATE login SET last_seen = ? WHERE id = ?`, timeCol(at), idCol(id))
}

// DeleteLogin removes a login with its keys, links, sources and names in /in.
func (tx *Tx) DeleteLogin(id uuid.UUID) error {
	return tx.execOne("catalog: delete login", `DELETE FROM login WHERE id = ?`, idCol(id))
}

// Login returns a login.
func (tx *Tx) Login(id uuid.UUID) (*Login, error) {
	return one(tx, "catalog: login", readLogin, selectLogin+`WHERE id = ?`, idCol(id))
}

// LoginByName returns the login whose name has this MAC.
func (tx *Tx) LoginByName(mac []byte) (*Login, error) {
	return one(tx, "catalog: login by name", readLogin, selectLogin+`WHERE name_mac = ?`, mac)
}

// Logins returns an account's logins, oldest first.
func (tx *Tx) Logins(account uuid.UUID) ([]*Login, error) {
	return list(tx, "catalog: logins", readLogin, selectLogin+`WHERE account = ? ORDER BY created_at, id`, idCol(account))
}

// AddLoginKey adds an SSH key to a login. A key the login has already is
// fault.Exists.
func (tx *Tx) AddLoginKey(k *LoginKey) error {
	_, err := tx.exec("catalog: add login key", `INSERT INTO login_key (login, fingerprint, blob) VALUES (?, ?, ?)`,
		idCol(k.Login), k.Fingerprint, k.Blob)
	return err
}

// LoginKeys returns a login's SSH keys.
func (tx *Tx) LoginKeys(login uuid.UUID) ([]*LoginKey, error) {
	read := func(s scan) (*LoginKey, error) {
		k := &LoginKey{Login: login}
		return k, s(&k.Fingerprint, &k.Blob)
	}
	return list(tx, "catalog: login keys", read,
		`SELECT fingerprint, blob FROM login_key WHERE login = ? ORDER BY fingerprint`, idCol(login))
}

// DeleteLoginKey removes an SSH key from a login.
func (tx *Tx) DeleteLoginKey(login uuid.UUID, fingerprint string) error {
	return tx.execOne("catalog: delete login key", `DELETE FROM login_key WHERE login = ? AND fingerprint = ?`,
		idCol(login), fingerprint)
}

const selectLink = `SELECT hash, login, kind, until FROM login_link `

func readLink(s scan) (*Link, error) {
	l := new(Link)
	err := s(&l.Hash, (*idCol)(&l.Login), &l.Kind, (*timeCol)(&l.Until))
	return l, err
}

// InsertLink adds a one-time link.
func (tx *Tx) InsertLink(l *Link) error {
	_, err := tx.exec("catalog: insert link", `INSERT INTO login_link (hash, login, kind, until) VALUES (?, ?, ?, ?)`,
		l.Hash, idCol(l.Login), l.Kind, timeCol(l.Until))
	return err
}

// Links returns a login's links that were not used.
func (tx *Tx) Links(login uuid.UUID) ([]*Link, error) {
	return list(tx, "catalog: links", readLink, selectLink+`WHERE login = ? ORDER BY until, hash`, idCol(login))
}

// TakeLink uses a link up. A link that is unknown, used or over is
// fault.NotFound.
func (tx *Tx) TakeLink(hash []byte, now time.Time) (*Link, error) {
	const op = "catalog: take link"
	l, err := one(tx, op, readLink, selectLink+`WHERE hash = ? AND until > ?`, hash, timeCol(now))
	if err != nil {
		return nil, err
	}
	return l, tx.execOne(op, `DELETE FROM login_link WHERE hash = ?`, hash)
}

// DeleteLinks removes a login's links of a kind: making a new one ends the old.
func (tx *Tx) DeleteLinks(login uuid.UUID, kind string) error {
	_, err := tx.exec("catalog: delete links", `DELETE FROM login_link WHERE login = ? AND kind = ?`, idCol(login), kind)
	return err
}

// PutSource notes that a login signed in from a prefix.
func (tx *Tx) PutSource(s *Source) error {
	_, err := tx.exec("catalog: put source",
		`INSERT INTO login_source (login, prefix_mac, last_success) VALUES (?, ?, ?)
		ON CONFLICT (login, prefix_mac) DO UPDATE SET last_success = excluded.last_success`,
		idCol(s.Login), s.PrefixMAC, timeCol(s.LastSuccess))
	return err
}

// Source returns what is known of a login at a prefix.
func (tx *Tx) Source(login uuid.UUID, prefixMAC []byte) (*Source, error) {
	read := func(s scan) (*Source, error) {
		src := &Source{Login: login, PrefixMAC: prefixMAC}
		return src, s((*timeCol)(&src.LastSuccess))
	}
	return one(tx, "catalog: source", read,
		`SELECT last_success FROM login_source WHERE login = ? AND prefix_mac = ?`, idCol(login), prefixMAC)
}

// DeleteSources forgets prefixes whose last success was before a time.
func (tx *Tx) DeleteSources(before time.Time) error {
	_, err := tx.exec("catalog: delete sources", `DELETE FROM login_source WHERE last_success < ?`, timeCol(before))
	return err
}

// PutThrottle stores a bucket.
func (tx *Tx) PutThrottle(t *Throttle) error {
	if len(t.Key) == 0 {
		return fault.New(fault.Invalid, "catalog: put throttle", "a bucket needs a key")
	}
	_, err := tx.exec("catalog: put throttle",
		`INSERT INTO throttle (key, tokens, at, failures) VALUES (?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET tokens = excluded.tokens, at = excluded.at, failures = excluded.failures`,
		t.Key, t.Tokens, timeCol(t.At), t.Failures)
	return err
}

// Throttle returns a bucket.
func (tx *Tx) Throttle(key []byte) (*Throttle, error) {
	read := func(s scan) (*Throttle, error) {
		t := &Throttle{Key: key}
		return t, s(&t.Tokens, (*timeCol)(&t.At), &t.Failures)
	}
	return one(tx, "catalog: throttle", read, `SELECT tokens, at, failures FROM throttle WHERE key = ?`, key)
}

// DeleteThrottle forgets a bucket, if there is one.
func (tx *Tx) DeleteThrottle(key []byte) error {
	_, err := tx.exec("catalog: delete throttle", `DELETE FROM throttle WHERE key = ?`, key)
	return err
}

// DeleteThrottles forgets buckets that were last used before a time.
func (tx *Tx) DeleteThrottles(before time.Time) error {
	_, err := tx.exec("catalog: delete throttles", `DELETE FROM throttle WHERE at < ?`, timeCol(before))
	return err
}
