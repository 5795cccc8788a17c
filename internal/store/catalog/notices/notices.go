// Package notices is what the gateway tells people and programs by itself, as the
// catalog keeps it: webhooks and what is to be delivered to them, alarms, mail that
// waits, and who gets it.
//
// Addresses and texts come sealed. A delivery holds no payload: that is made when it
// is sent.
package notices

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// Notices are these tables, within a transaction of the catalog.
type Notices struct{ tx *engine.Tx }

// In returns the tables as tx sees and changes them.
func In(tx *engine.Tx) Notices { return Notices{tx} }

// FailingNoSecret is the Failing of a webhook whose secret is not in the key store: it
// is sent nothing.
const FailingNoSecret = "no-secret"

// Endpoint states of webhooks.
const (
	WebhookOn     = "on"
	WebhookOff    = "off"    // by somebody
	WebhookFailed = "failed" // by the gateway: nobody answered for days
)

// Webhook is an address that an account's events are sent to. Its secret is in the
// key store.
type Webhook struct {
	ID      uuid.UUID
	Account uuid.UUID
	URL     []byte   // sealed
	Events  []string // types; none = all
	State   string
	// ByOperator: who runs the gateway has added it, and it is told what he may see.
	ByOperator bool
	Since      int64 // audit number of the first entry that it may be told of
	CreatedAt  time.Time
	OldUntil   time.Time // the secret before the present one signs, too, until then

	FailingSince time.Time // no delivery went well since; zero = the last one did
	Failing      string    // a code word about the last attempt that did not go well
	RetryAt      time.Time // nothing is sent before
	Tries        int64     // in a row that got no answer
}

const selectWebhook = `SELECT id, account, url, events, state, by_operator, since, created_at, old_until, failing_since, failing, retry_at, tries FROM webhook `

func readWebhook(s engine.Scan) (*Webhook, error) {
	w := new(Webhook)
	err := s((*column.ID)(&w.ID), (*column.ID)(&w.Account), &w.URL, (*column.Texts)(&w.Events), &w.State, (*column.Bool)(&w.ByOperator), &w.Since,
		(*column.Time)(&w.CreatedAt), (*column.Time)(&w.OldUntil), (*column.Time)(&w.FailingSince), &w.Failing, (*column.Time)(&w.RetryAt), &w.Tries)
	return w, err
}

// InsertWebhook adds a webhook.
func (n Notices) InsertWebhook(w *Webhook) error {
	_, err := n.tx.Exec("catalog: insert webhook",
		`INSERT INTO webhook (id, account, url, events, state, by_operator, since, created_at, old_until, failing_since, failing, retry_at, tries)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		column.ID(w.ID), column.ID(w.Account), w.URL, column.Texts(w.Events), w.State, column.Bool(w.ByOperator), w.Since,
		column.Time(w.CreatedAt), column.Time(w.OldUntil), column.Time(w.FailingSince), w.Failing, column.Time(w.RetryAt), w.Tries)
	return err
}

// SaveWebhook writes all of w but its ID, Account, URL, ByOperator and CreatedAt.
func (n Notices) SaveWebhook(w *Webhook) error {
	return n.tx.ExecOne("catalog: save webhook",
		`UPDATE webhook SET events = ?, state = ?, since = ?, old_until = ?, failing_since = ?, failing = ?, retry_at = ?, tries = ? WHERE id = ?`,
		column.Texts(w.Events), w.State, w.Since, column.Time(w.OldUntil), column.Time(w.FailingSince), w.Failing, column.Time(w.RetryAt), w.Tries, column.ID(w.ID))
}

// Webhook returns a webhook.
func (n Notices) Webhook(id uuid.UUID) (*Webhook, error) {
	return engine.One(n.tx, "catalog: webhook", readWebhook, selectWebhook+`WHERE id = ?`, column.ID(id))
}

// Webhooks returns an account's webhooks, oldest first.
func (n Notices) Webhooks(account uuid.UUID) ([]*Webhook, error) {
	return engine.List(n.tx, "catalog: webhooks", readWebhook, selectWebhook+`WHERE account = ? ORDER BY created_at, id`, column.ID(account))
}

// AllWebhooks returns the webhooks of all accounts, in no order.
func (n Notices) AllWebhooks() ([]*Webhook, error) {
	return engine.List(n.tx, "catalog: webhooks", readWebhook, selectWebhook)
}

// DeleteWebhook removes a webhook and what was to be delivered to it.
func (n Notices) DeleteWebhook(id uuid.UUID) error {
	return n.tx.ExecOne("catalog: delete webhook", `DELETE FROM webhook WHERE id = ?`, column.ID(id))
}

// DeleteNotices removes an account's webhooks and recipients of mail: it is closed.
func (n Notices) DeleteNotices(account uuid.UUID) error {
	const op = "catalog: delete notices"
	if _, err := n.tx.Exec(op, `DELETE FROM webhook WHERE account = ?`, column.ID(account)); err != nil {
		return err
	}
	_, err := n.tx.Exec(op, `DELETE FROM recipient WHERE account = ?`, column.ID(account))
	return err
}

// WebhookCursor returns the audit number up to which events were turned into
// deliveries.
func (n Notices) WebhookCursor() (int64, error) {
	return engine.One(n.tx, "catalog: webhook cursor", engine.Value[int64], `SELECT value FROM counter WHERE name = 'webhook-cursor'`)
}

// SetWebhookCursor moves it.
func (n Notices) SetWebhookCursor(to int64) error {
	return n.tx.ExecOne("catalog: webhook cursor", `UPDATE counter SET value = ? WHERE name = 'webhook-cursor'`, to)
}
