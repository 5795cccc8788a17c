package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sealgate/internal/portal"
	"sealgate/internal/store/catalog"
)

func TestAShorterTimeOfKeepingIsConfirmed(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	f := h.keptFile("acme")
	h.world.Update(func(tx *catalog.Tx) error {
		f.State = catalog.Kept
		return tx.SaveFile(f)
	})
	h.world.Clock.Add(100 * 24 * time.Hour)
	set := func(code int, change map[string]string, out any) {
		t.Helper()
		h.want(code, "PATCH", "/accounts/acme", change, out)
	}
	set(http.StatusOK, map[string]string{"keep_for": "200d"}, nil) // nothing is as old
	var p portal.Problem
	set(http.StatusBadRequest, map[string]string{"keep_for": "30d"}, &p)
	if !strings.Contains(p.Detail, "acme") || !strings.Contains(p.Detail, "1 file (11 bytes)") || !strings.Contains(p.Detail, "30d") {
		t.Errorf("it says %q", p.Detail)
	}
	set(http.StatusBadRequest, map[string]string{"keep_for": "30d", "confirm": "other"}, nil)
	var acct portal.Account
	h.want(http.StatusOK, "GET", "/accounts/acme", nil, &acct)
	if acct.KeepFor.String() != "200d" {
		t.Fatalf("it is done all the same: %s", acct.KeepFor)
	}
	set(http.StatusOK, map[string]string{"keep_for": "30d", "confirm": "acme"}, &acct)
	if acct.KeepFor.String() != "30d" {
		t.Errorf("kept for %s", acct.KeepFor)
	}
	set(http.StatusOK, map[string]string{"keep_for": "31d"}, nil)
}

func TestClosingAnAccountSaysWhatItDoes(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	h.keptFile("acme")
	for _, query := range []string{"", "?confirm=other"} {
		var p portal.Problem
		h.want(http.StatusBadRequest, "DELETE", "/accounts/acme"+query, nil, &p)
		if !strings.Contains(p.Detail, "1 login") || !strings.Contains(p.Detail, "acme") {
			t.Errorf("it says %q", p.Detail)
		}
	}
	h.want(http.StatusNoContent, "DELETE", "/accounts/acme?confirm=acme", nil, nil)
}
