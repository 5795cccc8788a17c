package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sealgate/internal/portal/access"
	"sealgate/internal/portal/web/ui"
	"sealgate/internal/store/catalog"
)

// A form that did not come whole is no form: a box that is missing in it was not unticked.
func TestAFormThatCannotBeReadChangesNothing(t *testing.T) {
	h := newHouse(t)
	for name, body := range map[string]string{
		"escaped badly": "keep_for=1d&content=%zz",
		"too long":      "keep_for=1d&content=delete&x=" + strings.Repeat("y", 1<<20),
	} {
		r := httptest.NewRequest(http.MethodPost, "/a/acme/settings", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		p, c := h.person("admin")
		w := httptest.NewRecorder()
		h.pages.ServeHTTP(w, r.WithContext(access.With(ui.WithPerson(h.Context(), p), c)))
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", name, w.Code)
		}
		var now *catalog.Account
		h.world.Update(func(tx *catalog.Tx) (err error) { now, err = tx.AccountByName("acme"); return err })
		if now.KeepFor != h.account.KeepFor || now.Content != h.account.Content {
			t.Errorf("%s: the account was changed: %+v", name, now)
		}
	}
}
