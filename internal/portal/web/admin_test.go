package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sealgate/internal/portal"
	"sealgate/internal/store/catalog"
)

// settings is the form of the settings as the page holds it, with changes.
func (h *house) settings(change map[string]string) url.Values {
	h.Helper()
	text := h.see("admin", "/a/acme/settings")
	form := url.Values{"tag": {strings.ReplaceAll(between(text, `name="tag" value="`, `"`), "&#34;", `"`)}}
	for _, m := range regexp.MustCompile(`<input type="(?:text|radio)"[^>]*name="([a-z_]+)"[^>]*value="([^"]*)"( checked)?`).FindAllStringSubmatch(text, -1) {
		if strings.Contains(m[0], `type="text"`) || m[3] != "" {
			form.Set(m[1], m[2])
		}
	}
	for name, value := range change {
		form.Set(name, value)
	}
	return form
}

func (h *house) row() *catalog.Account {
	h.Helper()
	var a *catalog.Account
	h.world.Update(func(tx *catalog.Tx) (err error) { a, err = tx.AccountByName("acme"); return err })
	return a
}

func TestSettingsSayWhatTheyMeanAndAreSaved(t *testing.T) {
	h := newHouse(t)
	text := h.see("admin", "/a/acme/settings")
	h.has(plain(text), "Spara innehållet", "filer som börjar komma in efter ändringen", "Varje gång står i kontots händelselogg.")
	h.hasNot(h.see("reader", "/a/acme/settings"), "<button class=\"button\">Spara")
	form := h.settings(map[string]string{"content": "delete", "operator_access": "off", "outbox_keep_for": "10", "receipts": "yes"})
	if to := h.does("admin", "/a/acme/settings", form); to != "/a/acme/settings?done=settings-saved" {
		t.Errorf("leads to %s", to)
	}
	if a := h.row(); a.Content != catalog.ContentDelete || a.OperatorAccess != catalog.OperatorOff || a.OutboxKeepFor != 10*24*time.Hour || !a.Receipts {
		t.Errorf("%+v", a)
	}
	if w := h.visit("reader", "POST", "/a/acme/settings", form); w.Code != http.StatusForbidden {
		t.Errorf("a reader: %d", w.Code)
	}
}

func TestSettingsThatAreWrongComeBackAsTheyWere(t *testing.T) {
	h := newHouse(t)
	for name, value := range map[string]string{"keep_for": "soon", "in_show_for": "-1", "outbox_keep_for": "", "content": "shred", "operator_access": "", "key_period": "week"} {
		form := h.settings(map[string]string{name: value, "operator_access": "off"})
		if name == "operator_access" {
			form.Set(name, value)
		}
		text := h.refused("admin", "/a/acme/settings", form)
		h.has(text, `aria-describedby="f-`+strings.ReplaceAll(name, "_", "_")+`-error"`)
		if name != "operator_access" {
			h.has(text, `value="off" checked`)
		}
	}
	if a := h.row(); a.OperatorAccess == catalog.OperatorOff {
		t.Error("a part of a wrong form was saved")
	}
}

// Two admins who have the page open do not undo each other unseen.
func TestTwoAdminsDoNotOverwriteEachOther(t *testing.T) {
	h := newHouse(t)
	first := h.settings(map[string]string{"outbox_keep_for": "10"})
	second := h.settings(map[string]string{"in_show_for": "3"})
	h.does("admin", "/a/acme/settings", first)
	w := h.visit("admin", "POST", "/a/acme/settings", second)
	h.has(w.Body.String(), "Inget av ditt är sparat", `value="10"`)
	if a := h.row(); w.Code != http.StatusPreconditionFailed || a.InShowFor == 3*24*time.Hour || a.OutboxKeepFor != 10*24*time.Hour {
		t.Errorf("%d, %+v", w.Code, a)
	}
	h.does("admin", "/a/acme/settings", h.settings(map[string]string{"in_show_for": "3"}))
}

func TestKeepingForLessIsConfirmed(t *testing.T) {
	h := newHouse(t)
	h.send("lon.xml", sample(t, good))
	h.world.Clock.Add(20 * 24 * time.Hour)
	h.proved = h.world.Clock.Now()
	form := h.settings(map[string]string{"keep_for": "10"})
	h.has(h.refused("admin", "/a/acme/settings", form), "Filer skulle utraderas", "1 file", `name="confirm"`, `value="10"`)
	form.Set("confirm", "amce")
	h.has(h.refused("admin", "/a/acme/settings", form), "Det stämmer inte med namnet")
	form.Set("confirm", "acme")
	h.does("admin", "/a/acme/settings", form)
	if a := h.row(); a.KeepFor != 10*24*time.Hour {
		t.Errorf("kept for %s", a.KeepFor)
	}
}

