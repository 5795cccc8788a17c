package portal

import "time"

// SingleSignOn is the provider by which an account's people may sign in.
type SingleSignOn struct {
	Issuer    string    `json:"issuer"`
	ClientID  string    `json:"client_id"`
	Secret    bool      `json:"client_secret" doc:"there is one; it is not shown"`
	TrustMFA  bool      `json:"trust_mfa" doc:"a second factor that the provider says it has seen is enough"`
	Redirect  string    `json:"redirect_uri" doc:"the address that the provider has to be told"`
	ChangedAt time.Time `json:"changed_at"`
}

// SingleSignOnChange is what may be set of it; what is absent stays.
type SingleSignOnChange struct {
	Issuer   *string `json:"issuer,omitempty" doc:"https://…, as the provider calls itself"`
	ClientID *string `json:"client_id,omitempty" doc:"what the provider calls this gateway"`
	Secret   *string `json:"client_secret,omitempty" doc:"empty: a client without a secret"`
	TrustMFA *bool   `json:"trust_mfa,omitempty"`
}
