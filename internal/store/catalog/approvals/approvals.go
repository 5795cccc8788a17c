// Package approvals is the catalog's table of looks at an account's contents that who
// runs the gateway has asked the account's people for.
package approvals

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// States of an approval. Asked and allowed ones are live; the others are history.
const (
	Asked   = "asked"
	Allowed = "allowed"
	Refused = "refused" // by the account
	Ended   = "ended"   // by a person, before its time
	Over    = "over"    // its time has run out, answered or not
)

// Approval is one look that was asked for.
type Approval struct {
	ID         uuid.UUID
	Account    uuid.UUID
	Reason     []byte        // sealed
	Lasts      time.Duration // once it is allowed
	State      string
	AskedBy    string
	AskedAt    time.Time
	AnsweredBy string // who allowed, refused or ended it last
	AnsweredAt time.Time
	Until      time.Time // asked: to be answered by then; allowed: its end; else when it ended
}

// Approvals are the table within a transaction.
type Approvals struct{ tx *engine.Tx }

// In returns the table as tx sees and changes it.
func In(tx *engine.Tx) Approvals { return Approvals{tx} }

const selectApproval = `SELECT id, account, reason, lasts, state, asked_by, asked_at, answered_by, answered_at, until FROM approval `

func read(s engine.Scan) (*Approval, error) {
	a := new(Approval)
	err := s((*column.ID)(&a.ID), (*column.ID)(&a.Account), &a.Reason, (*column.Seconds)(&a.Lasts), &a.State, &a.AskedBy, (*column.Time)(&a.AskedAt),
		&a.AnsweredBy, (*column.Time)(&a.AnsweredAt), (*column.Time)(&a.Until))
	return a, err
}

// InsertApproval adds one.
func (in Approvals) InsertApproval(a *Approval) error {
	_, err := in.tx.Exec("catalog: insert approval",
		`INSERT INTO approval (id, account, reason, lasts, state, asked_by, asked_at, answered_by, answered_at, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		column.ID(a.ID), column.ID(a.Account), a.Reason, column.Seconds(a.Lasts), a.State, a.AskedBy, column.Time(a.AskedAt),
		a.AnsweredBy, column.Time(a.AnsweredAt), column.Time(a.Until))
	return err
}

// SaveApproval writes State, AnsweredBy, AnsweredAt and Until.
func (in Approvals) SaveApproval(a *Approval) error {
	return in.tx.ExecOne("catalog: save approval", `UPDATE approval SET state = ?, answered_by = ?, answered_at = ?, until = ? WHERE id = ?`,
		a.State, a.AnsweredBy, column.Time(a.AnsweredAt), column.Time(a.Until), column.ID(a.ID))
}

// Approval returns one.
func (in Approvals) Approval(id uuid.UUID) (*Approval, error) {
	return engine.One(in.tx, "catalog: approval", read, selectApproval+`WHERE id = ?`, column.ID(id))
}

// ApprovalsOf returns up to limit of an account, the newest first.
func (in Approvals) ApprovalsOf(account uuid.UUID, limit int) ([]*Approval, error) {
	return engine.List(in.tx, "catalog: approvals", read, selectApproval+`WHERE account = ? ORDER BY id DESC LIMIT ?`, column.ID(account), int64(limit))
}

// LiveApprovals returns those of all accounts that are asked or allowed, in the order in
// which they were asked for.
func (in Approvals) LiveApprovals() ([]*Approval, error) {
	return engine.List(in.tx, "catalog: live approvals", read, selectApproval+`WHERE state IN ('asked', 'allowed') ORDER BY id`)
}

// LiveApprovalsOf are those of one account.
func (in Approvals) LiveApprovalsOf(account uuid.UUID) ([]*Approval, error) {
	return engine.List(in.tx, "catalog: live approvals", read,
		selectApproval+`WHERE account = ? AND state IN ('asked', 'allowed') ORDER BY id`, column.ID(account))
}
