package logins

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
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

func readToken(s engine.Scan) (*Token, error) {
	t := new(Token)
	err := s((*column.ID)(&t.ID), (*column.ID)(&t.Account), &t.Hash, &t.Name, &t.Role, (*column.Time)(&t.CreatedAt), (*column.Time)(&t.Until), (*column.Time)(&t.LastUsed))
	return t, err
}

// InsertToken adds a token.
func (in Tables) InsertToken(t *Token) error {
	_, err := in.tx.Exec("catalog: insert token",
		`INSERT INTO token (id, account, hash, name, role, created_at, until, last_used) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		column.ID(t.ID), column.ID(t.Account), t.Hash, t.Name, t.Role, column.Time(t.CreatedAt), column.Time(t.Until), column.Time(t.LastUsed))
	return err
}

// Token returns a token.
func (in Tables) Token(id uuid.UUID) (*Token, error) {
	return engine.One(in.tx, "catalog: token", readToken, selectToken+`WHERE id = ?`, column.ID(id))
}

// TokenByHash returns the token whose secret has this hash, over or not.
func (in Tables) TokenByHash(hash []byte) (*Token, error) {
	return engine.One(in.tx, "catalog: token by hash", readToken, selectToken+`WHERE hash = ?`, hash)
}

// Tokens returns an account's tokens, oldest first.
func (in Tables) Tokens(account uuid.UUID) ([]*Token, error) {
	return engine.List(in.tx, "catalog: tokens", readToken, selectToken+`WHERE account = ? ORDER BY created_at, id`, column.ID(account))
}

// TouchToken notes when a token was last used. One that is gone is fault.NotFound.
func (in Tables) TouchToken(id uuid.UUID, at time.Time) error {
	return in.tx.ExecOne("catalog: touch token", `UPDATE token SET last_used = ? WHERE id = ?`, column.Time(at), column.ID(id))
}

// DeleteToken removes a token.
func (in Tables) DeleteToken(id uuid.UUID) error {
	return in.tx.ExecOne("catalog: delete token", `DELETE FROM token WHERE id = ?`, column.ID(id))
}

// SweepTokens removes the tokens that were over before a time.
func (in Tables) SweepTokens(overBefore time.Time) error {
	_, err := in.tx.Exec("catalog: sweep tokens", `DELETE FROM token WHERE until < ?`, column.Time(overBefore))
	return err
}

// DeleteTokens removes all tokens of an account.
func (in Tables) DeleteTokens(account uuid.UUID) error {
	_, err := in.tx.Exec("catalog: delete tokens", `DELETE FROM token WHERE account = ?`, column.ID(account))
	return err
}
