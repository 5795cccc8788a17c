package catalogtest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/notices"
)

func addWebhook(t *testing.T, c *catalog.Catalog, account uuid.UUID, at time.Time) *notices.Webhook {
	t.Helper()
	w := &notices.Webhook{
		ID: ID(), Account: account, URL: []byte("sealed"), Events: []string{"file.held"}, State: notices.WebhookOn, Since: 7, CreatedAt: at,
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.InsertWebhook(w) })
	return w
}

func testWebhooks(t *testing.T, c *catalog.Catalog) {
	a, b := Account(t, c, "acme"), Account(t, c, "beta")
	later, first, other := addWebhook(t, c, a.ID, noon.Add(time.Second)), addWebhook(t, c, a.ID, noon), addWebhook(t, c, b.ID, noon)
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*notices.Webhook, error) { return tx.Webhooks(a.ID) }), []*notices.Webhook{first, later})
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		return tx.InsertWebhook(&notices.Webhook{ID: ID(), Account: ID(), URL: []byte{1}})
	}), fault.NotFound)

	first.State, first.Events, first.Since, first.OldUntil = notices.WebhookFailed, nil, 8, noon.Add(time.Hour)
	first.FailingSince, first.RetryAt, first.Tries = noon, noon.Add(time.Minute), 3
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveWebhook(first) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*notices.Webhook, error) { return tx.Webhook(first.ID) }), first)

	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteWebhook(later.ID) })
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteNotices(a.ID) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*notices.Webhook, error) { return tx.AllWebhooks() }), []*notices.Webhook{other})
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.SaveWebhook(first) }), fault.NotFound)

	Update(t, c, func(tx *catalog.Tx) error { return tx.SetWebhookCursor(42) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) (int64, error) { return tx.WebhookCursor() }), int64(42))
}

func testWebhookDeliveries(t *testing.T, c *catalog.Catalog) {
	w := addWebhook(t, c, Account(t, c, "acme").ID, noon)
	add := func(runAt time.Time) *notices.Delivery {
		t.Helper()
		d := &notices.Delivery{
			ID: ID(), Webhook: w.ID, Event: ID(), Type: "file.held", Object: ID().String(), EventAt: noon, CreatedAt: noon,
			State: notices.DeliveryWaiting, RunAt: runAt,
		}
		Update(t, c, func(tx *catalog.Tx) error { return tx.InsertDelivery(d) })
		return d
	}
	next := func() *notices.Delivery {
		t.Helper()
		return get(t, c, func(tx *catalog.Tx) (*notices.Delivery, error) {
			return tx.NextDelivery(w.ID, noon, noon.Add(time.Hour))
		})
	}
	notYet, one, two := add(noon.Add(time.Second)), add(noon), add(noon)
	wantSame(t, next(), one)
	one.State, one.Attempts, one.Status, one.EndedAt = notices.DeliveryDelivered, 1, 200, noon
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveDelivery(one) })
	wantSame(t, next(), two)
	waiting := func(event uuid.UUID) *notices.Delivery {
		return get(t, c, func(tx *catalog.Tx) (*notices.Delivery, error) { return tx.WaitingDelivery(w.ID, event) })
	}
	wantSame(t, waiting(two.Event), two)
	wantSame(t, waiting(one.Event), (*notices.Delivery)(nil))
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*notices.Delivery, error) { // notYet is due by a clock that was set back
		return tx.NextDelivery(w.ID, noon.Add(-3*time.Hour), noon)
	}), notYet)
	wantSame(t, get(t, c, func(tx *catalog.Tx) (int64, error) { return tx.WaitingDeliveries(w.ID) }), int64(2))
	all := func(before uuid.UUID, limit int) []*notices.Delivery {
		t.Helper()
		return get(t, c, func(tx *catalog.Tx) ([]*notices.Delivery, error) { return tx.Deliveries(w.ID, before, limit) })
	}
	wantSame(t, all(uuid.Nil, 2), []*notices.Delivery{two, one})
	wantSame(t, all(one.ID, 2), []*notices.Delivery{notYet})

	for before, want := range map[time.Time]int64{noon: 0, noon.Add(time.Second): 2} {
		Update(t, c, func(tx *catalog.Tx) error {
			n, err := tx.FailDeliveries(w.ID, before, "gone", noon.Add(time.Hour))
			if n != want {
				t.Errorf("%d deliveries ended that were made before %s, want %d", n, before, want)
			}
			return err
		})
	}
	two.State, two.Error, two.EndedAt = notices.DeliveryFailed, "gone", noon.Add(time.Hour)
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*notices.Delivery, error) { return tx.Delivery(two.ID) }), two)
	wantSame(t, next(), (*notices.Delivery)(nil))
	Update(t, c, func(tx *catalog.Tx) error {
		n, err := tx.DeleteDeliveries(noon.Add(time.Minute), 10)
		if n != 1 {
			t.Errorf("%d deliveries removed, want the one that ended before", n)
		}
		return err
	})
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteWebhook(w.ID) })
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { _, err := tx.Delivery(two.ID); return err }), fault.NotFound)
}

