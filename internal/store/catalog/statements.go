package catalog

import "github.com/google/uuid"

const selectStatement = `SELECT id, account, kind, object, created_at, text, signed FROM statement `

func readStatement(s scan) (*Statement, error) {
	st := new(Statement)
	err := s((*idCol)(&st.ID), (*idCol)(&st.Account), &st.Kind, &st.Object, (*timeCol)(&st.CreatedAt), &st.Text, (*boolCol)(&st.Signed))
	return st, err
}

// InsertStatement adds a statement.
func (tx *Tx) InsertStatement(s *Statement) error {
	_, err := tx.exec("catalog: insert statement",
		`INSERT INTO statement (id, account, kind, object, created_at, text, signed) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		idCol(s.ID), idCol(s.Account), s.Kind, s.Object, timeCol(s.CreatedAt), s.Text, boolCol(s.Signed))
	return err
}

// SaveStatement writes Text and Signed.
func (tx *Tx) SaveStatement(s *Statement) error {
	return tx.execOne("catalog: save statement", `UPDATE statement SET text = ?, signed = ? WHERE id = ?`,
		s.Text, boolCol(s.Signed), idCol(s.ID))
}

// Statement returns a statement.
func (tx *Tx) Statement(id uuid.UUID) (*Statement, error) {
	return one(tx, "catalog: statement", readStatement, selectStatement+`WHERE id = ?`, idCol(id))
}

// Statements returns up to limit statements about an account, newest first.
func (tx *Tx) Statements(account uuid.UUID, limit int) ([]*Statement, error) {
	return list(tx, "catalog: statements", readStatement,
		selectStatement+`WHERE account = ? ORDER BY seq DESC LIMIT ?`, idCol(account), rowLimit(limit))
}

// UnsignedStatements returns the statements of all accounts whose act is not
// known to be done, oldest first.
func (tx *Tx) UnsignedStatements() ([]*Statement, error) {
	return list(tx, "catalog: unsigned statements", readStatement, selectStatement+`WHERE signed = 0 ORDER BY seq`)
}
