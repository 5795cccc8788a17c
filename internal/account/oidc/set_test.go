package oidc_test

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"sealgate/internal/account/oidc"
	"sealgate/internal/dialguard"
	"sealgate/internal/fault"
	"sealgate/internal/notify/notifytest"
)

// Who changes single sign-on while somebody else does is told so, and takes no secret
// away; one that is replaced or not asked for any more goes.
func TestTwoChangesAtOnce(t *testing.T) {
	o := notifytest.Open(t)
	var meanwhile func()
	var server *httptest.Server
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if do := meanwhile; do != nil {
			meanwhile = nil
			do()
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"issuer":%[1]q,"authorization_endpoint":"%[1]s/auth","token_endpoint":"%[1]s/token","jwks_uri":"%[1]s/keys"}`, server.URL)
	}))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	service := func() *oidc.Service {
		return oidc.New(oidc.Options{
			Catalog: o.Catalog, Custody: o.Custody, Keys: o.Keys, Roots: roots, Guard: dialguard.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}),
			URL: "https://gateway.example", Now: o.Clock.Now, Log: slog.New(slog.DiscardHandler),
		})
	}
	set := func(client, secret string) error {
		_, err := service().Set(t.Context(), "test", "acme", oidc.Change{Issuer: &server.URL, ClientID: &client, Secret: &secret})
		return err
	}
	want := func(client string, secrets int) {
		t.Helper()
		s, err := service().Settings(t.Context(), "acme")
		if err != nil || s.ClientID != client || s.Secret != (secrets > 0) {
			t.Errorf("%+v, %v", s, err)
		}
		a, err := o.Keys.Account(o.Acme.ID)
		if err != nil || len(a.Secrets()) != secrets {
			t.Errorf("secrets %v, %v", a.Secrets(), err)
		}
	}
	if err := set("web", "first"); err != nil {
		t.Fatal(err)
	}
	meanwhile = func() {
		if err := set("web", "fresh"); err != nil {
			t.Error(err)
		}
	}
	if err := set("app", "other"); !fault.Is(err, fault.TryLater) {
		t.Errorf("the slower one: %v", err)
	}
	want("web", 2) // what the slower one brought goes with the leftovers
	if err := set("app", "other"); err != nil {
		t.Fatal(err)
	}
	want("app", 2)
	if err := set("app", ""); err != nil {
		t.Fatal(err)
	}
	s, err := service().Settings(t.Context(), "acme")
	if err != nil || s.Secret {
		t.Errorf("%+v, %v", s, err)
	}
	if err := service().Remove(t.Context(), "test", "acme"); err != nil {
		t.Error(err)
	}
}
