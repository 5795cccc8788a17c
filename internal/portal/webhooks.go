package portal

import "time"

// Webhook is an address that an account's events are sent to.
type Webhook struct {
	ID           string     `json:"id"`
	URL          *string    `json:"url" doc:"null: sealed under a key that is not here, or not for operators to see"`
	Events       []string   `json:"events" doc:"types; none = all"`
	State        string     `json:"state" enum:"on,off,failed" doc:"failed: the gateway switched it off, for nothing was taken for 5 days"`
	CreatedAt    time.Time  `json:"created_at"`
	ByOperator   bool       `json:"by_operator,omitempty" doc:"an operator has added it to the account; it is sent nothing while operator_access is not on"`
	FailingSince *time.Time `json:"failing_since"`
	Error        string     `json:"error,omitempty" doc:"why, as of a delivery; no-secret: make a new secret"`
	RetryAt      *time.Time `json:"retry_at" doc:"nothing is sent before"`
	Waiting      int64      `json:"waiting" doc:"deliveries"`
	OldSecret    *time.Time `json:"old_secret_until" doc:"the secret before the present one signs, too, until then"`
}

// NewWebhook asks for a webhook.
type NewWebhook struct {
	URL    string   `json:"url" doc:"https://…"`
	Events []string `json:"events,omitempty" doc:"types; none = all"`
}

// WebhookMade is a webhook with a new secret, which is shown this once.
type WebhookMade struct {
	Webhook
	Secret string `json:"secret"`
}

// WebhookChange is what may be set of a webhook; what is absent stays.
type WebhookChange struct {
	Events  *[]string `json:"events,omitempty"`
	Enabled *bool     `json:"enabled,omitempty"`
}

// WebhookDelivery is one event on its way to a webhook.
type WebhookDelivery struct {
	ID        string     `json:"id"`
	Event     string     `json:"event" doc:"id of the event: the same in every delivery of it"`
	Type      string     `json:"type"`
	Object    string     `json:"object,omitempty" doc:"id of the file or alarm"`
	EventAt   time.Time  `json:"event_at"`
	CreatedAt time.Time  `json:"created_at"`
	State     string     `json:"state" enum:"waiting,delivered,failed"`
	Attempts  int64      `json:"attempts"`
	Status    *int64     `json:"status" doc:"HTTP status of the last answer; null: there was none"`
	Error     string     `json:"error,omitempty" enum:"refused,redirect,gone,timeout,tls,name-unknown,no-connection,address-refused,expired,switched-off,no-secret,not-allowed,internal"`
	NextAt    *time.Time `json:"next_at" doc:"when it is tried next"`
	EndedAt   *time.Time `json:"ended_at"`
}

// WebhookDeliveries is a page of deliveries, the newest first.
type WebhookDeliveries struct {
	Deliveries []WebhookDelivery `json:"deliveries"`
	Next       *string           `json:"next" doc:"before of the next page; null: this is the last"`
}
