package catalog

import (
	"time"

	"github.com/google/uuid"
)

// Token lets a program in. Only the hash of its secret is here.
type Token struct {
	ID        uuid.UUID
	Account   uuid.UUID // the built-in one: it belongs to who runs the gateway
	Hash      []byte
	Name      []byte // sealed
	Role      string
	CreatedAt time.Time
	Until     time.Time // good for nothing from then on
	LastUsed  time.Time
}

const selectToken = `SELECT id, account, hash, name, role, created_at, until, last_used FROM token `

func readToken(s scan) (*Token, error) {
	t := new(Token)
	err := s((*idCol)(&t.ID), (*idCol)(&t.Account), &t.Hash, &t.Name, &t.Role, (*timeCol)(&t.CreatedAt), (*timeCol)(&t.Until), (*timeCol)(&t.LastUsed))
	return t, err
}

// InsertToken adds a token.
func (tx *Tx) InsertToken(t *Token) error {
	_, err := tx.exec("catalog: insert token",
		`INSERT INTO token (id, account, hash, name, role, created_at, until, last_used) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		idCol(t.ID), idCol(t.Account), t.Hash, t.Name, t.Role, timeCol(t.CreatedAt), timeCol(t.Until), timeCol(t.LastUsed))
	return err
}

// Token returns a token.
func (tx *Tx) Token(id uuid.UUID) (*Token, error) {
	return one(tx, "catalog: token", readToken, selectToken+`WHERE id = ?`, idCol(id))
}

// TokenByHash returns the token whose secret has this hash, over or not.
func (tx *Tx) TokenByHash(hash []byte) (*Token, error) {
	return one(tx, "catalog: token by hash", readToken, selectToken+`WHERE hash = ?`, hash)
}

// Tokens returns an account's tokens, oldest first.
func (tx *Tx) Tokens(account uuid.UUID) ([]*Token, error) {
	return list(tx, "catalog: tokens", readToken, selectToken+`WHERE account = ? ORDER BY created_at, id`, idCol(account))
}

// TouchToken notes when a token was last used. One that is gone is fault.NotFound.
func (tx *Tx) TouchToken(id uuid.UUID, at time.Time) error {
	return tx.execOne("catalog: touch token", `UPDATE token SET last_used = ? WHERE id = ?`, timeCol(at), idCol(id))
}

// DeleteToken removes a token.
func (tx *Tx) DeleteToken(id uuid.UUID) error {
	return tx.execOne("catalog: delete token", `DELETE FROM token WHERE id = ?`, idCol(id))
}

// DeleteTokens removes all tokens of an account.
func (tx *Tx) DeleteTokens(account uuid.UUID) error {
	_, err := tx.exec("catalog: delete tokens", `DELETE FROM token WHERE account = ?`, idCol(account))
	return err
}
