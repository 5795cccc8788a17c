package api

import (
	"net/http"
	"testing"

	"sealgate/internal/account"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
)

// Where nobody can read an account's names any more, a search for them finds nothing,
// and breaks nothing.
func TestNamesThatNobodyReadsAreNotFound(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	h.keptFile("acme")
	var certs []portal.Certificate
	h.want(http.StatusOK, "GET", "/accounts/acme/certificates", nil, &certs)
	h.want(http.StatusOK, "DELETE", "/accounts/acme/certificates/"+certs[0].Fingerprint+"?confirm=acme", nil, nil)
	reader := access.Caller{Actor: "x", Name: "x", Account: h.account("acme").ID, Role: account.Reader}
	for _, query := range []string{"?name=a&part=b", "?name=a", "?part=a"} {
		var page struct{ Files []any }
		if code := h.ask(reader, "GET", "/files"+query, "", &page); code != http.StatusOK || len(page.Files) != 0 {
			t.Errorf("%s: %d, %d files", query, code, len(page.Files))
		}
	}
}
