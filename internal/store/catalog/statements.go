package catalog

import (
	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

const selectStatement = `SELECT id, account, kind, object, created_at, text, signed FROM statement `

func readStatement(s scan) (*Statement, error) {
	st := new(Statement)
	err := s((*column.ID)(&st.ID), (*column.ID)(&st.Account), &st.Kind, &st.Object, (*column.Time)(&st.CreatedAt), &st.Text, (*column.Bool)(&st.Signed))
	return st, err
}

// InsertStatement adds a statement.
func (tx *Tx) InsertStatement(s *Statement) error {
	_, err := tx.exec("catalog: insert statement",
		`INSERT INTO statement (id, account, kind, object, created_at, text, signed) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		column.ID(s.ID), column.ID(s.Account), s.Kind, s.Object, column.Time(s.CreatedAt), s.Text, column.Bool(s.Signed))
	return err
}

// SaveStatement writes Text and Signed.
func (tx *Tx) SaveStatement(s *Statement) error {
	return tx.execOne("catalog: save statement", `UPDATE statement SET text = ?, signed = ? WHERE id = ?`,
		s.Text, column.Bool(s.Signed), column.ID(s.ID))
}

// Statement returns a statement.
func (tx *Tx) Statement(id uuid.UUID) (*Statement, error) {
	return one(tx, "catalog: statement", readStatement, selectStatement+`WHERE id = ?`, column.ID(id))
}

// Statements returns up to limit statements about an account, newest first.
func (tx *Tx) Statements(account uuid.UUID, limit int) ([]*Statement, error) {
	return list(tx, "catalog: statements", readStatement,
		selectStatement+`WHERE account = ? ORDER BY seq DESC LIMIT ?`, column.ID(account), engine.RowLimit(limit))
}

// UnsignedStatements returns the statements of all accounts whose act is not
// known to be done, oldest first.
func (tx *Tx) UnsignedStatements() ([]*Statement, error) {
	return list(tx, "catalog: unsigned statements", readStatement, selectStatement+`WHERE signed = 0 ORDER BY seq`)
}
