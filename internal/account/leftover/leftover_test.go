package leftover_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account/leftover"
	"sealgate/internal/fault"
	"sealgate/internal/notify/notifytest"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/notices"
)

// What nothing names for a day goes; what somebody uses, and what nobody here knows,
// stays, until the account is closed.
func TestSecretsThatNothingNamesAreDestroyed(t *testing.T) {
	o := notifytest.Open(t)
	w := &notices.Webhook{ID: catalogtest.ID(), Account: o.Acme.ID, URL: []byte("sealed"), State: notices.WebhookOn, CreatedAt: o.Clock.Now()}
	catalogtest.Update(t, o.Catalog, func(tx *catalog.Tx) error { return tx.InsertWebhook(w) })
	strange, gone := uuid.New(), uuid.New()
	set := func(kind string, id uuid.UUID) {
		t.Helper()
		if err := o.Keys.SetSecret(o.Acme.ID, kind, id, []byte("secret")); err != nil {
			t.Fatal(err)
		}
	}
	set("webhook", w.ID)
	set("webhook", gone)
	set("webhook-old", gone)
	set("totp", gone)
	set("oidc", strange)
	s := leftover.New(o.Catalog, o.Keys, o.Clock.Now, slog.New(slog.DiscardHandler))
	sweep := func(after time.Duration) {
		t.Helper()
		o.Clock.Add(after)
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := func(kind string, id uuid.UUID, there bool) {
		t.Helper()
		if _, err := o.Keys.AccountSecret(o.Acme.ID, kind, id); fault.Is(err, fault.NotFound) == there {
			t.Errorf("%s %s: %v", kind, id, err)
		}
	}
	sweep(0)
	sweep(23 * time.Hour)
	for _, kind := range []string{"webhook", "webhook-old", "totp"} {
		want(kind, gone, true)
	}
	sweep(time.Hour)
	for _, kind := range []string{"webhook", "webhook-old", "totp"} {
		want(kind, gone, false)
	}
	want("webhook", w.ID, true)
	want("oidc", strange, true)

	if err := o.Accounts.RemoveAccount(t.Context(), "test", "acme"); err != nil {
		t.Fatal(err)
	}
	sweep(time.Hour)
	sweep(24 * time.Hour)
	want("webhook", w.ID, false)
	want("oidc", strange, false)
}
