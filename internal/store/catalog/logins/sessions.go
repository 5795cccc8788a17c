package logins

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// Session is somebody who is signed in to the portal, or on the way to it.
type Session struct {
	ID        uuid.UUID
	Login     uuid.UUID
	Hash      []byte // of the secret in the cookie
	Stage     string // how far the sign-in has come
	Method    string // how this person came in
	Stands    []byte // MAC of what let this person in
	About     []byte // sealed: from where, with what
	CreatedAt time.Time
	SeenAt    time.Time
	ProvedAt  time.Time // when this person last proved who he is
	Until     time.Time // over from then on, whatever happens
}

const selectSession = `SELECT id, login, hash, stage, method, stands, about, created_at, seen_at, proved_at, until FROM session `

func readSession(s engine.Scan) (*Session, error) {
	v := new(Session)
	err := s((*column.ID)(&v.ID), (*column.ID)(&v.Login), &v.Hash, &v.Stage, &v.Method, &v.Stands, &v.About,
		(*column.Time)(&v.CreatedAt), (*column.Time)(&v.SeenAt), (*column.Time)(&v.ProvedAt), (*column.Time)(&v.Until))
	return v, err
}

// InsertSession adds a session.
func (in Tables) InsertSession(v *Session) error {
	_, err := in.tx.Exec("catalog: insert session",
		`INSERT INTO session (id, login, hash, stage, method, stands, about, created_at, seen_at, proved_at, until)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		column.ID(v.ID), column.ID(v.Login), v.Hash, v.Stage, v.Method, v.Stands, v.About,
		column.Time(v.CreatedAt), column.Time(v.SeenAt), column.Time(v.ProvedAt), column.Time(v.Until))
	return err
}

// SaveSession writes all of a session but its ID, Login, About and CreatedAt. One
// that was ended meanwhile, or has another hash than it had, is fault.NotFound.
func (in Tables) SaveSession(v *Session, was []byte) error {
	return in.tx.ExecOne("catalog: save session",
		`UPDATE session SET hash = ?, stage = ?, method = ?, stands = ?, seen_at = ?, proved_at = ?, until = ? WHERE id = ? AND hash = ?`,
		v.Hash, v.Stage, v.Method, v.Stands, column.Time(v.SeenAt), column.Time(v.ProvedAt), column.Time(v.Until), column.ID(v.ID), was)
}

// SessionByHash returns the session whose secret has this hash, over or not.
func (in Tables) SessionByHash(hash []byte) (*Session, error) {
	return engine.One(in.tx, "catalog: session", readSession, selectSession+`WHERE hash = ?`, hash)
}

// Sessions returns a login's sessions, oldest first, over or not.
func (in Tables) Sessions(login uuid.UUID) ([]*Session, error) {
	return engine.List(in.tx, "catalog: sessions", readSession, selectSession+`WHERE login = ? ORDER BY created_at, id`, column.ID(login))
}

// TouchSession notes when a session was last used.
func (in Tables) TouchSession(id uuid.UUID, at time.Time) error {
	return in.tx.ExecOne("catalog: touch session", `UPDATE session SET seen_at = ? WHERE id = ?`, column.Time(at), column.ID(id))
}

// DeleteSession ends a session of a login.
func (in Tables) DeleteSession(login, id uuid.UUID) error {
	return in.tx.ExecOne("catalog: delete session", `DELETE FROM session WHERE id = ? AND login = ?`, column.ID(id), column.ID(login))
}

// DeleteSessions ends all sessions of a login but one (which may be Nil), and says
// how many.
func (in Tables) DeleteSessions(login, but uuid.UUID) (int64, error) {
	return in.tx.Exec("catalog: delete sessions", `DELETE FROM session WHERE login = ? AND id <> ?`, column.ID(login), column.ID(but))
}

// SweepSessions removes the sessions that are over, or were not used since a time.
func (in Tables) SweepSessions(now, unusedSince time.Time) error {
	_, err := in.tx.Exec("catalog: sweep sessions", `DELETE FROM session WHERE until <= ? OR seen_at < ?`, column.Time(now), column.Time(unusedSince))
	return err
}

// Ceremony is something that a browser was asked and has answered.
type Ceremony struct {
	Hash  []byte // of the state that the browser was given
	Until time.Time
}

// InsertCeremony notes that a ceremony is used up. One that is already is fault.Exists.
func (in Tables) InsertCeremony(c *Ceremony) error {
	_, err := in.tx.Exec("catalog: insert ceremony", `INSERT INTO ceremony (hash, until) VALUES (?, ?)`, c.Hash, column.Time(c.Until))
	return err
}

// SweepCeremonies removes the ceremonies that are over.
func (in Tables) SweepCeremonies(now time.Time) error {
	_, err := in.tx.Exec("catalog: sweep ceremonies", `DELETE FROM ceremony WHERE until <= ?`, column.Time(now))
	return err
}
