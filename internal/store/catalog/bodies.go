package catalog

import (
	"bytes"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// PutGrant gives a file its grant, in place of the one it has.
func (tx *Tx) PutGrant(file uuid.UUID, g Grant) error {
	const op = "catalog: put grant"
	if g.Key == "" {
		return fault.New(fault.Invalid, op, "a grant needs an ingest key")
	}
	type slot struct {
		seq int64 // 0 = it has no grant
		Grant
	}
	read := func(s scan) (have slot, err error) {
		return have, s(&have.seq, &have.Key, &have.Data)
	}
	have, err := one(tx, op, read, `SELECT COALESCE(g.seq, 0), COALESCE(g.ingest_key, ''), g.data
		FROM file f LEFT JOIN file_grant g ON g.seq = f.grant_slot AND g.file = f.id WHERE f.id = ?`, column.ID(file))
	switch {
	case err != nil:
		return err
	case have.seq == 0:
		seq, err := tx.fillSlot(op, file, g)
		if err != nil {
			return err
		}
		return tx.execOne(op, `UPDATE file SET grant_slot = ? WHERE id = ?`, seq, column.ID(file))
	case have.Key == g.Key && bytes.Equal(have.Data, g.Data):
		return nil // the usual SaveFile
	}
	return tx.execOne(op, `UPDATE file_grant SET ingest_key = ?, data = ? WHERE seq = ?`, g.Key, g.Data, have.seq)
}

// fillSlot stores a file's grant in a free slot, or a new one, and returns it.
func (tx *Tx) fillSlot(op string, file uuid.UUID, g Grant) (int64, error) {
	free, err := one(tx, op, engine.Value[int64], `SELECT COALESCE(MIN(seq), 0) FROM file_grant WHERE ingest_key IS NULL`)
	if err != nil {
		return 0, err
	}
	if free > 0 {
		return free, tx.execOne(op, `UPDATE file_grant SET file = ?, ingest_key = ?, data = ? WHERE seq = ?`,
			column.ID(file), g.Key, g.Data, free)
	}
	next, err := one(tx, op, engine.Value[int64], `SELECT COALESCE(MAX(seq), 0) + 1 FROM file_grant`)
	if err != nil {
		return 0, err
	}
	return next, tx.execOne(op, `INSERT INTO file_grant (seq, file, ingest_key, data) VALUES (?, ?, ?, ?)`,
		next, column.ID(file), g.Key, g.Data)
}

// DeleteGrant takes a file's grant away, if it has one: the bytes are
// overwritten in the database now and in the log when that is cut.
func (tx *Tx) DeleteGrant(file uuid.UUID) error {
	_, err := tx.exec("catalog: delete grant",
		`UPDATE file_grant SET file = NULL, ingest_key = NULL, data = NULL
		WHERE seq = (SELECT grant_slot FROM file WHERE id = ?) AND file = ?`, column.ID(file), column.ID(file))
	return err
}

// GrantsUnder returns up to limit files whose grant is for the ingest key with
// this fingerprint.
func (tx *Tx) GrantsUnder(key string, limit int) ([]*File, error) {
	return list(tx, "catalog: grants under a key", readFile,
		selectFile+`WHERE f.id IN (SELECT file FROM file_grant WHERE ingest_key = ? ORDER BY seq LIMIT ?)`,
		key, engine.RowLimit(limit))
}

// GrantsNotUnder returns up to limit files whose grant is for any other ingest
// key than this.
func (tx *Tx) GrantsNotUnder(key string, limit int) ([]*File, error) {
	return list(tx, "catalog: grants under other keys", readFile,
		selectFile+`WHERE f.id IN (SELECT file FROM file_grant
			WHERE ingest_key < ? OR ingest_key > ? LIMIT ?)`,
		key, key, engine.RowLimit(limit))
}

// GrantKeys returns the fingerprints of all ingest keys that grants are for.
func (tx *Tx) GrantKeys() ([]string, error) {
	return list(tx, "catalog: grant keys", engine.Value[string],
		`SELECT DISTINCT ingest_key FROM file_grant WHERE ingest_key IS NOT NULL ORDER BY ingest_key`)
}

// PutInline stores a small sealed body beside its file.
func (tx *Tx) PutInline(file uuid.UUID, body []byte) error {
	const op = "catalog: put inline body"
	if body == nil {
		body = []byte{} // never NULL
	}
	return tx.execOne(op, `INSERT INTO inline_body (number, size, body) SELECT number, ?, ? FROM file WHERE id = ?`,
		int64(len(body)), body, column.ID(file))
}

// Inline returns a file's inline body.
func (tx *Tx) Inline(file uuid.UUID) ([]byte, error) {
	return one(tx, "catalog: inline body", engine.Value[[]byte],
		`SELECT body FROM inline_body WHERE number = (SELECT number FROM file WHERE id = ?)`, column.ID(file))
}

// DeleteInline removes a file's inline body, if it has one.
func (tx *Tx) DeleteInline(file uuid.UUID) error {
	_, err := tx.exec("catalog: delete inline body",
		`DELETE FROM inline_body WHERE number = (SELECT number FROM file WHERE id = ?)`, column.ID(file))
	return err
}

// InlineBytes returns the length of all inline bodies together. It looks at
// every one of them, though not at its bytes.
func (tx *Tx) InlineBytes() (int64, error) {
	return one(tx, "catalog: inline bytes", engine.Value[int64], `SELECT COALESCE(SUM(size), 0) FROM inline_body`)
}

// InlineFiles returns up to limit files in a state that have an inline body,
// oldest first.
func (tx *Tx) InlineFiles(state State, limit int) ([]uuid.UUID, error) {
	return list(tx, "catalog: inline files", readID,
		`SELECT f.id FROM inline_body b JOIN file f ON f.number = b.number WHERE f.state = ? ORDER BY b.number LIMIT ?`,
		string(state), engine.RowLimit(limit))
}

func readID(s scan) (uuid.UUID, error) {
	var id column.ID
	err := s(&id)
	return uuid.UUID(id), err
}
