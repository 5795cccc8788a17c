package webhook_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/dialguard"
	"sealgate/internal/fault"
	"sealgate/internal/notify/webhook"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/notices"
)

// with makes the service anew, with other options.
func (d *desk) with(change func(*webhook.Options)) {
	opt := webhook.Options{
		Catalog: d.Catalog, Custody: d.Custody, Keys: d.Keys, Guard: dialguard.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}),
		Now: d.Clock.Now, Log: slog.New(slog.DiscardHandler), Version: "test",
	}
	change(&opt)
	d.Service = webhook.New(opt)
}

// Who may test a webhook makes the gateway connect to any address: now and then, on
// record, and without filling the catalog.
func TestAWebhookIsTestedNowAndThen(t *testing.T) {
	d := open(t)
	rc := receive(t, nil)
	w, _ := d.add(rc.URL)
	test := func() error { return second(d.Test(t.Context(), "ann", "acme", w.ID.String())) }
	if err := test(); err != nil {
		t.Fatal(err)
	}
	if err := test(); !fault.Is(err, fault.TryLater) {
		t.Errorf("at once again: %v", err)
	}
	d.Clock.Add(5 * time.Second)
	if err := test(); err != nil {
		t.Error(err)
	}
	d.Clock.Add(-time.Hour) // a clock that was ahead forbids nothing
	if err := test(); err != nil {
		t.Error(err)
	}
	if list := d.deliveries(w); len(rc.all()) != 3 || len(list) != 1 || list[0].State != notices.DeliveryDelivered {
		t.Errorf("%d tests, on record: %+v", len(rc.all()), list)
	}
	if n := d.audited("webhook.tested"); n != 3 {
		t.Errorf("%d entries of 3", n)
	}
}

func TestTestsOfAWebhookAreOneAtATime(t *testing.T) {
	d := open(t)
	under, free := make(chan struct{}), make(chan struct{})
	w, _ := d.add(receive(t, func(int, *http.Request) int {
		under <- struct{}{}
		<-free
		return 200
	}).URL)
	done := make(chan error)
	go func() { done <- second(d.Test(t.Context(), "ann", "acme", w.ID.String())) }()
	<-under
	d.Clock.Add(time.Minute)
	if err := second(d.Test(t.Context(), "ann", "acme", w.ID.String())); !fault.Is(err, fault.TryLater) {
		t.Errorf("beside another one: %v", err)
	}
	close(free)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// However often somebody asks, an event waits once.
func TestAnEventIsReplayedOnceAtATime(t *testing.T) {
	d := open(t)
	down := false
	w, _ := d.add(receive(t, func(int, *http.Request) int {
		if down {
			return 503
		}
		return 200
	}).URL)
	d.File(catalog.Kept, "a.xml", "file.kept")
	d.round()
	down = true
	first := d.deliveries(w)[0].ID
	var again uuid.UUID
	for range 3 {
		got, err := d.Replay(t.Context(), "ann", "acme", w.ID.String(), first)
		if err != nil || again != uuid.Nil && got.ID != again {
			t.Fatalf("%+v, %v", got, err)
		}
		again = got.ID
		d.round()
	}
	if n := len(d.deliveries(w)); n != 2 {
		t.Errorf("%d deliveries", n)
	}
}

func (d *desk) audited(action string) (n int) {
	d.t.Helper()
	d.Number()
	catalogtest.View(d.t, d.Catalog, func(tx *catalog.Tx) error {
		entries, err := tx.AuditNumbered(0, 10_000)
		for _, e := range entries {
			if e.Entry.Action == action {
				n++
			}
		}
		return err
	})
	return n
}

// What an operator has added is told what operators may see, also when that ends later.
func TestAnOperatorsWebhookIsToldNothingWhenHeMaySeeNothing(t *testing.T) {
	d := open(t)
	mine, theirs := receive(t, nil), receive(t, nil)
	d.add(mine.URL)
	w, _, err := d.Add(t.Context(), "op", "acme", webhook.Target{URL: theirs.URL, ByOperator: true})
	if err != nil {
		t.Fatal(err)
	}
	d.File(catalog.Held, "seen.xml", "file.held")
	d.round()
	set := func(access string) {
		catalogtest.Update(t, d.Catalog, func(tx *catalog.Tx) error {
			row, err := tx.Account(d.Acme.ID)
			if err != nil {
				return err
			}
			row.OperatorAccess = access
			return tx.SaveAccount(row)
		})
	}
	set(catalog.OperatorOff)
	d.File(catalog.Held, "löner.xml", "file.held")
	d.round()
	set(catalog.OperatorOn)
	d.Clock.Add(time.Minute)
	d.round()
	same(t, mine.types(), []string{"file.held", "file.held"})
	same(t, theirs.types(), []string{"file.held"})
	last := d.deliveries(w)[0]
	if last.State != notices.DeliveryFailed || last.Error != "not-allowed" || !d.state(w).FailingSince.IsZero() {
		t.Errorf("%+v, %+v", last, d.state(w))
	}
}

// A key store that was restored from before the webhook was made has no secret for it.
func TestAWebhookWithoutItsSecretSaysSoAndWaitsForANewOne(t *testing.T) {
	d := open(t)
	rc := receive(t, nil)
	w, _ := d.add(rc.URL)
	if err := d.Keys.RemoveSecret(d.Acme.ID, "webhook", w.ID); err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"file.received", "file.kept"} {
		d.File(catalog.Kept, "a.xml", action)
		d.round()
		d.Clock.Add(10 * time.Minute)
	}
	if s := d.state(w); s.Failing != notices.FailingNoSecret || s.FailingSince.IsZero() || s.Tries != 0 || len(rc.all()) != 0 {
		t.Fatalf("%+v", s)
	}
	_, secret, err := d.Rotate(t.Context(), "ann", "acme", w.ID.String(), false)
	if err != nil {
		t.Fatal(err)
	}
	if s := d.state(w); s.Failing != "" || !s.OldUntil.IsZero() {
		t.Errorf("%+v", s)
	}
	d.round()
	got := rc.all()
	if len(got) == 0 || got[0].Type != "file.received" || !verifies(got[0], secret) {
		t.Fatalf("%v", rc.types())
	}
}

