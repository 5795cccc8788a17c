// Package trail is the audit log as the catalog keeps it: its entries, rows of
// the transactions that they tell of, and the tree over them.
//
// An entry gets its place in the tree, and a signed head above it, a moment after
// its transaction (Run, Sequence). What the tree is, and what makes a change in it
// show, is the business of package audit.
package trail

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// sequenceGroup is the number of entries that one Update of the sequencer
// numbers, so that it never holds up others for long.
const sequenceGroup = 1000

const selectAudit = `SELECT id, time, account, actor, action, object, detail FROM audit `

func readAudit(s engine.Scan) (*audit.Entry, error) {
	e := new(audit.Entry)
	err := s((*column.ID)(&e.ID), (*column.Time)(&e.Time), (*column.Ref)(&e.Account), &e.Actor, &e.Action, &e.Object, (*column.Detail)(&e.Detail))
	return e, err
}

// An account's entries are in its index once they have a number; the few that
// have none yet are all looked at.
const (
	auditRest      = `id < ? AND time >= ? ORDER BY id DESC LIMIT ?`
	auditOfAccount = selectAudit + `WHERE number IS NOT NULL AND account = ? AND ` + auditRest
)

// Filter selects audit entries, newest first.
type Filter struct {
	Account uuid.UUID
	Since   time.Time
	Before  uuid.UUID // only entries older than this one (for paging)
	Limit   int       // 0 = 1,000; negative = all
}

// Log is the audit log within a transaction of the catalog.
type Log struct {
	tx  *engine.Tx
	now func() time.Time
}

// In returns the log as tx sees and changes it; now is the clock of entries.
func In(tx *engine.Tx, now func() time.Time) Log { return Log{tx, now} }

