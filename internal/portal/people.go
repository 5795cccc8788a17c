package portal

import "time"

// Me is who is signed in to the portal.
type Me struct {
	ID            string    `json:"id"`
	Username      string    `json:"username"`
	Account       string    `json:"account"`
	Operator      bool      `json:"operator"`
	Role          string    `json:"role" enum:"uploader,reader,approver,admin"`
	Language      string    `json:"language" doc:"sv, en, or nothing: as the browser asks"`
	Codes         bool      `json:"one_time_codes"`
	Passkeys      int       `json:"passkeys"`
	RecoveryCodes int       `json:"recovery_codes" doc:"that are left"`
	Session       string    `json:"session"`
	ProvedAt      time.Time `json:"proved_at" doc:"when this person last proved who it is"`
}

// Session is where a person is signed in.
type Session struct {
	ID        string    `json:"id"`
	Current   bool      `json:"current" doc:"it is the one that asks"`
	Method    string    `json:"method"`
	Source    string    `json:"source" doc:"the address"`
	Agent     string    `json:"agent" doc:"what the browser said it is"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
	Until     time.Time `json:"until"`
}