// Our own fault, however long it lasts, switches no webhook off.
func TestOurOwnFaultIsNotTheReceivers(t *testing.T) {
	d := open(t)
	down := true
	w, _ := d.add(receive(t, func(int, *http.Request) int {
		if down {
			return 503
		}
		return 200
	}).URL)
	secret, err := d.Keys.AccountSecret(d.Acme.ID, "webhook", w.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Keys.RemoveSecret(d.Acme.ID, "webhook", w.ID); err != nil {
		t.Fatal(err)
	}
	for range 13 {
		d.File(catalog.Kept, "a.xml", "file.kept")
		d.round()
		d.Clock.Add(10 * time.Hour)
	}
	if err := d.Keys.SetSecret(d.Acme.ID, "webhook", w.ID, secret); err != nil {
		t.Fatal(err)
	}
	d.File(catalog.Kept, "a.xml", "file.kept")
	d.round()
	if s := d.state(w); s.State != notices.WebhookOn || d.Clock.Now().Sub(s.FailingSince) > time.Hour {
		t.Errorf("%+v", s)
	}
}

// While events are taken up, webhooks come and go.
func TestAWebhookThatComesOrGoesWhileEventsAreTakenUp(t *testing.T) {
	d := open(t)
	early, late := receive(t, nil), receive(t, nil)
	w, _ := d.add(early.URL)
	const group = 500 // entries that are looked at in one step
	for range group {
		catalogtest.Update(t, d.Catalog, func(tx *catalog.Tx) error {
			return tx.Audit(audit.Entry{Account: d.Acme.ID, Actor: "test", Action: "file.kept", Object: uuid.NewString()})
		})
	}
	d.Number()
	began := false
	d.with(func(o *webhook.Options) {
		o.Now = func() time.Time {
			if !began { // the first entries were read
				began = true
				off := false
				if _, err := d.Set(t.Context(), "ann", "acme", w.ID.String(), webhook.Change{On: &off}); err != nil {
					t.Error(err)
				}
				d.add(late.URL)
				d.Happens(d.Acme.ID, "file.erased", uuid.NewString(), nil)
			}
			return d.Clock.Now()
		}
	})
	d.round()
	same(t, late.types(), []string{"file.erased"})
	for _, row := range d.deliveries(w) {
		if row.State == notices.DeliveryWaiting {
			t.Fatalf("one that is off is sent %+v when it is on again", row)
		}
	}
}

func TestTheClockIsNotAlwaysRight(t *testing.T) {
	d := open(t)
	down, trusted := true, true
	w, _ := d.add(receive(t, func(int, *http.Request) int {
		if down {
			return 503
		}
		return 200
	}).URL)
	d.with(func(o *webhook.Options) { o.Trusted = func() bool { return trusted } })
	d.File(catalog.Kept, "a.xml", "file.kept")
	d.round()
	trusted = false
	d.Clock.Add(30 * 24 * time.Hour) // the machine slept, or its clock is wrong
	d.round()
	if s, last := d.state(w), d.deliveries(w)[0]; s.State != notices.WebhookOn || last.State != notices.DeliveryWaiting {
		t.Errorf("ahead: %+v, %+v", s, last)
	}
	d.Clock.Add(-30 * 24 * time.Hour)
	down = false
	d.round()
	if last := d.deliveries(w)[0]; last.State != notices.DeliveryDelivered {
		t.Errorf("set back: %+v", last)
	}
}

// A secret that somebody else knows is ended at once; receivers know two at most.
func TestASecretIsEndedAtOnce(t *testing.T) {
	d := open(t)
	rc := receive(t, nil)
	w, first := d.add(rc.URL)
	id := w.ID.String()
	_, second, err := d.Rotate(t.Context(), "ann", "acme", id, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Rotate(t.Context(), "ann", "acme", id, false); !fault.Is(err, fault.Invalid) {
		t.Errorf("a second one within a day: %v", err)
	}
	w, third, err := d.Rotate(t.Context(), "ann", "acme", id, true)
	if err != nil || !w.OldUntil.IsZero() {
		t.Fatalf("%+v, %v", w, err)
	}
	d.File(catalog.Kept, "a.xml", "file.kept")
	d.round()
	got := rc.all()[0]
	if !verifies(got, third) || verifies(got, second) || verifies(got, first) {
		t.Error("an old secret still signs")
	}
	if _, err := d.Keys.AccountSecret(d.Acme.ID, "webhook-old", w.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("it is still in the key store: %v", err)
	}
}

// Where customers' programs are is not for who reads logs.
func TestNoAddressIsLogged(t *testing.T) {
	d := open(t)
	var log bytes.Buffer
	d.with(func(o *webhook.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	w, _ := d.add("http://127.0.0.1:1/hooks/hansson")
	rec, err := d.Custody.Records(t.Context(), d.Acme.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"http://127.0.0.1:1/hooks/hansson", "http://hansson.invalid/hooks", "http://10.1.2.3/hooks"} {
		row := d.state(w)
		row.URL = rec.Seal("webhook", "url", w.ID, []byte(address))
		catalogtest.Update(t, d.Catalog, func(tx *catalog.Tx) error {
			if err := tx.DeleteWebhook(w.ID); err != nil {
				return err
			}
			return tx.InsertWebhook(row)
		})
		d.Clock.Add(time.Minute)
		if _, err := d.Test(t.Context(), "ann", "acme", w.ID.String()); err != nil {
			t.Fatal(err)
		}
	}
	text := log.String()
	if strings.Count(text, "not delivered") != 3 || !strings.Contains(text, "code=name-unknown") {
		t.Errorf("%s", text)
	}
	for _, part := range []string{"hansson", "127.0.0.1", "10.1.2.3"} {
		if strings.Contains(text, part) {
			t.Errorf("%q is logged: %s", part, text)
		}
	}
}
