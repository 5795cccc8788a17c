package catalog

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

const selectLock = `SELECT seq, account, certificates, access_keys FROM file_lock `

func readLock(s scan) (*Lock, error) {
	l := new(Lock)
	err := s(&l.ID, (*column.ID)(&l.Account), (*column.Texts)(&l.Certificates), (*column.Texts)(&l.AccessKeys))
	return l, err
}

// LockFor returns the number of the lock that these certificates and access
// keys of an account make, which it puts on record when it is new. The order of
// fingerprints does not matter.
func (tx *Tx) LockFor(account uuid.UUID, certificates, accessKeys []string) (int64, error) {
	const op = "catalog: lock for"
	if len(certificates) == 0 || len(accessKeys) == 0 {
		return 0, fault.New(fault.Invalid, op, "a lock needs a certificate and an access key")
	}
	certs, keys := column.Texts(sorted(certificates)), column.Texts(sorted(accessKeys))
	find := func() (int64, error) {
		return one(tx, op, engine.Value[int64],
			`SELECT seq FROM file_lock WHERE account = ? AND certificates = ? AND access_keys = ?`, column.ID(account), certs, keys)
	}
	id, err := find()
	if !fault.Is(err, fault.NotFound) {
		return id, err
	}
	if _, err := tx.exec(op, `INSERT INTO file_lock (account, certificates, access_keys) VALUES (?, ?, ?)`,
		column.ID(account), certs, keys); err != nil {
		return 0, err
	}
	return find()
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}

// Locks returns all locks that an account's files were ever sealed under,
// oldest first.
func (tx *Tx) Locks(account uuid.UUID) ([]*Lock, error) {
	return list(tx, "catalog: locks", readLock, selectLock+`WHERE account = ? ORDER BY seq`, column.ID(account))
}

// Lock returns a lock by its number.
func (tx *Tx) Lock(id int64) (*Lock, error) {
	return one(tx, "catalog: lock", readLock, selectLock+`WHERE seq = ?`, id)
}

// sealedUnder reads the index file_sealed alone: its WHERE begins with that
// index's predicate, word by word.
const sealedUnder = `SELECT COUNT(*), COALESCE(SUM(size), 0), COALESCE(MIN(NULLIF(received_at, 0)), 0), COALESCE(MAX(received_at), 0)
	FROM file WHERE lock > 0 AND body_kind <> 'none' AND lock = ?`

// SealedUnder sums up, for each lock of an account, the files that still have a
// body. Locks without such files are left out. A million files take a little less
// than a second.
func (tx *Tx) SealedUnder(account uuid.UUID) ([]Sealed, error) {
	const op = "catalog: sealed under"
	locks, err := tx.Locks(account)
	if err != nil {
		return nil, err
	}
	var all []Sealed
	for _, l := range locks {
		read := func(s scan) (Sealed, error) {
			sum := Sealed{Lock: l.ID}
			return sum, s(&sum.Files, &sum.Bytes, (*column.Time)(&sum.Oldest), (*column.Time)(&sum.Newest))
		}
		sum, err := one(tx, op, read, sealedUnder, l.ID)
		if err != nil {
			return nil, err
		}
		if sum.Files > 0 {
			all = append(all, sum)
		}
	}
	return all, nil
}

const filesUnder = selectFile + `WHERE f.lock > 0 AND f.body_kind <> 'none' AND f.lock = ? AND f.id > ? ORDER BY f.id LIMIT ?`

// FilesUnder returns up to limit files sealed under a lock that still have a
// body, in the order of their ids, from the one that follows after.
func (tx *Tx) FilesUnder(lock int64, after uuid.UUID, limit int) ([]*File, error) {
	return list(tx, "catalog: files under a lock", readFile, filesUnder, lock, column.ID(after), engine.RowLimit(limit))
}

const filesToErase = selectFile + `WHERE f.state = 'kept' AND f.body_kind <> 'none' AND f.account = ? AND f.received_at < ?
	ORDER BY f.received_at LIMIT ?`

// FilesToErase returns up to limit kept files of an account that still have a
// body and were received before a time, oldest first.
func (tx *Tx) FilesToErase(account uuid.UUID, receivedBefore time.Time, limit int) ([]*File, error) {
	return list(tx, "catalog: files to erase", readFile, filesToErase,
		column.ID(account), column.Time(receivedBefore), engine.RowLimit(limit))
}

const firstKeptSince = `SELECT COALESCE(MIN(f.number), 0) FROM file f
	WHERE f.state = 'kept' AND f.body_kind <> 'none' AND f.account = ? AND f.received_at >= ?`

// FirstKeptSince returns the lowest arrival number among the kept files of an
// account that still have a body and were received at or after a time; 0 when
// there is none.
func (tx *Tx) FirstKeptSince(account uuid.UUID, since time.Time) (int64, error) {
	return one(tx, "catalog: first kept file", engine.Value[int64], firstKeptSince, column.ID(account), column.Time(since))
}
