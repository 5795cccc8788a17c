package portal

import "time"

// Token lets a program in: as a role of an account, or for who runs the gateway.
type Token struct {
	ID        string     `json:"id"`
	Name      *string    `json:"name" doc:"null: sealed under a key that was destroyed"`
	Role      string     `json:"role" enum:"uploader,reader,approver,admin,operator"`
	CreatedAt time.Time  `json:"created_at"`
	Until     time.Time  `json:"until" doc:"good for nothing from then on"`
	LastUsed  *time.Time `json:"last_used" doc:"to the minute"`
}

// NewToken asks for a token.
type NewToken struct {
	Name string   `json:"name" doc:"what it is for; once in an account"`
	Role string   `json:"role,omitempty" enum:"uploader,reader,approver,admin" doc:"of an account's token; uploader when there is none"`
	For  Duration `json:"for,omitempty" doc:"90d when there is none; 366d at most"`
}

// TokenMade is a token that was made; Secret is what the program shows, and is
// shown this once.
type TokenMade struct {
	Token
	Secret string `json:"token"`
}
