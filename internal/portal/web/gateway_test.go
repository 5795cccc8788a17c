package web

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sealgate/internal/audit"
	"sealgate/internal/portal"
	"sealgate/internal/store/catalog"
)

func TestTheGatewayAtAGlance(t *testing.T) {
	h := newHouse(t)
	h.send("fel.xml", sample(t, bad))
	text := h.see(operator, "/")
	h.has(plain(text), "acme 1 fil är stoppad och väntar på beslut.", "10 %", "Ledigt på disken", "Ingen än", "Version test")
	h.has(text, `href="/a/acme/files?state=held"`, `href="/queues"`, `href="/accounts"`)
	if w := h.visit("reader", "GET", "/", nil); w.Header().Get("Location") != "/a/acme/" {
		t.Errorf("home leads to %q", w.Header().Get("Location"))
	}
}

func TestAccountsAreFoundAddedAndClosed(t *testing.T) {
	h := newHouse(t)
	h.has(plain(h.see(operator, "/accounts")), "acme", "Öppet", "Sparas 400 dagar", "Stäng")
	h.has(h.see(operator, "/accounts?q=AC"), `href="/a/acme/"`)
	h.has(plain(h.see(operator, "/accounts?q=%3Cb%3E")), "Inget konto heter så")

	whole := url.Values{"name": {"beta"}, "keys": {"gateway"}, "content": {"delete"}, "keep_for": {"30"}, "operator_access": {"asked"}}
	h.has(h.see(operator, "/accounts/new"), `value="400"`, `value="keep" checked`, "En operatör frågar, och en administratör")
	for _, c := range []struct{ field, value, beside, sentence string }{
		{"name", "", "name", "Fyll i det här."},
		{"name", "Beta AB", "name", "1 till 63 små bokstäver"},
		{"name", "system", "name", "1 till 63 små bokstäver"},
		{"name", "acme", "name", "redan ett konto"},
		{"keep_for", "soon", "keep_for", "ett antal dagar"},
		{"keep_for", "0", "keep_for", "ett antal dagar"},
		{"keys", "nobody", "keys", "Fyll i det här."},
		{"content", "shred", "content", "Fyll i det här."},
		{"operator_access", "maybe", "operator_access", "Fyll i det här."},
		{"access_key", "nonsense", "access_key", "hör till konton där kunden"},
	} {
		form := url.Values{}
		for k, v := range whole {
			form[k] = v
		}
		form.Set(c.field, c.value)
		text := h.refused(operator, "/accounts/new", form)
		h.has(text, `id="f-`+c.beside+`-error"`, c.sentence)
		if c.field != "content" {
			h.has(text, `value="delete" checked`)
		}
	}
	whole.Set("keys", "customer")
	whole.Set("access_key", "<nonsense>")
	h.has(h.refused(operator, "/accounts/new", whole), "f-access_key-error", "&lt;nonsense&gt;")
	whole.Set("keys", "gateway")
	whole.Del("access_key")
	h.has(plain(h.see(operator, h.does(operator, "/accounts/new", whole))), "Kontot är klart. Lägg till dess första inloggning.", "Inga inloggningar än")
	h.has(plain(h.see(operator, "/accounts")), "beta", "Raderas efter läsning", "Bara efter godkännande")

	const at = "/accounts/of/beta/close"
	h.has(plain(h.see(operator, at)), "Ingen i beta kommer in längre", "Skriv: beta")
	h.has(h.refused(operator, at, url.Values{"confirm": {"acme"}}), "Det stämmer inte med namnet", `value="acme"`)
	h.has(plain(h.see(operator, h.does(operator, at, url.Values{"confirm": {"beta"}}))), "Kontot är stängt.", "Stängt")
	if w := h.visit(operator, "GET", "/accounts/of/nobody/close", nil); w.Code != http.StatusNotFound {
		t.Errorf("an account that is not: %d", w.Code)
	}
	h.proved = h.world.Clock.Now().Add(-time.Hour)
	if w := h.visit(operator, "GET", "/accounts/of/acme/close", nil); w.Header().Get("Location") != "/sign-in/again?next="+url.QueryEscape("/accounts/of/acme/close") {
		t.Errorf("closing without a proof: %d to %s", w.Code, w.Header().Get("Location"))
	}
}

func TestHealthSaysWhatToDo(t *testing.T) {
	h := newHouse(t)
	text := plain(h.see(operator, "/health"))
	h.has(text, "Kopia av nycklarna", "ingen har någonsin gjorts", "Att göra:", "gateway keys backup", "Plats på disken enough", "Något behöver ses över")
}

