// Package logins is who may come in, as the catalog keeps it: logins with their
// SSH keys and one-time links, the tokens of programs, and what is remembered of
// sign-ins.
//
// Names come sealed and are found by MACs; of secrets only hashes are here.
// Whether an attempt is let in is decided by package signin.
package logins

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// Tables are those of logins, within a transaction of the catalog.
type Tables struct{ tx *engine.Tx }

// In returns the tables as tx sees and changes them.
func In(tx *engine.Tx) Tables { return Tables{tx} }

// Login is a person or robot of an account.
type Login struct {
	ID        uuid.UUID
	Account   uuid.UUID
	Name      []byte // sealed
	NameMAC   []byte // under the username index key; nil once the account is shredded
	Hash      string // Argon2id with its parameters; empty = no password
	Generated bool   // the password was made by the gateway
	Short     bool   // the password is too short to be all that is asked for
	AllowFrom []byte // sealed JSON list of CIDRs; nil = as the account says
	SFTP      bool
	Portal    bool
	Role      string
	Language  string // of pages and mails; empty = as the browser asks
	CreatedAt time.Time
	LastSeen  time.Time
}

// Key is one SSH public key of a login.
type Key struct {
	Login       uuid.UUID
	Fingerprint string // "SHA256:..."
	Blob        []byte // SSH wire format, no comment
}

// Link is a one-time link; only the hash of its secret is here.
type Link struct {
	Hash  []byte
	Login uuid.UUID
	Kind  string
	Nth   int64 // of this kind, one after the other, that nobody has followed
	Until time.Time
}

const selectLogin = `SELECT id, account, name, name_mac, hash, generated, short, allow_from, sftp, portal, role, language, created_at, last_seen FROM login `

func readLogin(s engine.Scan) (*Login, error) {
	l := new(Login)
	err := s((*column.ID)(&l.ID), (*column.ID)(&l.Account), &l.Name, &l.NameMAC, &l.Hash, (*column.Bool)(&l.Generated), (*column.Bool)(&l.Short), &l.AllowFrom,
		(*column.Bool)(&l.SFTP), (*column.Bool)(&l.Portal), &l.Role, &l.Language, (*column.Time)(&l.CreatedAt), (*column.Time)(&l.LastSeen))
	return l, err
}

