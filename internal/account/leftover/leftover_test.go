package leftover_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/account/leftover"
	"sealgate/internal/fault"
	"sealgate/internal/notify/notifytest"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/logins"
	"sealgate/internal/store/catalog/notices"
	"sealgate/internal/store/catalog/remotes"
)

// What nothing names for a day goes; what somebody uses, and what nobody here knows,
// stays, until the account is closed.
func TestSecretsThatNothingNamesAreDestroyed(t *testing.T) {
	o := notifytest.Open(t)
	w := &notices.Webhook{ID: catalogtest.ID(), Account: o.Acme.ID, URL: []byte("sealed"), State: notices.WebhookOn, CreatedAt: o.Clock.Now()}
	catalogtest.Update(t, o.Catalog, func(tx *catalog.Tx) error { return tx.InsertWebhook(w) })
	sso := &logins.SingleSignOn{Account: o.Acme.ID, Settings: []byte("sealed"), Secret: uuid.New(), ChangedAt: o.Clock.Now()}
	catalogtest.Update(t, o.Catalog, func(tx *catalog.Tx) error { return tx.PutSingleSignOn(sso) })
	anna, _, err := o.Accounts.AddLogin(t.Context(), "test", "acme", account.NewLogin{Username: "anna@acme.example", Role: account.Admin})
	if err != nil {
		t.Fatal(err)
	}
	r := &remotes.Remote{ID: catalogtest.ID(), Account: o.Acme.ID, Name: "bank", Direction: remotes.Pull, Settings: []byte("sealed"), State: remotes.On}
	catalogtest.Update(t, o.Catalog, func(tx *catalog.Tx) error { return tx.InsertRemote(r) })
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
	set("totp", anna.ID) // who has taken her one-time codes away
	set("remote", r.ID)
	set("remote", gone)
	set("oidc", gone)
	set("oidc", sso.Secret)
	set("strange", strange)
	broken := filepath.Join(o.Keys.Dir(), "account-00000000-0000-4000-8000-000000000001.key") // the first that is looked at
	if err := os.WriteFile(broken, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	trusted := true
	s := leftover.New(o.Catalog, o.Keys, o.Clock.Now, func() bool { return trusted }, slog.New(slog.DiscardHandler))
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
	for _, kind := range []string{"webhook", "webhook-old", "totp", "oidc", "remote"} {
		want(kind, gone, true)
	}
	trusted = false
	sweep(time.Hour) // nobody knows how long it was
	want("totp", gone, true)
	trusted = true
	sweep(0)
	for _, kind := range []string{"webhook", "webhook-old", "totp", "oidc", "remote"} {
		want(kind, gone, false)
	}
	want("totp", anna.ID, false)
	want("webhook", w.ID, true)
	want("oidc", sso.Secret, true)
	want("strange", strange, true)
	want("remote", r.ID, true)

	if err := o.Accounts.RemoveAccount(t.Context(), "test", "acme"); err != nil {
		t.Fatal(err)
	}
	sweep(time.Hour)
	sweep(24 * time.Hour)
	want("webhook", w.ID, false)
	want("oidc", sso.Secret, false)
	want("strange", strange, false)
	want("remote", r.ID, false)
}
