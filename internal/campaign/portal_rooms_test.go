package campaign

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"sealgate/internal/transfer/remote/remotetest"
)

// aProvider describes itself as a provider of single sign-on does, to gateways that are
// started after it.
func aProvider(t testing.TB) (issuer string) {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := "https://" + r.Host
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"jwks_uri":%q,"id_token_signing_alg_values_supported":["RS256"]}`,
			at, at+"/auth", at+"/token", at+"/keys")
	}))
	t.Cleanup(s.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"SSL_CERT_FILE": roots, "SEALGATE_REMOTES_ALLOW": "127.0.0.0/8", "SEALGATE_HTTPS_URL": "https://127.0.0.1"} {
		if testing, ok := t.(interface{ Setenv(key, value string) }); ok {
			testing.Setenv(name, value)
		}
	}
	return s.URL
}

// furnish gives an account one of everything that has a page of its own: webhooks,
// single sign-on, a request of an operator, one that was answered.
func furnish(t testing.TB, g *gateway, account, issuer string) {
	t.Helper()
	g.must("webhook", "add", account, "https://127.0.0.1:1/hook")
	private, _ := remotetest.NewKey(t, "")
	key := filepath.Join(t.TempDir(), "key")
	g.check(os.WriteFile(key, private, 0o600))
	g.must("agent", "invite", account, "erp-server")
	g.must("remote", "add", account, "bank", "sftp://payments@127.0.0.1:1/out", "--direction", "pull", "--ssh-key", key, "--host-key", "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU")
	_, _, _ = g.run("remote", "run", account, "bank") // nobody is there: its page tells
	g.must("remote", "add", account, "out", "sftp://payments@127.0.0.1:1/in", "--direction", "push", "--off", "--ssh-key", key,
		"--allow-old", "ssh-rsa", "--allow-old-until", "2099-12-31", "--max-files", "100")
	g.must("account", "set", account, "--oidc-issuer", issuer, "--oidc-client-id", "sealgate")
	g.must("account", "set", account, "--operator-access", "asked")
	ask := func(reason string) string {
		var made struct{ ID string }
		g.mustJSON(&made, "account", "access", "ask", account, "--reason", reason)
		return made.ID
	}
	g.must("account", "access", "deny", account, ask("Ticket 4710: "+markup))
	g.must("account", "access", "allow", account, ask("Ticket 4711: the file of 3 November looks empty"))
	ask("Ticket 4712: " + markup)
}
