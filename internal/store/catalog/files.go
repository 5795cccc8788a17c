package catalog

import (
	"bytes"
	"math"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// NextNumber draws an arrival number. Numbers grow in the order of commits
// and are never given twice.
func (tx *Tx) NextNumber() (int64, error) {
	const op = "catalog: next number" // two statements: RETURNING costs twice as much, for it makes a table
	if err := tx.execOne(op, `UPDATE counter SET value = value + 1 WHERE name = 'file-number'`); err != nil {
		return 0, err
	}
	return one(tx, op, engine.Value[int64], `SELECT value FROM counter WHERE name = 'file-number'`)
}

// InsertFile adds a file, with its grant, and gives it a number when it has
// none.
func (tx *Tx) InsertFile(f *File) error {
	const op = "catalog: insert file"
	if f.Number == 0 {
		n, err := tx.NextNumber()
		if err != nil {
			return err
		}
		f.Number = n
	}
	var slot int64
	if f.Grant.Key != "" {
		var err error
		if slot, err = tx.fillSlot(op, f.ID, f.Grant); err != nil {
			return err
		}
	}
	_, err := tx.exec(op, `INSERT INTO file (state, source, node, login, name, reason,
		began_at, received_at, indexed_at, ended_at, size, sha256, content_mac, body_kind, body_ref, body_sealed,
		answered, resumed, format, variant, batch_count, payment_count, codes, summary, keep, fence, lock,
		number, name_mac, delivery_mac, id, account, direction, grant_slot)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		append(f.changing(), f.Number, f.NameMAC, f.Delivery.MAC, column.ID(f.ID), column.ID(f.Account), string(f.Direction), slot)...)
	return err
}

// SaveFile writes all of f but its ID, Account and Direction. An empty Grant
// takes the grant away.
func (tx *Tx) SaveFile(f *File) error {
	const op = "catalog: save file"
	if err := tx.saveKeys(op, f); err != nil {
		return err
	}
	err := tx.execOne(op, `UPDATE file SET state = ?, source = ?, node = ?, login = ?, name = ?, reason = ?,
		began_at = ?, received_at = ?, indexed_at = ?, ended_at = ?, size = ?, sha256 = ?, content_mac = ?,
		body_kind = ?, body_ref = ?, body_sealed = ?, answered = ?, resumed = ?, format = ?, variant = ?,
		batch_count = ?, payment_count = ?, codes = ?, summary = ?, keep = ?, fence = ?, lock = ?
		WHERE number = ?`,
		append(f.changing(), f.Number)...)
	if err != nil {
		return err
	}
	if f.Grant.Key == "" {
		return tx.DeleteGrant(f.ID)
	}
	return tx.PutGrant(f.ID, f.Grant)
}

// saveKeys writes what files are found by, where it has changed. It is apart
// from the rest of SaveFile because SQLite writes an index anew for every column
// that a statement names, changed or not.
func (tx *Tx) saveKeys(op string, f *File) error {
	read := func(s scan) (was File, err error) {
		return was, s(&was.Number, &was.NameMAC, &was.Delivery.MAC)
	}
	was, err := one(tx, op, read, `SELECT number, name_mac, delivery_mac FROM file WHERE id = ?`, column.ID(f.ID))
	if err != nil {
		return err
	}
	if was.Number != f.Number {
		if err := tx.execOne(op, `UPDATE file SET number = ? WHERE number = ?`, f.Number, was.Number); err != nil {
			return err
		}
		if _, err := tx.exec(op, `UPDATE inline_body SET number = ? WHERE number = ?`, f.Number, was.Number); err != nil {
			return err
		}
	}
	if bytes.Equal(was.NameMAC, f.NameMAC) && bytes.Equal(was.Delivery.MAC, f.Delivery.MAC) {
		return nil
	}
	return tx.execOne(op, `UPDATE file SET name_mac = ?, delivery_mac = ? WHERE number = ?`,
		f.NameMAC, f.Delivery.MAC, f.Number)
}

// changing returns the columns that SaveFile always writes, in the order in
// which both InsertFile and SaveFile name them.
func (f *File) changing() []any {
	return []any{
		string(f.State), f.Source, f.Node, column.Ref(f.Login), f.Name, f.Reason,
		column.Time(f.BeganAt), column.Time(f.ReceivedAt), column.Time(f.IndexedAt), column.Time(f.EndedAt),
		f.Content.Size, f.Content.SHA256, f.Content.MAC, string(f.Body.Kind), f.Body.Ref, f.Body.Sealed,
		column.Bool(f.Delivery.Answered), column.Bool(f.Delivery.Resumed),
		f.Result.Format, f.Result.Variant, f.Result.BatchCount, f.Result.PaymentCount,
		column.Texts(f.Result.Codes), f.Result.Summary, column.Bool(f.Keep), f.Fence, f.Lock,
	}
}

// selectFile is the beginning of every query for files; readFile reads its
// columns.
const selectFile = `SELECT f.number, f.state, f.source, f.node, f.login, f.name, f.name_mac, f.reason,
	f.began_at, f.received_at, f.indexed_at, f.ended_at, f.size, f.sha256, f.content_mac,
	f.body_kind, f.body_ref, f.body_sealed, f.delivery_mac, f.answered, f.resumed, f.format, f.variant,
	f.batch_count, f.payment_count, f.codes, f.summary, f.keep, f.fence, f.lock, f.id, f.account, f.direction,
	COALESCE(g.ingest_key, ''), g.data
	FROM file f LEFT JOIN file_grant g ON g.seq = f.grant_slot AND g.file = f.id `

func readFile(s scan) (*File, error) {
	f := new(File)
	err := s(
		&f.Number, (*string)(&f.State), &f.Source, &f.Node, (*column.Ref)(&f.Login), &f.Name, &f.NameMAC, &f.Reason,
		(*column.Time)(&f.BeganAt), (*column.Time)(&f.ReceivedAt), (*column.Time)(&f.IndexedAt), (*column.Time)(&f.EndedAt),
		&f.Content.Size, &f.Content.SHA256, &f.Content.MAC, (*string)(&f.Body.Kind), &f.Body.Ref, &f.Body.Sealed,
		&f.Delivery.MAC, (*column.Bool)(&f.Delivery.Answered), (*column.Bool)(&f.Delivery.Resumed),
		&f.Result.Format, &f.Result.Variant, &f.Result.BatchCount, &f.Result.PaymentCount,
		(*column.Texts)(&f.Result.Codes), &f.Result.Summary, (*column.Bool)(&f.Keep), &f.Fence, &f.Lock,
		(*column.ID)(&f.ID), (*column.ID)(&f.Account), (*string)(&f.Direction),
		&f.Grant.Key, &f.Grant.Data,
	)
	return f, err
}

// File returns a file with its grant.
func (tx *Tx) File(id uuid.UUID) (*File, error) {
	return one(tx, "catalog: file", readFile, selectFile+`WHERE f.id = ?`, column.ID(id))
}

// FileByDelivery returns the newest file of an account with this delivery id
// that began at or after since.
func (tx *Tx) FileByDelivery(account uuid.UUID, mac []byte, since time.Time) (*File, error) {
	id, err := one(tx, "catalog: file by delivery", readID, fileByDelivery, column.ID(account), mac, column.Time(since))
	if err != nil { // nearly always: then the many columns of a file are not even named
		return nil, err
	}
	return tx.File(id)
}

const fileByDelivery = `SELECT id FROM file WHERE account = ? AND delivery_mac = ? AND began_at >= ? ORDER BY number DESC LIMIT 1`

// DeleteFile removes a file's row with its grant, inline body and names in /in.
// Only an arrival that was never acknowledged goes like that: it has no jobs.
func (tx *Tx) DeleteFile(id uuid.UUID) error {
	const op = "catalog: delete file"
	if err := tx.DeleteGrant(id); err != nil {
		return err
	}
	if err := tx.DeleteInline(id); err != nil {
		return err
	}
	if _, err := tx.exec(op, `DELETE FROM entry WHERE file = ?`, column.ID(id)); err != nil {
		return err
	}
	return tx.execOne(op, `DELETE FROM file WHERE id = ?`, column.ID(id))
}

// The queries of Files: each begins with what its index gives and ends with
// the filters that are only compared. The first predicate of filesByState is
// that of the index file_state, word by word.
const (
	fileRest = `f.number < ? AND (? IS NULL OR f.account = ?) AND (? = '' OR f.state = ?) AND (? = '' OR f.source = ?)
		AND (? = '' OR f.direction = ?) AND (? = '' OR f.node = ?)
		AND (f.received_at >= ? OR (f.received_at = 0 AND f.began_at >= ?))
		AND (? = 0 OR CASE f.received_at WHEN 0 THEN f.began_at ELSE f.received_at END < ?)
		AND (? = '' OR f.format = ?) AND (? = '' OR instr(f.codes, ?) > 0)
		ORDER BY f.number DESC LIMIT ?`
	byState   = `WHERE f.state NOT IN ('deleted', 'kept', 'delivered') AND f.state = ? AND ` + fileRest
	byAccount = `WHERE f.account = ? AND ` + fileRest
	byCode    = `WHERE f.account = ? AND f.codes <> '' AND instr(f.codes, ?) > 0 AND ` + fileRest

	filesAll       = selectFile + `WHERE ` + fileRest
	filesByState   = selectFile + byState
	filesByAccount = selectFile + byAccount
	filesByCode    = selectFile + byCode
	filesByName    = selectFile + `WHERE f.account = ? AND f.name_mac = ? AND ` + fileRest

	selectName     = `SELECT f.number, f.id, f.name, f.state, f.reason FROM file f `
	namesByState   = selectName + byState
	namesByAccount = selectName + byAccount
	namesByCode    = selectName + byCode
)

// Files returns the files that filter selects, newest first.
func (tx *Tx) Files(filter FileFilter) ([]*File, error) {
	const op = "catalog: files"
	account, code := column.Ref(filter.Account), filter.codeText()
	switch {
	case filter.NameMAC != nil && filter.Account == uuid.Nil:
		return nil, fault.New(fault.Invalid, op, "a name is looked for within an account")
	case filter.NameMAC != nil:
		return list(tx, op, readFile, filesByName, filter.args(account, filter.NameMAC)...)
	case filter.State.rare():
		return list(tx, op, readFile, filesByState, filter.args(string(filter.State))...)
	case filter.Account != uuid.Nil && code != "":
		return list(tx, op, readFile, filesByCode, filter.args(account, code)...)
	case filter.Account != uuid.Nil:
		return list(tx, op, readFile, filesByAccount, filter.args(account)...)
	default:
		return list(tx, op, readFile, filesAll, filter.args()...)
	}
}

// Named is what a search among sealed names has to know of a file.
type Named struct {
	Number int64
	ID     uuid.UUID
	Name   []byte // sealed
	State  State
	Reason string
}

// Names is Files for one account, and reads so little of each that thousands can be
// looked through. The filter names no NameMAC.
func (tx *Tx) Names(filter FileFilter) ([]Named, error) {
	const op = "catalog: names"
	account, code := column.Ref(filter.Account), filter.codeText()
	switch {
	case filter.NameMAC != nil || filter.Account == uuid.Nil:
		return nil, fault.New(fault.Invalid, op, "names are looked through within an account")
	case filter.State.rare():
		return list(tx, op, readName, namesByState, filter.args(string(filter.State))...)
	case code != "":
		return list(tx, op, readName, namesByCode, filter.args(account, code)...)
	default:
		return list(tx, op, readName, namesByAccount, filter.args(account)...)
	}
}

func readName(s scan) (n Named, err error) {
	return n, s(&n.Number, (*column.ID)(&n.ID), &n.Name, (*string)(&n.State), &n.Reason)
}

// codeText is how the code stands in a list of codes.
func (f *FileFilter) codeText() string {
	if f.Code == "" {
		return ""
	}
	return `"` + f.Code + `"`
}

// args are first and then those of fileRest.
func (f *FileFilter) args(first ...any) []any {
	before := f.Before
	if before == 0 {
		before = math.MaxInt64
	}
	account, since, until := column.Ref(f.Account), column.Time(f.Since), column.Time(f.Until)
	state, direction, code := string(f.State), string(f.Direction), f.codeText()
	return append(first,
		before, account, account, state, state, f.Source, f.Source,
		direction, direction, f.Node, f.Node, since, since, until, until,
		f.Format, f.Format, code, code, engine.RowLimit(f.Limit))
}

// rare tells the states that the index file_state is for.
func (s State) rare() bool {
	return s != "" && s != Deleted && s != Kept && s != Delivered
}

// CountFiles counts the files in a state. It is quick for the states in which
// few files are; for deleted, kept and delivered it is refused.
func (tx *Tx) CountFiles(state State) (int64, error) {
	const op = "catalog: count files"
	if !state.rare() {
		return 0, fault.New(fault.Invalid, op, "files that are %s are not counted", state)
	}
	return one(tx, op, engine.Value[int64],
		`SELECT COUNT(*) FROM file WHERE state NOT IN ('deleted', 'kept', 'delivered') AND state = ?`, string(state))
}
