package notices

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// States of deliveries.
const (
	DeliveryWaiting   = "waiting"
	DeliveryDelivered = "delivered"
	DeliveryFailed    = "failed"
)

// Delivery is one event on its way to one webhook.
type Delivery struct {
	ID        uuid.UUID
	Webhook   uuid.UUID
	Event     uuid.UUID // the same in every delivery of one event
	Type      string
	Object    string // id of the file or alarm; may be empty
	EventAt   time.Time
	CreatedAt time.Time
	State     string
	RunAt     time.Time // waiting: not before
	Attempts  int64
	Status    int64  // HTTP status of the last answer; 0 = there was none
	Error     string // a code word about the last attempt; empty = it went well
	EndedAt   time.Time
}

const selectDelivery = `SELECT id, webhook, event, type, object, event_at, created_at, state, run_at, attempts, status, error, ended_at FROM webhook_delivery `

func readDelivery(s engine.Scan) (*Delivery, error) {
	d := new(Delivery)
	err := s((*column.ID)(&d.ID), (*column.ID)(&d.Webhook), (*column.ID)(&d.Event), &d.Type, &d.Object, (*column.Time)(&d.EventAt),
		(*column.Time)(&d.CreatedAt), &d.State, (*column.Time)(&d.RunAt), &d.Attempts, &d.Status, &d.Error, (*column.Time)(&d.EndedAt))
	return d, err
}

// InsertDelivery adds a delivery behind all others of its webhook.
func (n Notices) InsertDelivery(d *Delivery) error {
	_, err := n.tx.Exec("catalog: insert delivery",
		`INSERT INTO webhook_delivery (id, webhook, event, type, object, event_at, created_at, state, run_at, attempts, status, error, ended_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		column.ID(d.ID), column.ID(d.Webhook), column.ID(d.Event), d.Type, d.Object, column.Time(d.EventAt),
		column.Time(d.CreatedAt), d.State, column.Time(d.RunAt), d.Attempts, d.Status, d.Error, column.Time(d.EndedAt))
	return err
}

// SaveDelivery writes State, RunAt, Attempts, Status, Error and EndedAt.
func (n Notices) SaveDelivery(d *Delivery) error {
	return n.tx.ExecOne("catalog: save delivery",
		`UPDATE webhook_delivery SET state = ?, run_at = ?, attempts = ?, status = ?, error = ?, ended_at = ? WHERE id = ?`,
		d.State, column.Time(d.RunAt), d.Attempts, d.Status, d.Error, column.Time(d.EndedAt), column.ID(d.ID))
}

// Delivery returns a delivery.
func (n Notices) Delivery(id uuid.UUID) (*Delivery, error) {
	return engine.One(n.tx, "catalog: delivery", readDelivery, selectDelivery+`WHERE id = ?`, column.ID(id))
}

// Deliveries returns up to limit deliveries of a webhook, the newest first, those
// that were added before the one with the id before (uuid.Nil = all).
func (n Notices) Deliveries(webhook, before uuid.UUID, limit int) ([]*Delivery, error) {
	const op = "catalog: deliveries"
	if before == uuid.Nil {
		return engine.List(n.tx, op, readDelivery, selectDelivery+`WHERE webhook = ? ORDER BY seq DESC LIMIT ?`, column.ID(webhook), int64(limit))
	}
	return engine.List(n.tx, op, readDelivery,
		selectDelivery+`WHERE webhook = ? AND seq < (SELECT seq FROM webhook_delivery WHERE id = ?) ORDER BY seq DESC LIMIT ?`,
		column.ID(webhook), column.ID(before), int64(limit))
}

// NextDelivery returns the oldest delivery of a webhook that waits and is due,
// nil when none is. One that would be due after latest is due: the clock was ahead when
// that was written.
func (n Notices) NextDelivery(webhook uuid.UUID, now, latest time.Time) (*Delivery, error) {
	due, err := engine.List(n.tx, "catalog: next delivery", readDelivery,
		selectDelivery+`WHERE webhook = ? AND state = 'waiting' AND (run_at <= ? OR run_at > ?) ORDER BY seq LIMIT 1`,
		column.ID(webhook), column.Time(now), column.Time(latest))
	if err != nil || len(due) == 0 {
		return nil, err
	}
	return due[0], nil
}

// WaitingDelivery returns the delivery of an event to a webhook that waits, nil when
// none does.
func (n Notices) WaitingDelivery(webhook, event uuid.UUID) (*Delivery, error) {
	list, err := engine.List(n.tx, "catalog: waiting delivery", readDelivery,
		selectDelivery+`WHERE webhook = ? AND state = 'waiting' AND event = ? LIMIT 1`, column.ID(webhook), column.ID(event))
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// LastOfType returns when the last delivery of a type was made for a webhook, zero when
// none is on record.
func (n Notices) LastOfType(webhook uuid.UUID, kind string) (last time.Time, err error) {
	list, err := engine.List(n.tx, "catalog: last delivery", readDelivery,
		selectDelivery+`WHERE webhook = ? AND type = ? ORDER BY seq DESC LIMIT 1`, column.ID(webhook), kind)
	if err != nil || len(list) == 0 {
		return time.Time{}, err
	}
	return list[0].CreatedAt, nil
}

// DeleteEnded removes the deliveries of a type to a webhook that do not wait.
func (n Notices) DeleteEnded(webhook uuid.UUID, kind string) error {
	_, err := n.tx.Exec("catalog: delete deliveries", `DELETE FROM webhook_delivery WHERE webhook = ? AND type = ? AND state <> 'waiting'`,
		column.ID(webhook), kind)
	return err
}

// WaitingDeliveries counts the deliveries of a webhook that wait.
func (n Notices) WaitingDeliveries(webhook uuid.UUID) (int64, error) {
	return engine.One(n.tx, "catalog: waiting deliveries", engine.Value[int64],
		`SELECT COUNT(*) FROM webhook_delivery WHERE webhook = ? AND state = 'waiting'`, column.ID(webhook))
}

// FailDeliveries ends the deliveries of a webhook that wait and were made before a
// time, and returns how many.
func (n Notices) FailDeliveries(webhook uuid.UUID, before time.Time, reason string, at time.Time) (int64, error) {
	return n.tx.Exec("catalog: fail deliveries",
		`UPDATE webhook_delivery SET state = 'failed', error = ?, ended_at = ? WHERE webhook = ? AND state = 'waiting' AND created_at < ?`,
		reason, column.Time(at), column.ID(webhook), column.Time(before))
}

// DeleteDeliveries removes up to limit deliveries that ended before a time, and
// returns how many.
func (n Notices) DeleteDeliveries(before time.Time, limit int) (int64, error) {
	return n.tx.Exec("catalog: delete deliveries",
		`DELETE FROM webhook_delivery WHERE seq IN (SELECT seq FROM webhook_delivery WHERE ended_at > 0 AND ended_at < ? LIMIT ?)`,
		column.Time(before), int64(limit))
}