// Audit adds an entry to the log as part of this transaction. An entry without
// ID or Time gets them. An entry that audit refuses fails the transaction.
func (l Log) Audit(e audit.Entry) error {
	const op = "catalog: audit"
	if e.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return fault.Wrap(fault.Internal, op, err)
		}
		e.ID = id
	}
	if e.Time.IsZero() {
		e.Time = l.now()
	}
	if err := e.Check(); err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	_, err := l.tx.Exec(op, `INSERT INTO audit (id, time, account, actor, action, object, detail) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		column.ID(e.ID), column.Time(e.Time), column.Ref(e.Account), e.Actor, e.Action, e.Object, column.Detail(e.Detail))
	return err
}

// AuditEntries returns the entries that filter selects, newest first.
func (l Log) AuditEntries(filter Filter) ([]*audit.Entry, error) {
	const op = "catalog: audit entries"
	before, limit := filter.Before, engine.RowLimit(filter.Limit)
	if before == uuid.Nil {
		before = uuid.Max
	}
	if filter.Account == uuid.Nil {
		return engine.List(l.tx, op, readAudit, selectAudit+`WHERE `+auditRest, column.ID(before), column.Time(filter.Since), limit)
	}
	of := []any{column.ID(filter.Account), column.ID(before), column.Time(filter.Since), limit}
	numbered, err := engine.List(l.tx, op, readAudit, auditOfAccount, of...)
	if err != nil {
		return nil, err
	}
	pending, err := engine.List(l.tx, op, readAudit, selectAudit+`WHERE number IS NULL AND account = ? AND `+auditRest, of...)
	if err != nil || len(pending) == 0 {
		return numbered, err
	}
	all := append(pending, numbered...)
	slices.SortFunc(all, func(a, b *audit.Entry) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	return all[:min(int64(len(all)), limit)], nil
}

// auditOfObject are the numbered entries about one thing: like those of an account
// they come into the index when they get their number, many at once.
const auditOfObject = selectAudit + `WHERE number IS NOT NULL AND object = ? ORDER BY number LIMIT ?`

// AuditOf returns up to limit entries about one thing, oldest first, be they in its
// account's log or in that of somebody who asked for what is not his.
func (l Log) AuditOf(object string, limit int) ([]*audit.Entry, error) {
	const op = "catalog: audit of an object"
	numbered, err := engine.List(l.tx, op, readAudit, auditOfObject, object, int64(limit))
	if err != nil || len(numbered) == limit {
		return numbered, err
	}
	pending, err := engine.List(l.tx, op, readAudit, selectAudit+`WHERE number IS NULL AND object = ? ORDER BY id LIMIT ?`, object, int64(limit-len(numbered)))
	return append(numbered, pending...), err
}

// AuditSize returns how many entries have a place in the tree: the number of the
// next one.
func (l Log) AuditSize() (int64, error) { return tree{l.tx}.Size() }

// AuditNumbered returns up to limit entries in the order of the tree, from a number
// on. Every entry gets a number a moment after its commit, and keeps it: who
// remembers where he was misses none.
func (l Log) AuditNumbered(from int64, limit int) ([]audit.Numbered, error) {
	read := func(s engine.Scan) (n audit.Numbered, err error) {
		e := &n.Entry
		err = s(&n.Number, (*column.ID)(&e.ID), (*column.Time)(&e.Time), (*column.Ref)(&e.Account), &e.Actor, &e.Action, &e.Object, (*column.Detail)(&e.Detail))
		return n, err
	}
	return engine.List(l.tx, "catalog: numbered audit entries", read,
		`SELECT number, id, time, account, actor, action, object, detail FROM audit
		WHERE number IS NOT NULL AND number >= ? ORDER BY number LIMIT ?`, from, int64(limit))
}

// maxHurry is how many heads may be signed between two ticks of the sequencer. Each
// stays for ever: a log that somebody follows all day has hardly more of them than
// one a second.
const maxHurry = 10

// Run keeps the audit tree up to date until ctx ends: each second, and when hurry
// says that somebody waits. Who has nothing to do for a while may be hurried so
// often in a row, and then once a second.
func Run(ctx context.Context, db *engine.DB, signer note.Signer, hurry <-chan struct{}) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for left := maxHurry; ; {
		hurried := false
		select {
		case <-tick.C:
			left = min(left+1, maxHurry)
		case <-hurry:
			if hurried = true; left == 0 {
				continue
			}
		case <-ctx.Done():
			return nil
		}
		n, err := Sequence(ctx, db, signer)
		if hurried && n > 0 {
			left--
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case fault.Is(err, fault.Full), fault.Is(err, fault.TryLater): // entries wait; next second
		case err != nil:
			return err
		}
	}
}

// Sequence gives all entries that were committed so far their place in the
// audit tree, signs its new head, and returns how many there were.
func Sequence(ctx context.Context, db *engine.DB, signer note.Signer) (int, error) {
	for total := 0; ; {
		n := 0
		pending := false
		err := db.View(ctx, func(tx *engine.Tx) error {
			some, err := engine.One(tx, "catalog: audit pending", engine.Value[int64],
				`SELECT EXISTS (SELECT 1 FROM audit WHERE number IS NULL)`)
			pending = some > 0
			return err
		})
		if err != nil || !pending {
			return total, err
		}
		err = db.Update(ctx, func(tx *engine.Tx) (err error) {
			n, err = audit.Sequence(tree{tx}, signer, sequenceGroup)
			return err
		})
		total += n
		if err != nil || n < sequenceGroup {
			return total, fault.Wrap(fault.Internal, "catalog: sequence audit", err)
		}
	}
}

// Verify computes the whole audit tree again from the rows and compares
// it with what is stored, with every signed head, and with checkpoint, a head
// that was kept elsewhere (nil = none). What does not agree is fault.Damaged.
func Verify(ctx context.Context, db *engine.DB, verifier note.Verifier, checkpoint []byte) (audit.Report, error) {
	return audit.Verify(ctx, pages{db}, verifier, checkpoint)
}

// AuditHead returns the newest signed head, nil while there is none.
func (l Log) AuditHead() ([]byte, error) {
	notes, err := engine.List(l.tx, "catalog: audit head", engine.Value[[]byte], `SELECT note FROM audit_head ORDER BY size DESC LIMIT 1`)
	if err != nil || len(notes) == 0 {
		return nil, err
	}
	return notes[0], nil
}

// tree is the tree as the sequencer sees it, within a transaction.
type tree struct{ tx *engine.Tx }

func (t tree) Size() (int64, error) {
	return engine.One(t.tx, "catalog: audit size", engine.Value[int64], `SELECT value FROM counter WHERE name = 'audit-size'`)
}

func (t tree) Pending(limit int) ([]*audit.Entry, error) {
	return engine.List(t.tx, "catalog: audit pending", readAudit, selectAudit+`WHERE number IS NULL ORDER BY id LIMIT ?`, int64(limit))
}

func (t tree) Number(id uuid.UUID, number int64) error {
	return t.tx.ExecOne("catalog: number audit entry", `UPDATE audit SET number = ? WHERE id = ? AND number IS NULL`, number, column.ID(id))
}

func (t tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	const op = "catalog: audit hashes"
	hashes := make([]tlog.Hash, 0, len(indexes))
	for _, i := range indexes {
		h, err := engine.One(t.tx, op, readHash, `SELECT hash FROM audit_hash WHERE number = ?`, i)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, h)
	}
	return hashes, nil
}

func readHash(s engine.Scan) (h tlog.Hash, err error) {
	var b []byte
	if err := s(&b); err != nil {
		return h, err
	}
	if len(b) != len(h) {
		return h, fault.New(fault.Damaged, "catalog: audit hash", "a stored hash has %d bytes", len(b))
	}
	copy(h[:], b)
	return h, nil
}

func (t tree) AddHashes(first int64, hashes []tlog.Hash) error {
	for i, h := range hashes {
		if _, err := t.tx.Exec("catalog: add audit hash", `INSERT INTO audit_hash (number, hash) VALUES (?, ?)`,
			first+int64(i), bytes.Clone(h[:])); err != nil {
			return err
		}
	}
	return nil
}

func (t tree) AddHead(size int64, signed []byte) error {
	if _, err := t.tx.Exec("catalog: add audit head", `INSERT INTO audit_head (size, note) VALUES (?, ?)`, size, signed); err != nil {
		return err
	}
	return t.tx.ExecOne("catalog: audit size", `UPDATE counter SET value = ? WHERE name = 'audit-size'`, size)
}

// pages are the log as a verifier reads it, in pages, each a View of its
// own: the numbered part only grows.
type pages struct{ db *engine.DB }

func (p pages) Entries(ctx context.Context, from int64, limit int) (page []audit.Numbered, err error) {
	err = p.db.View(ctx, func(tx *engine.Tx) (err error) {
		page, err = Log{tx: tx}.AuditNumbered(from, limit)
		return err
	})
	return page, err
}

func (p pages) Hashes(ctx context.Context, first int64, limit int) (hashes []tlog.Hash, err error) {
	err = p.db.View(ctx, func(tx *engine.Tx) (err error) {
		hashes, err = engine.List(tx, "catalog: audit hashes", readHash,
			`SELECT hash FROM audit_hash WHERE number >= ? AND number < ? ORDER BY number`, first, first+int64(limit))
		return err
	})
	return hashes, err
}

func (p pages) Heads(ctx context.Context, above int64, limit int) (heads [][]byte, err error) {
	err = p.db.View(ctx, func(tx *engine.Tx) (err error) {
		heads, err = engine.List(tx, "catalog: audit heads", engine.Value[[]byte],
			`SELECT note FROM audit_head WHERE size > ? ORDER BY size LIMIT ?`, above, int64(limit))
		return err
	})
	return heads, err
}