func TestQueuesTellWhatWaits(t *testing.T) {
	h := newHouse(t)
	h.has(plain(h.see(operator, "/queues")), "Inget arbete väntar")
	if err := h.local().Get(h.Context(), "/queues", nil, nil); err != nil {
		t.Fatal(err)
	}
	h.world.Update(func(tx *catalog.Tx) error {
		return tx.AddJob(&catalog.Job{Kind: catalog.IndexJob, Account: h.account.ID, RunAt: h.world.Clock.Now()})
	})
	h.has(plain(h.see(operator, "/queues")), "Läsa filer 1 0 0 0")
}

// note puts an entry into the account's audit log.
func (h *house) note(action, object string, detail map[string]string) {
	h.Helper()
	h.world.Update(func(tx *catalog.Tx) error {
		return tx.Audit(audit.Entry{Account: h.account.ID, Actor: h.login.String(), Action: action, Object: object, Detail: detail})
	})
}

func TestTheAuditLogIsReadInWords(t *testing.T) {
	h := newHouse(t)
	h.send("lon.xml", sample(t, good))
	h.note("login.changed", h.login.String(), nil)
	h.note("file.held", "x", map[string]string{"outcome": "held", "attempt": "1"})
	text := h.see("admin", "/a/acme/audit")
	h.has(plain(text), "Fil mottagen", "erp@acme.example", "Gatewayen själv", "Inloggning ändrad", "Någon vid gatewayens maskin", "Försök: 1 · Utfall: stoppad")
	h.hasNot(plain(h.see("admin", "/a/acme/audit?kind=people")), "Fil mottagen")
	h.has(plain(h.see("admin", "/a/acme/audit?kind=people")), "Inloggning ändrad")
	h.has(plain(h.see("admin", "/a/acme/audit?since=2099-01-01")), "Inga händelser")
	for query, field := range map[string]string{"since=yesterday&kind=files": "since", "kind=magic&since=2020-01-01": "kind"} {
		w := h.visit("admin", "GET", "/a/acme/audit?"+query, nil)
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", query, w.Code)
		}
		h.has(w.Body.String(), `id="f-`+field+`-error"`)
	}
	if w := h.visit("admin", "GET", "/a/acme/audit?before=nonsense", nil); w.Code != http.StatusBadRequest {
		t.Errorf("a page that is none: %d", w.Code)
	}

	h.newAccount("other")
	h.has(plain(h.see(operator, "/audit")), "other", "acme")
	h.hasNot(plain(h.see("admin", "/a/acme/audit")), "other")
	h.has(plain(h.see(operator, "/audit/verify")), "Loggen är hel")
}

func TestTheAuditLogIsPagedAndExported(t *testing.T) {
	h := newHouse(t)
	for i := range 120 {
		h.note("file.held", fmt.Sprintf("object-%d", i), map[string]string{"cell": "=1+1"})
		if i%60 == 0 {
			h.note("login.changed", "rare", nil)
		}
	}
	seen := 0
	next := "/a/acme/audit?kind=files"
	for pages := 0; next != ""; pages++ {
		text := h.see("admin", next)
		seen += strings.Count(text, "Fil stoppad")
		next = strings.ReplaceAll(between(text, `rel="next" href="`, `"`), "&amp;", "&")
		if pages > 5 {
			t.Fatal("there is no end")
		}
	}
	if seen != 120 {
		t.Errorf("%d of 120 entries were shown", seen)
	}
	if n := strings.Count(h.see("admin", "/a/acme/audit?kind=people"), "Inloggning ändrad"); n != 2 {
		t.Errorf("%d of 2 rare entries", n)
	}

	w := h.visit("admin", "GET", "/a/acme/audit/export?kind=files", nil)
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	rows, err := csv.NewReader(strings.NewReader(w.Body.String())).ReadAll()
	if err != nil || len(rows) != 121 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.HasPrefix(cell, "=") {
				t.Errorf("a formula: %q", cell)
			}
		}
	}
	for role, path := range map[string]string{"reader": "/a/acme/audit/export", "admin": "/audit/export"} {
		if w := h.visit(role, "GET", path, nil); w.Code != http.StatusForbidden {
			t.Errorf("%s at %s: %d", role, path, w.Code)
		}
	}
	var entries struct{ Entries []portal.AuditEntry }
	if err := h.local().Get(h.Context(), "/audit", url.Values{"limit": {"1"}}, &entries); err != nil || len(entries.Entries) != 1 || entries.Entries[0].ActorKind == "" {
		t.Errorf("%+v %v", entries, err)
	}
}
