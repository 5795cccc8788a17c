// Package requests is what the catalog remembers of requests that may come again: what
// was asked under which key, and what was answered. It knows neither key nor answer:
// the one is hashed, the other sealed.
package requests

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// Request is one request under a key of its sender.
type Request struct {
	Hash    []byte // MAC of who asks and his key
	ID      uuid.UUID
	Print   []byte // of what was asked
	Run     string // of the gateway in which it was begun
	Account uuid.UUID
	Sender  []byte // MAC of who asks
	Status  int64  // of the answer; 0 = there is none yet
	Media   string
	Answer  []byte // sealed; nil = it is not kept
	Until   time.Time
}

// Requests are the table within a transaction.
type Requests struct{ tx *engine.Tx }

// In returns the table as tx sees and changes it.
func In(tx *engine.Tx) Requests { return Requests{tx} }

// Request returns what is remembered under a hash, over or not.
func (in Requests) Request(hash []byte) (*Request, error) {
	read := func(s engine.Scan) (*Request, error) {
		v := &Request{Hash: hash}
		return v, s((*column.ID)(&v.ID), &v.Print, &v.Run, (*column.ID)(&v.Account), &v.Sender, &v.Status, &v.Media, &v.Answer, (*column.Time)(&v.Until))
	}
	return engine.One(in.tx, "catalog: request", read, `SELECT id, print, run, account, sender, status, media, answer, until FROM request WHERE hash = ?`, hash)
}

// InsertRequest remembers one that begins.
func (in Requests) InsertRequest(v *Request) error {
	_, err := in.tx.Exec("catalog: insert request", `INSERT INTO request (hash, id, print, run, account, sender, status, media, answer, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		v.Hash, column.ID(v.ID), v.Print, v.Run, column.ID(v.Account), v.Sender, v.Status, v.Media, v.Answer, column.Time(v.Until))
	return err
}

// CountRequests counts those of an account; of one sender, if that is not nil.
func (in Requests) CountRequests(account uuid.UUID, sender []byte) (int64, error) {
	return engine.One(in.tx, "catalog: count requests", engine.Value[int64],
		`SELECT COUNT(*) FROM request WHERE account = ?1 AND (?2 IS NULL OR sender = ?2)`, column.ID(account), sender)
}

// AnswerRequest remembers the answer; nil for one that is not kept.
func (in Requests) AnswerRequest(hash []byte, status int64, media string, answer []byte) error {
	return in.tx.ExecOne("catalog: answer request", `UPDATE request SET status = ?, media = ?, answer = ? WHERE hash = ?`, status, media, answer, hash)
}

// DeleteRequest forgets one.
func (in Requests) DeleteRequest(hash []byte) error {
	return in.tx.ExecOne("catalog: delete request", `DELETE FROM request WHERE hash = ?`, hash)
}

// SweepRequests forgets those whose time is over.
func (in Requests) SweepRequests(now time.Time) error {
	_, err := in.tx.Exec("catalog: sweep requests", `DELETE FROM request WHERE until <= ?`, column.Time(now))
	return err
}
