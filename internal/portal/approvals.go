package portal

import "time"

// Approval is a look at an account's contents that an operator has asked its people for.
type Approval struct {
	ID         string     `json:"id"`
	Account    string     `json:"account"`
	State      string     `json:"state" enum:"asked,allowed,refused,ended,over"`
	Reason     *string    `json:"reason" doc:"null: sealed under a key that was destroyed"`
	For        Duration   `json:"for" doc:"how long it lasts, once it is allowed"`
	AskedBy    string     `json:"asked_by" doc:"as in the audit log"`
	AskedAt    time.Time  `json:"asked_at"`
	AnsweredBy string     `json:"answered_by,omitempty" doc:"who allowed, refused or ended it"`
	AnsweredAt *time.Time `json:"answered_at"`
	Until      time.Time  `json:"until" doc:"asked: it is to be answered by then; allowed: it ends then; else it ended then"`
}

// NewApproval asks for one.
type NewApproval struct {
	Reason string   `json:"reason" doc:"why, in a sentence that the account reads"`
	For    Duration `json:"for,omitempty" doc:"8h when there is none; 7d at most"`
}