// What is dangerous asks for a proof of who it is; what was typed waits meanwhile.
func TestAProofOfWhoItIsLosesNothingTyped(t *testing.T) {
	h := newHouse(t)
	h.proved = h.world.Clock.Now().Add(-time.Hour)
	for _, path := range []string{"/a/acme/keys/renew", "/a/acme/keys/import", "/a/acme/keys/access/new"} {
		w := h.visit("admin", "GET", path, nil)
		if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != "/sign-in/again?next="+url.QueryEscape(path) {
			t.Errorf("%s: %d to %s", path, w.Code, to)
		}
	}
	w := h.visit("admin", "POST", "/a/acme/keys/renew", url.Values{})
	if to := w.Header().Get("Location"); to != "/sign-in/again?next="+url.QueryEscape("/a/acme/keys/renew") {
		t.Errorf("renewing: %d to %s", w.Code, to)
	}
	form := h.settings(map[string]string{"content": "delete", "keep_for": "500"})
	w = h.visit("admin", "POST", "/a/acme/settings", form)
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther || to.Path != "/sign-in/again" {
		t.Fatalf("settings: %d to %v", w.Code, to)
	}
	back := to.Query().Get("next")
	text := h.see("admin", back)
	h.has(text, "Inte sparat än", `value="500"`, `value="delete" checked`)
	if h.row().Content == catalog.ContentDelete {
		t.Error("it is done without a proof")
	}
}

func TestCertificatesAndAccessKeys(t *testing.T) {
	h := newHouse(t)
	h.send("lon.xml", sample(t, good))
	h.has(plain(h.see("reader", "/a/acme/keys")), "Används", "1")
	h.hasNot(h.see("reader", "/a/acme/keys"), "/remove", "/export")
	h.has(plain(h.see("admin", h.does("admin", "/a/acme/keys/renew", nil))), "Ett nytt certifikat används", "Öppnar äldre filer")

	text := h.see("admin", "/a/acme/keys")
	removes := regexp.MustCompile(`href="(/a/acme/keys/certificates/[^"]+/remove)"`).FindAllStringSubmatch(text, -1)
	if len(removes) != 2 {
		t.Fatalf("%d certificates can be removed", len(removes))
	}
	older := removes[1][1]
	h.has(plain(h.see("admin", older)), "1 fil", "kan sedan aldrig öppnas av någon", "Skriv: acme")
	h.has(h.refused("admin", older, url.Values{"confirm": {"other"}, "after": {"now"}}), "Det stämmer inte med namnet")
	to := h.does("admin", older, url.Values{"confirm": {"acme"}, "after": {"14d"}})
	h.has(plain(h.see("admin", to)), "Förstörs", "Behåll ändå")
	h.has(plain(h.see("admin", h.does("admin", strings.TrimSuffix(older, "remove")+"keep", nil))), "Nyckeln blir kvar.")
	to = h.does("admin", older, url.Values{"confirm": {"acme"}, "after": {"now"}})
	h.has(plain(h.see("admin", to)), "Nyckeln är förstörd. Här är intyget.", "Förstört certifikat")
	h.has(plain(h.see("reader", "/a/acme/keys/statements")), "Förstört certifikat")
	w := h.visit("reader", "GET", strings.TrimSuffix(to, "?done=key-removed")+"/text", nil)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "certificate-removed") {
		t.Errorf("the statement: %d", w.Code)
	}
}

func TestAnAccessKeyOfOnesOwn(t *testing.T) {
	h := newHouse(t)
	h.has(h.refused("admin", "/a/acme/keys/access/new", url.Values{"public": {"nonsense <b>"}}), "nonsense &lt;b&gt;", `role="alert"`)
	h.has(plain(h.see("admin", h.does("admin", "/a/acme/keys/access/new", url.Values{"public": {""}}))), "Åtkomstnyckeln är tillagd.", "Gatewayen")
	text := h.see("admin", "/a/acme/keys/access")
	export := between(text, `class="button quiet small" href="`, `"`)
	h.has(h.see("admin", export), "händelselogg")
	w := h.visit("admin", "POST", export, url.Values{})
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "SEALGATE ACCESS KEY") || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("export: %d", w.Code)
	}
	if w := h.visit(operator, "POST", export, url.Values{}); w.Code != http.StatusUnprocessableEntity || strings.Contains(w.Body.String(), "SEALGATE ACCESS KEY") {
		t.Errorf("an operator exports: %d", w.Code)
	}
	if w := h.visit("reader", "POST", export, url.Values{}); w.Code != http.StatusForbidden {
		t.Errorf("a reader exports: %d", w.Code)
	}
}

func TestACertificateOfOnesOwnThatIsNone(t *testing.T) {
	h := newHouse(t)
	for _, form := range []url.Values{
		{}, {"certificate": {"x"}}, {"certificate": {"<script>"}, "certificate_key": {"topsecret"}},
	} {
		text := h.refused("admin", "/a/acme/keys/import", form)
		h.hasNot(text, "topsecret", "<script>")
		h.has(text, "&lt;script&gt;"[:min(len("&lt;script&gt;"), 14*len(form.Get("certificate_key"))/9)])
	}
}

func TestDaysAreReadAndWritten(t *testing.T) {
	for text, want := range map[string]portal.Duration{
		"400": portal.Duration(400 * 24 * time.Hour), " 7 ": portal.Duration(7 * 24 * time.Hour), "12h": portal.Duration(12 * time.Hour), "3d": portal.Duration(3 * 24 * time.Hour),
	} {
		if got, err := ofDays(text); err != nil || got != want {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
	for d, want := range map[portal.Duration]string{portal.Duration(400 * 24 * time.Hour): "400", portal.Duration(12 * time.Hour): "12h"} {
		if got := days(d); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, bad := range []string{"", "x", "-1", "1.5", "99999999", "1 000"} {
		if d, err := ofDays(bad); err == nil {
			t.Errorf("%q is read as %v", bad, d)
		}
	}
}
