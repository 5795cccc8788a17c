package catalog

import (
	"bytes"

	"github.com/google/uuid"

	"sealgate/internal/fault"
)

// PutGrant gives a file its grant, in place of the one it has.
func (tx *Tx) PutGrant(file uuid.UUID, g Grant) error {
	const op = "catalog: put grant"
	if g.Key == "" {
		return fault.New(fault.Invalid, op, "a grant needs an ingest key")
	}
	have, err := list(tx, op, readGrant, `SELECT ingest_key, data FROM file_grant WHERE file = ?`, idCol(file))
	switch {
	case err != nil:
		return err
	case len(have) == 0:
		return tx.insertGrant(op, file, g)
	case have[0].Key == g.Key && bytes.Equal(have[0].Data, g.Data):
		return nil // the usual SaveFile
	}
	return tx.execOne(op, `UPDATE file_grant SET ingest_key = ?, data = ? WHERE file = ?`, g.Key, g.Data, idCol(file))
}

func readGrant(s scan) (g Grant, err error) {
	err = s(&g.Key, &g.Data)
	return g, err
}

// insertGrant stores the grant of a file that has none.
func (tx *Tx) insertGrant(op string, file uuid.UUID, g Grant) error {
	n, err := tx.exec(op, `UPDATE file_grant SET file = ?, ingest_key = ?, data = ?
		WHERE seq = (SELECT MIN(seq) FROM file_grant WHERE file IS NULL)`, idCol(file), g.Key, g.Data)
	if err != nil || n == 1 {
		return err
	}
	_, err = tx.exec(op, `INSERT INTO file_grant (file, ingest_key, data) VALUES (?, ?, ?)`, idCol(file), g.Key, g.Data)
	return err
}

// DeleteGrant takes a file's grant away, if it has one: the bytes are
// overwritten in the database now and in the log when that is cut.
func (tx *Tx) DeleteGrant(file uuid.UUID) error {
	_, err := tx.exec("catalog: delete grant",
		`UPDATE file_grant SET file = NULL, ingest_key = NULL, data = NULL WHERE file = ?`, idCol(file))
	return err
}

// GrantsUnder returns up to limit files whose grant is for the ingest key with
// this fingerprint.
func (tx *Tx) GrantsUnder(key string, limit int) ([]*File, error) {
	return list(tx, "catalog: grants under a key", readFile,
		selectFile+`WHERE f.id IN (SELECT file FROM file_grant WHERE ingest_key = ? ORDER BY seq LIMIT ?)`,
		key, rowLimit(limit))
}

// GrantsNotUnder returns up to limit files whose grant is for any other ingest
// key than this.
func (tx *Tx) GrantsNotUnder(key string, limit int) ([]*File, error) {
	return list(tx, "catalog: grants under other keys", readFile,
		selectFile+`WHERE f.id IN (SELECT file FROM file_grant
			WHERE ingest_key < ? OR ingest_key > ? LIMIT ?)`,
		key, key, rowLimit(limit))
}

// GrantKeys returns the fingerprints of all ingest keys that grants are for.
func (tx *Tx) GrantKeys() ([]string, error) {
	return list(tx, "catalog: grant keys", value[string],
		`SELECT DISTINCT ingest_key FROM file_grant WHERE ingest_key IS NOT NULL ORDER BY ingest_key`)
}

// PutInline stores a small sealed body beside its file.
func (tx *Tx) PutInline(file uuid.UUID, body []byte) error {
	const op = "catalog: put inline body"
	if _, err := tx.exec(op, `INSERT INTO inline_body (file, size, body) VALUES (?, ?, ?)`,
		idCol(file), int64(len(body)), append([]byte{}, body...)); err != nil { // never NULL
		return err
	}
	return tx.countInline(op, int64(len(body)))
}

// Inline returns a file's inline body.
func (tx *Tx) Inline(file uuid.UUID) ([]byte, error) {
	return one(tx, "catalog: inline body", value[[]byte], `SELECT body FROM inline_body WHERE file = ?`, idCol(file))
}

// DeleteInline removes a file's inline body, if it has one.
func (tx *Tx) DeleteInline(file uuid.UUID) error {
	const op = "catalog: delete inline body"
	sizes, err := list(tx, op, value[int64], `SELECT size FROM inline_body WHERE file = ?`, idCol(file))
	if err != nil || len(sizes) == 0 {
		return err
	}
	if err := tx.execOne(op, `DELETE FROM inline_body WHERE file = ?`, idCol(file)); err != nil {
		return err
	}
	return tx.countInline(op, -sizes[0])
}

func (tx *Tx) countInline(op string, change int64) error {
	return tx.execOne(op, `UPDATE counter SET value = value + ? WHERE name = 'inline-bytes'`, change)
}

// InlineBytes returns the length of all inline bodies together.
func (tx *Tx) InlineBytes() (int64, error) {
	return one(tx, "catalog: inline bytes", value[int64], `SELECT value FROM counter WHERE name = 'inline-bytes'`)
}

// InlineFiles returns up to limit files in a state that have an inline body,
// oldest first.
func (tx *Tx) InlineFiles(state State, limit int) ([]uuid.UUID, error) {
	return list(tx, "catalog: inline files", readID,
		`SELECT f.id FROM inline_body b JOIN file f ON f.id = b.file WHERE f.state = ? ORDER BY b.seq LIMIT ?`,
		string(state), rowLimit(limit))
}

func readID(s scan) (uuid.UUID, error) {
	var id idCol
	err := s(&id)
	return uuid.UUID(id), err
}
