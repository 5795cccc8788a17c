package logins

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// SingleSignOn is where an account's people may prove who they are. The client's
// secret is in the key store.
type SingleSignOn struct {
	Account   uuid.UUID
	Settings  []byte    // sealed JSON
	Secret    uuid.UUID // how the key store names the client's secret; Nil = there is none
	ChangedAt time.Time
}

// PutSingleSignOn gives an account single sign-on, in the place of what it had.
func (in Tables) PutSingleSignOn(v *SingleSignOn) error {
	_, err := in.tx.Exec("catalog: put single sign-on",
		`INSERT INTO single_sign_on (account, settings, secret, changed_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (account) DO UPDATE SET settings = excluded.settings, secret = excluded.secret, changed_at = excluded.changed_at`,
		column.ID(v.Account), v.Settings, column.Ref(v.Secret), column.Time(v.ChangedAt))
	return err
}

// SingleSignOn returns an account's single sign-on.
func (in Tables) SingleSignOn(account uuid.UUID) (*SingleSignOn, error) {
	read := func(s engine.Scan) (*SingleSignOn, error) {
		v := &SingleSignOn{Account: account}
		return v, s(&v.Settings, (*column.Ref)(&v.Secret), (*column.Time)(&v.ChangedAt))
	}
	return engine.One(in.tx, "catalog: single sign-on", read, `SELECT settings, secret, changed_at FROM single_sign_on WHERE account = ?`, column.ID(account))
}

// DeleteSingleSignOn takes single sign-on from an account.
func (in Tables) DeleteSingleSignOn(account uuid.UUID) error {
	return in.tx.ExecOne("catalog: delete single sign-on", `DELETE FROM single_sign_on WHERE account = ?`, column.ID(account))
}

// BindSubject says whom a provider means by a subject, of which mac is. A login that
// is bound already, or a subject that is, is fault.Exists.
func (in Tables) BindSubject(login uuid.UUID, mac []byte) error {
	_, err := in.tx.Exec("catalog: bind subject", `INSERT INTO login_subject (login, mac) VALUES (?, ?)`, column.ID(login), mac)
	return err
}

// LoginBySubject returns the login that a subject is bound to.
func (in Tables) LoginBySubject(mac []byte) (*Login, error) {
	return engine.One(in.tx, "catalog: login by subject", readLogin, selectLogin+`WHERE id = (SELECT login FROM login_subject WHERE mac = ?)`, mac)
}

// UnbindSubjects forgets whom a provider means, for all logins of an account.
func (in Tables) UnbindSubjects(account uuid.UUID) error {
	_, err := in.tx.Exec("catalog: unbind subjects",
		`DELETE FROM login_subject WHERE login IN (SELECT id FROM login WHERE account = ?)`, column.ID(account))
	return err
}

// DeleteSessionsBy ends the sessions of an account that began by a method.
func (in Tables) DeleteSessionsBy(account uuid.UUID, method string) error {
	_, err := in.tx.Exec("catalog: delete sessions by method",
		`DELETE FROM session WHERE (method = ? OR method LIKE ? || '+%') AND login IN (SELECT id FROM login WHERE account = ?)`,
		method, method, column.ID(account))
	return err
}
