package catalog

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
)

// sequenceGroup is the number of entries that one Update of the sequencer
// numbers, so that it never holds up others for long.
const sequenceGroup = 1000

const selectAudit = `SELECT id, time, account, actor, action, object, detail FROM audit `

func readAudit(s scan) (*audit.Entry, error) {
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

// Audit adds an entry to the log as part of this transaction. An entry without
// ID or Time gets them. An entry that audit refuses fails the transaction.
func (tx *Tx) Audit(e audit.Entry) error {
	const op = "catalog: audit"
	if e.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return fault.Wrap(fault.Internal, op, err)
		}
		e.ID = id
	}
	if e.Time.IsZero() {
		e.Time = tx.c.now()
	}
	if err := e.Check(); err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	_, err := tx.exec(op, `INSERT INTO audit (id, time, account, actor, action, object, detail) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		column.ID(e.ID), column.Time(e.Time), column.Ref(e.Account), e.Actor, e.Action, e.Object, column.Detail(e.Detail))
	return err
}

// AuditEntries returns the entries that filter selects, newest first.
func (tx *Tx) AuditEntries(filter AuditFilter) ([]*audit.Entry, error) {
	const op = "catalog: audit entries"
	before, limit := filter.Before, rowLimit(filter.Limit)
	if before == uuid.Nil {
		before = uuid.Max
	}
	if filter.Account == uuid.Nil {
		return list(tx, op, readAudit, selectAudit+`WHERE `+auditRest, column.ID(before), column.Time(filter.Since), limit)
	}
	of := []any{column.ID(filter.Account), column.ID(before), column.Time(filter.Since), limit}
	numbered, err := list(tx, op, readAudit, auditOfAccount, of...)
	if err != nil {
		return nil, err
	}
	pending, err := list(tx, op, readAudit, selectAudit+`WHERE number IS NULL AND account = ? AND `+auditRest, of...)
	if err != nil || len(pending) == 0 {
		return numbered, err
	}
	all := append(pending, numbered...)
	slices.SortFunc(all, func(a, b *audit.Entry) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	return all[:min(int64(len(all)), limit)], nil
}

// Run keeps the audit tree up to date, each second, until ctx ends.
func (c *Catalog) Run(ctx context.Context, signer note.Signer) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		_, err := c.Sequence(ctx, signer)
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
func (c *Catalog) Sequence(ctx context.Context, signer note.Signer) (int, error) {
	for total := 0; ; {
		n := 0
		pending := false
		err := c.View(ctx, func(tx *Tx) (err error) {
			pending, err = tx.auditPending()
			return err
		})
		if err != nil || !pending {
			return total, err
		}
		err = c.Update(ctx, func(tx *Tx) (err error) {
			n, err = audit.Sequence(auditLog{tx}, signer, sequenceGroup)
			return err
		})
		total += n
		if err != nil || n < sequenceGroup {
			return total, fault.Wrap(fault.Internal, "catalog: sequence audit", err)
		}
	}
}

func (tx *Tx) auditPending() (bool, error) {
	ids, err := list(tx, "catalog: audit pending", readID, `SELECT id FROM audit WHERE number IS NULL LIMIT 1`)
	return len(ids) > 0, err
}

// VerifyAudit computes the whole audit tree again from the rows and compares
// it with what is stored, with every signed head, and with checkpoint, a head
// that was kept elsewhere (nil = none). What does not agree is fault.Damaged.
func (c *Catalog) VerifyAudit(ctx context.Context, verifier note.Verifier, checkpoint []byte) (audit.Report, error) {
	return audit.Verify(ctx, catalogLog{c}, verifier, checkpoint)
}

// AuditHead returns the newest signed head, nil while there is none.
func (tx *Tx) AuditHead() ([]byte, error) {
	notes, err := list(tx, "catalog: audit head", value[[]byte], `SELECT note FROM audit_head ORDER BY size DESC LIMIT 1`)
	if err != nil || len(notes) == 0 {
		return nil, err
	}
	return notes[0], nil
}

// auditLog is the tree as the sequencer sees it, within a transaction.
type auditLog struct{ tx *Tx }

func (l auditLog) Size() (int64, error) {
	return one(l.tx, "catalog: audit size", value[int64], `SELECT value FROM counter WHERE name = 'audit-size'`)
}

func (l auditLog) Pending(limit int) ([]*audit.Entry, error) {
	return list(l.tx, "catalog: audit pending", readAudit, selectAudit+`WHERE number IS NULL ORDER BY id LIMIT ?`, int64(limit))
}

func (l auditLog) Number(id uuid.UUID, number int64) error {
	return l.tx.execOne("catalog: number audit entry", `UPDATE audit SET number = ? WHERE id = ? AND number IS NULL`, number, column.ID(id))
}

func (l auditLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	const op = "catalog: audit hashes"
	hashes := make([]tlog.Hash, 0, len(indexes))
	for _, i := range indexes {
		h, err := one(l.tx, op, readHash, `SELECT hash FROM audit_hash WHERE number = ?`, i)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, h)
	}
	return hashes, nil
}

func readHash(s scan) (h tlog.Hash, err error) {
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

func (l auditLog) AddHashes(first int64, hashes []tlog.Hash) error {
	for i, h := range hashes {
		if _, err := l.tx.exec("catalog: add audit hash", `INSERT INTO audit_hash (number, hash) VALUES (?, ?)`,
			first+int64(i), bytes.Clone(h[:])); err != nil {
			return err
		}
	}
	return nil
}

func (l auditLog) AddHead(size int64, signed []byte) error {
	if _, err := l.tx.exec("catalog: add audit head", `INSERT INTO audit_head (size, note) VALUES (?, ?)`, size, signed); err != nil {
		return err
	}
	return l.tx.execOne("catalog: audit size", `UPDATE counter SET value = ? WHERE name = 'audit-size'`, size)
}

// catalogLog is the log as a verifier reads it, in pages, each a View of its
// own: the numbered part only grows.
type catalogLog struct{ c *Catalog }

func (l catalogLog) Entries(ctx context.Context, from int64, limit int) (page []audit.Numbered, err error) {
	read := func(s scan) (n audit.Numbered, err error) {
		e := &n.Entry
		err = s(&n.Number, (*column.ID)(&e.ID), (*column.Time)(&e.Time), (*column.Ref)(&e.Account), &e.Actor, &e.Action, &e.Object, (*column.Detail)(&e.Detail))
		return n, err
	}
	err = l.c.View(ctx, func(tx *Tx) (err error) {
		page, err = list(tx, "catalog: numbered audit entries", read,
			`SELECT number, id, time, account, actor, action, object, detail FROM audit
			WHERE number IS NOT NULL AND number >= ? ORDER BY number LIMIT ?`, from, int64(limit))
		return err
	})
	return page, err
}

func (l catalogLog) Hashes(ctx context.Context, first int64, limit int) (hashes []tlog.Hash, err error) {
	err = l.c.View(ctx, func(tx *Tx) (err error) {
		hashes, err = list(tx, "catalog: audit hashes", readHash,
			`SELECT hash FROM audit_hash WHERE number >= ? AND number < ? ORDER BY number`, first, first+int64(limit))
		return err
	})
	return hashes, err
}

func (l catalogLog) Heads(ctx context.Context, above int64, limit int) (heads [][]byte, err error) {
	err = l.c.View(ctx, func(tx *Tx) (err error) {
		heads, err = list(tx, "catalog: audit heads", value[[]byte],
			`SELECT note FROM audit_head WHERE size > ? ORDER BY size LIMIT ?`, above, int64(limit))
		return err
	})
	return heads, err
}