func testAlarms(t *testing.T, c *catalog.Catalog) {
	acme := Account(t, c, "acme").ID
	add := func(account uuid.UUID, kind string) *notices.Alarm {
		t.Helper()
		a := &notices.Alarm{
			ID: ID(), Account: account, Check: "files", Kind: kind, State: notices.AlarmOpen, Severity: "warning", Count: 2, Level: 9,
			Detail: map[string]string{"until": "2026-11-22"}, RaisedAt: noon,
		}
		Update(t, c, func(tx *catalog.Tx) error { return tx.InsertAlarm(a) })
		return a
	}
	live := func() []*notices.Alarm {
		t.Helper()
		return get(t, c, func(tx *catalog.Tx) ([]*notices.Alarm, error) { return tx.LiveAlarms() })
	}
	held, own := add(acme, "files-held"), add(uuid.Nil, "disk-low")
	wantSame(t, live(), []*notices.Alarm{held, own})
	held.State, held.SeenAt, held.SeenBy, held.MailedAt = notices.AlarmSeen, noon, "control-socket", noon
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveAlarm(held) })
	own.State, own.OverAt = notices.AlarmOver, noon
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveAlarm(own) })
	wantSame(t, live(), []*notices.Alarm{held})
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*notices.Alarm, error) { return tx.EndedAlarms(5) }), []*notices.Alarm{own})
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*notices.Alarm, error) { return tx.EndedAlarmsOf(acme, 5) }), []*notices.Alarm(nil))
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteAlarms(noon.Add(time.Second)) })
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { _, err := tx.Alarm(own.ID); return err }), fault.NotFound)
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*notices.Alarm, error) { return tx.Alarm(held.ID) }), held)
}

func testFilesThatWait(t *testing.T, c *catalog.Catalog) {
	a, b := Account(t, c, "acme"), Account(t, c, "beta")
	add := func(account uuid.UUID, state catalog.State, at time.Time) *catalog.File {
		t.Helper()
		f := &catalog.File{ID: ID(), Account: account, Direction: catalog.In, State: state, Body: catalog.Body{Kind: catalog.NoBody}}
		f.BeganAt, f.ReceivedAt = at, at
		Update(t, c, func(tx *catalog.Tx) error { return tx.InsertFile(f) })
		return f
	}
	add(a.ID, catalog.Held, noon)
	last := add(a.ID, catalog.Held, noon.Add(time.Hour))
	add(b.ID, catalog.Refused, noon)
	add(b.ID, catalog.Kept, noon)
	late := add(b.ID, catalog.WaitingRename, noon)
	add(b.ID, catalog.WaitingRename, noon.Add(time.Hour))
	held := get(t, c, func(tx *catalog.Tx) ([]notices.Waiting, error) { return tx.FilesThatWait(string(catalog.Held)) })
	wantSame(t, held, []notices.Waiting{{Account: a.ID, Files: 2, Newest: last.Number, Since: noon}})
	unnamed := get(t, c, func(tx *catalog.Tx) ([]notices.Waiting, error) { return tx.FilesNotRenamed(noon.Add(time.Minute)) })
	wantSame(t, unnamed, []notices.Waiting{{Account: b.ID, Files: 1, Newest: late.Number, Since: noon}})

	untold := func(limit int) []uuid.UUID {
		t.Helper()
		return get(t, c, func(tx *catalog.Tx) ([]uuid.UUID, error) { return tx.NotRenamed(noon.Add(time.Minute), limit) })
	}
	second := add(a.ID, catalog.WaitingRename, noon)
	wantSame(t, untold(10), []uuid.UUID{late.ID, second.ID})
	wantSame(t, untold(1), []uuid.UUID{late.ID})
	late.Reason = "not-renamed"
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveFile(late) })
	wantSame(t, untold(10), []uuid.UUID{second.ID})
}

func testMail(t *testing.T, c *catalog.Catalog) {
	now, later := &notices.Mail{ID: ID(), Message: []byte("sealed"), CreatedAt: noon, RunAt: noon}, &notices.Mail{ID: ID(), Message: []byte{1}, CreatedAt: noon, RunAt: noon.Add(time.Hour)}
	for _, m := range []*notices.Mail{now, later} {
		Update(t, c, func(tx *catalog.Tx) error { return tx.InsertMail(m) })
	}
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*notices.Mail, error) { return tx.MailDue(noon, noon.Add(2*time.Hour), 5) }), []*notices.Mail{now})
	now.RunAt, now.Attempts, now.Error = noon.Add(time.Minute), 1, "timeout"
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveMail(now) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) (int64, error) { return tx.FailingMail(1) }), int64(1))
	wantSame(t, get(t, c, func(tx *catalog.Tx) (int64, error) { return tx.FailingMail(2) }), int64(0))
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteMail(now.ID) })
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.SaveMail(now) }), fault.NotFound)

	acme := Account(t, c, "acme").ID
	list := []notices.Recipient{{ID: ID(), Account: acme, Address: []byte("sealed"), Language: "sv"}, {ID: ID(), Account: acme, Address: []byte("too"), Language: "en"}}
	for range 2 { // they replace each other
		Update(t, c, func(tx *catalog.Tx) error { return tx.SetRecipients(acme, list) })
	}
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]notices.Recipient, error) { return tx.Recipients(acme) }), list)
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteNotices(acme) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]notices.Recipient, error) { return tx.Recipients(acme) }), []notices.Recipient(nil))
}
