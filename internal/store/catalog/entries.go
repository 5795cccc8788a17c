package catalog

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

const selectEntry = `SELECT id, login, parent, name_mac, name, dir, file, mtime, created_at, until FROM entry `

func readEntry(s scan) (*Entry, error) {
	e := new(Entry)
	err := s((*column.ID)(&e.ID), (*column.ID)(&e.Login), (*column.ID)(&e.Parent), &e.NameMAC, &e.Name, (*column.Bool)(&e.Dir),
		(*column.Ref)(&e.File), (*column.Time)(&e.MTime), (*column.Time)(&e.CreatedAt), (*column.Time)(&e.Until))
	return e, err
}

// InsertEntry adds a name to a login's /in. A name that is taken is
// fault.Exists.
func (tx *Tx) InsertEntry(e *Entry) error {
	_, err := tx.exec("catalog: insert entry",
		`INSERT INTO entry (id, login, parent, name_mac, name, dir, file, mtime, created_at, until)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		column.ID(e.ID), column.ID(e.Login), column.ID(e.Parent), e.NameMAC, e.Name, column.Bool(e.Dir),
		column.Ref(e.File), column.Time(e.MTime), column.Time(e.CreatedAt), column.Time(e.Until))
	return err
}

// SaveEntry writes all of e but its ID, Login and CreatedAt.
func (tx *Tx) SaveEntry(e *Entry) error {
	return tx.execOne("catalog: save entry",
		`UPDATE entry SET parent = ?, name_mac = ?, name = ?, dir = ?, file = ?, mtime = ?, until = ? WHERE id = ?`,
		column.ID(e.Parent), e.NameMAC, e.Name, column.Bool(e.Dir), column.Ref(e.File), column.Time(e.MTime), column.Time(e.Until), column.ID(e.ID))
}

// DeleteEntry removes a name. The names in a folder are the caller's business.
func (tx *Tx) DeleteEntry(id uuid.UUID) error {
	return tx.execOne("catalog: delete entry", `DELETE FROM entry WHERE id = ?`, column.ID(id))
}

// DeleteEntries removes up to limit names of files that were shown until
// before, and returns how many.
func (tx *Tx) DeleteEntries(before time.Time, limit int) (int, error) {
	n, err := tx.exec("catalog: delete entries",
		`DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE until > 0 AND until < ? ORDER BY until LIMIT ?)`,
		column.Time(before), engine.RowLimit(limit))
	return int(n), err
}

// Entry returns a name by its id.
func (tx *Tx) Entry(id uuid.UUID) (*Entry, error) {
	return one(tx, "catalog: entry", readEntry, selectEntry+`WHERE id = ?`, column.ID(id))
}

// EntryByName returns the name with this MAC in a folder of a login.
func (tx *Tx) EntryByName(login, parent uuid.UUID, mac []byte) (*Entry, error) {
	return one(tx, "catalog: entry by name", readEntry, selectEntry+`WHERE login = ? AND parent = ? AND name_mac = ?`,
		column.ID(login), column.ID(parent), mac)
}

// Entries returns the names in a folder of a login, oldest first.
func (tx *Tx) Entries(login, parent uuid.UUID) ([]*Entry, error) {
	return list(tx, "catalog: entries", readEntry, selectEntry+`WHERE login = ? AND parent = ? ORDER BY created_at, id`,
		column.ID(login), column.ID(parent))
}

// EntriesOf returns the names that show a file.
func (tx *Tx) EntriesOf(file uuid.UUID) ([]*Entry, error) {
	return list(tx, "catalog: entries of a file", readEntry, selectEntry+`WHERE file = ? ORDER BY id`, column.ID(file))
}