// InsertLogin adds a login. A name that is taken, in whatever account, is
// fault.Exists.
func (in Tables) InsertLogin(l *Login) error {
	_, err := in.tx.Exec("catalog: insert login",
		`INSERT INTO login (id, account, name, name_mac, hash, generated, short, allow_from, sftp, portal, role, language, created_at, last_seen)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		column.ID(l.ID), column.ID(l.Account), l.Name, l.NameMAC, l.Hash, column.Bool(l.Generated), column.Bool(l.Short), l.AllowFrom,
		column.Bool(l.SFTP), column.Bool(l.Portal), l.Role, l.Language, column.Time(l.CreatedAt), column.Time(l.LastSeen))
	return err
}

// SaveLogin writes all of l but its ID, Account and CreatedAt.
func (in Tables) SaveLogin(l *Login) error {
	return in.tx.ExecOne("catalog: save login",
		`UPDATE login SET name = ?, name_mac = ?, hash = ?, generated = ?, short = ?, allow_from = ?, sftp = ?, portal = ?, role = ?, language = ?,
		last_seen = ? WHERE id = ?`,
		l.Name, l.NameMAC, l.Hash, column.Bool(l.Generated), column.Bool(l.Short), l.AllowFrom, column.Bool(l.SFTP), column.Bool(l.Portal), l.Role,
		l.Language, column.Time(l.LastSeen), column.ID(l.ID))
}

// TouchLogin notes when a login was last seen.
func (in Tables) TouchLogin(id uuid.UUID, at time.Time) error {
	return in.tx.ExecOne("catalog: touch login", `UPDATE login SET last_seen = ? WHERE id = ?`, column.Time(at), column.ID(id))
}

// DeleteLogin removes a login with its keys, links, sources and names in /in.
func (in Tables) DeleteLogin(id uuid.UUID) error {
	return in.tx.ExecOne("catalog: delete login", `DELETE FROM login WHERE id = ?`, column.ID(id))
}

// Login returns a login.
func (in Tables) Login(id uuid.UUID) (*Login, error) {
	return engine.One(in.tx, "catalog: login", readLogin, selectLogin+`WHERE id = ?`, column.ID(id))
}

// LoginByName returns the login whose name has this MAC.
func (in Tables) LoginByName(mac []byte) (*Login, error) {
	return engine.One(in.tx, "catalog: login by name", readLogin, selectLogin+`WHERE name_mac = ?`, mac)
}

// Logins returns an account's logins, oldest first.
func (in Tables) Logins(account uuid.UUID) ([]*Login, error) {
	return engine.List(in.tx, "catalog: logins", readLogin, selectLogin+`WHERE account = ? ORDER BY created_at, id`, column.ID(account))
}

// AddLoginKey adds an SSH key to a login. A key the login has already is
// fault.Exists.
func (in Tables) AddLoginKey(k *Key) error {
	_, err := in.tx.Exec("catalog: add login key", `INSERT INTO login_key (login, fingerprint, blob) VALUES (?, ?, ?)`,
		column.ID(k.Login), k.Fingerprint, k.Blob)
	return err
}

// LoginKeys returns a login's SSH keys.
func (in Tables) LoginKeys(login uuid.UUID) ([]*Key, error) {
	read := func(s engine.Scan) (*Key, error) {
		k := &Key{Login: login}
		return k, s(&k.Fingerprint, &k.Blob)
	}
	return engine.List(in.tx, "catalog: login keys", read,
		`SELECT fingerprint, blob FROM login_key WHERE login = ? ORDER BY fingerprint`, column.ID(login))
}

// DeleteLoginKey removes an SSH key from a login.
func (in Tables) DeleteLoginKey(login uuid.UUID, fingerprint string) error {
	return in.tx.ExecOne("catalog: delete login key", `DELETE FROM login_key WHERE login = ? AND fingerprint = ?`,
		column.ID(login), fingerprint)
}

const selectLink = `SELECT hash, login, kind, nth, until FROM login_link `

func readLink(s engine.Scan) (*Link, error) {
	l := new(Link)
	err := s(&l.Hash, (*column.ID)(&l.Login), &l.Kind, &l.Nth, (*column.Time)(&l.Until))
	return l, err
}

// InsertLink adds a one-time link.
func (in Tables) InsertLink(l *Link) error {
	_, err := in.tx.Exec("catalog: insert link", `INSERT INTO login_link (hash, login, kind, nth, until) VALUES (?, ?, ?, ?, ?)`,
		l.Hash, column.ID(l.Login), l.Kind, l.Nth, column.Time(l.Until))
	return err
}

// Links returns a login's links that were not used.
func (in Tables) Links(login uuid.UUID) ([]*Link, error) {
	return engine.List(in.tx, "catalog: links", readLink, selectLink+`WHERE login = ? ORDER BY until, hash`, column.ID(login))
}

// TakeLink uses a link up. A link that is unknown, used or over is
// fault.NotFound.
func (in Tables) TakeLink(hash []byte, now time.Time) (*Link, error) {
	const op = "catalog: take link"
	l, err := engine.One(in.tx, op, readLink, selectLink+`WHERE hash = ? AND until > ?`, hash, column.Time(now))
	if err != nil {
		return nil, err
	}
	return l, in.tx.ExecOne(op, `DELETE FROM login_link WHERE hash = ?`, hash)
}

// Link returns a link that is neither used nor over.
func (in Tables) Link(hash []byte, now time.Time) (*Link, error) {
	return engine.One(in.tx, "catalog: link", readLink, selectLink+`WHERE hash = ? AND until > ?`, hash, column.Time(now))
}

// DeleteLinks removes a login's links: making a new one ends the old.
func (in Tables) DeleteLinks(login uuid.UUID) error {
	_, err := in.tx.Exec("catalog: delete links", `DELETE FROM login_link WHERE login = ?`, column.ID(login))
	return err
}
