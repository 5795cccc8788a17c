package oidc

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealgate/internal/dialguard"
)

// However many come at once, a provider is asked once what it is; and who comes first
// and hangs up spoils it for nobody.
func TestAProviderIsAskedOnceByAll(t *testing.T) {
	var asked atomic.Int32
	reached, release := make(chan struct{}, 100), make(chan struct{})
	var server *httptest.Server
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		reached <- struct{}{}
		<-release
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"issuer":%[1]q,"authorization_endpoint":"%[1]s/auth","token_endpoint":"%[1]s/token","jwks_uri":"%[1]s/keys"}`, server.URL)
	}))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	s := New(Options{
		Roots: roots, Guard: dialguard.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}),
		Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	})
	ctx, hangUp := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	ask := func(ctx context.Context) {
		if _, err := s.provider(ctx, server.URL, false); err != nil {
			t.Error(err)
		}
	}
	wg.Go(func() { ask(ctx) })
	<-reached
	hangUp()
	for range 30 {
		wg.Go(func() { ask(t.Context()) })
	}
	close(release)
	wg.Wait()
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}
