package logins

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// TOTP says that a login has one-time codes. Their secret is in the key store.
type TOTP struct {
	Login     uuid.UUID
	LastStep  int64 // of the code that was used last
	CreatedAt time.Time
}

// PutTOTP adds one-time codes to a login, in the place of earlier ones.
func (in Tables) PutTOTP(v *TOTP) error {
	_, err := in.tx.Exec("catalog: put totp",
		`INSERT INTO totp (login, last_step, created_at) VALUES (?, ?, ?)
		ON CONFLICT (login) DO UPDATE SET last_step = excluded.last_step, created_at = excluded.created_at`,
		column.ID(v.Login), v.LastStep, column.Time(v.CreatedAt))
	return err
}

// TOTP returns a login's one-time codes.
func (in Tables) TOTP(login uuid.UUID) (*TOTP, error) {
	read := func(s engine.Scan) (*TOTP, error) {
		v := &TOTP{Login: login}
		return v, s(&v.LastStep, (*column.Time)(&v.CreatedAt))
	}
	return engine.One(in.tx, "catalog: totp", read, `SELECT last_step, created_at FROM totp WHERE login = ?`, column.ID(login))
}

// UseTOTPStep notes that the code of a step was used. One that is not later than
// the last is fault.NotFound.
func (in Tables) UseTOTPStep(login uuid.UUID, step int64) error {
	return in.tx.ExecOne("catalog: use totp step", `UPDATE totp SET last_step = ? WHERE login = ? AND last_step < ?`, step, column.ID(login), step)
}

// DeleteTOTP takes a login's one-time codes away.
func (in Tables) DeleteTOTP(login uuid.UUID) error {
	return in.tx.ExecOne("catalog: delete totp", `DELETE FROM totp WHERE login = ?`, column.ID(login))
}

// PutRecoveryCodes gives a login these codes in the place of those before.
func (in Tables) PutRecoveryCodes(login uuid.UUID, macs [][]byte) error {
	const op = "catalog: put recovery codes"
	if err := in.DeleteRecoveryCodes(login); err != nil {
		return err
	}
	for _, mac := range macs {
		if _, err := in.tx.Exec(op, `INSERT INTO recovery_code (login, mac) VALUES (?, ?)`, column.ID(login), mac); err != nil {
			return err
		}
	}
	return nil
}

// DeleteRecoveryCodes takes all codes of a login away.
func (in Tables) DeleteRecoveryCodes(login uuid.UUID) error {
	_, err := in.tx.Exec("catalog: delete recovery codes", `DELETE FROM recovery_code WHERE login = ?`, column.ID(login))
	return err
}

// TakeRecoveryCode uses a code up. One that is unknown or used is fault.NotFound.
func (in Tables) TakeRecoveryCode(login uuid.UUID, mac []byte) error {
	return in.tx.ExecOne("catalog: take recovery code", `DELETE FROM recovery_code WHERE login = ? AND mac = ?`, column.ID(login), mac)
}

// RecoveryCodes counts the codes that a login has left.
func (in Tables) RecoveryCodes(login uuid.UUID) (int64, error) {
	read := func(s engine.Scan) (n int64, err error) { return n, s(&n) }
	return engine.One(in.tx, "catalog: recovery codes", read, `SELECT COUNT(*) FROM recovery_code WHERE login = ?`, column.ID(login))
}

// Passkey is a login's public key in a browser or a device.
type Passkey struct {
	ID         uuid.UUID
	Login      uuid.UUID
	Credential []byte // the id by which the browser names it
	Name       []byte // sealed
	Record     []byte // JSON: the public key and what is known of the device
	CreatedAt  time.Time
	LastUsed   time.Time
}

const selectPasskey = `SELECT id, login, credential, name, record, created_at, last_used FROM passkey `

func readPasskey(s engine.Scan) (*Passkey, error) {
	v := new(Passkey)
	err := s((*column.ID)(&v.ID), (*column.ID)(&v.Login), &v.Credential, &v.Name, &v.Record, (*column.Time)(&v.CreatedAt), (*column.Time)(&v.LastUsed))
	return v, err
}

// InsertPasskey adds a passkey. One that is somebody's already is fault.Exists.
func (in Tables) InsertPasskey(v *Passkey) error {
	_, err := in.tx.Exec("catalog: insert passkey",
		`INSERT INTO passkey (id, login, credential, name, record, created_at, last_used) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		column.ID(v.ID), column.ID(v.Login), v.Credential, v.Name, v.Record, column.Time(v.CreatedAt), column.Time(v.LastUsed))
	return err
}

// SavePasskey writes a passkey's Record and LastUsed.
func (in Tables) SavePasskey(v *Passkey) error {
	return in.tx.ExecOne("catalog: save passkey", `UPDATE passkey SET record = ?, last_used = ? WHERE id = ?`,
		v.Record, column.Time(v.LastUsed), column.ID(v.ID))
}

// PasskeyByCredential returns the passkey that a browser names.
func (in Tables) PasskeyByCredential(credential []byte) (*Passkey, error) {
	return engine.One(in.tx, "catalog: passkey", readPasskey, selectPasskey+`WHERE credential = ?`, credential)
}

// Passkeys returns a login's passkeys, oldest first.
func (in Tables) Passkeys(login uuid.UUID) ([]*Passkey, error) {
	return engine.List(in.tx, "catalog: passkeys", readPasskey, selectPasskey+`WHERE login = ? ORDER BY created_at, id`, column.ID(login))
}

// DeletePasskey takes a passkey from a login.
func (in Tables) DeletePasskey(login, id uuid.UUID) error {
	return in.tx.ExecOne("catalog: delete passkey", `DELETE FROM passkey WHERE id = ? AND login = ?`, column.ID(id), column.ID(login))
}
