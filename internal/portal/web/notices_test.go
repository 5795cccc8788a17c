package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestAlarmsAreSeenAndMailed(t *testing.T) {
	h := newHouse(t)
	h.has(h.see("reader", "/a/acme/alarms"), "Inga larm")
	h.send("bad.xml", sample(t, bad))
	h.api.Notices.Alarms.Round(t.Context())
	text := h.see("approver", "/a/acme/alarms")
	h.has(text, "1 fil är stoppad och väntar på beslut", `href="/a/acme/files?state=held"`, "Jag ser till det")
	h.hasNot(text, "recipients")
	h.hasNot(h.see("reader", "/a/acme/alarms"), "Jag ser till det")
	h.has(h.see(operator, "/alarms"), "acme", "1 fil är stoppad")
	id := regexp.MustCompile(`/alarms/([0-9a-f-]{36})/seen`).FindStringSubmatch(text)[1]
	if to := h.does("approver", "/a/acme/alarms/"+id+"/seen", nil); to != "/a/acme/alarms?done=alarm-seen" {
		t.Errorf("leads to %s", to)
	}
	h.has(h.see("approver", "/a/acme/alarms?done=alarm-seen"), "Sett", "markerat som sett")
	if w := h.visit("admin", "GET", "/alarms", nil); w.Code != http.StatusForbidden {
		t.Errorf("all alarms for an admin of an account: %d", w.Code)
	}
	if w := h.visit("reader", "POST", "/a/acme/alarms/recipients", url.Values{}); w.Code != http.StatusForbidden {
		t.Errorf("a reader sets recipients: %d", w.Code)
	}
	h.does("admin", "/a/acme/alarms/recipients", url.Values{"recipients": {"ekonomi@acme.example\r\n lon@acme.example"}, "language": {"sv"}})
	h.has(h.see("admin", "/a/acme/alarms"), "ekonomi@acme.example\nlon@acme.example")
	wrong := h.refused("admin", "/a/acme/alarms/recipients", url.Values{"recipients": {"<script>alert(1)</script>"}, "language": {"sv"}})
	h.has(wrong, "&lt;script&gt;", `aria-invalid="true"`)
	h.does(operator, "/alarms/recipients", url.Values{"recipients": {"jour@pay.example"}, "language": {"en"}})
	h.has(h.see(operator, "/alarms"), "jour@pay.example")
}

func TestAWebhookIsAddedTestedReplayedAndRemoved(t *testing.T) {
	h := newHouse(t)
	taken := 0
	far := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { taken++ }))
	defer far.Close()
	h.has(h.see("admin", "/a/acme/webhooks"), "Inga webhooks")
	for _, bad := range []string{"", "erp", "https://10.0.0.1/", "http://1.1.1.1/"} {
		h.has(h.refused("admin", "/a/acme/webhooks/new", url.Values{"url": {bad}, "events": {"attention"}}), `aria-invalid="true"`, `value="attention" checked`)
	}
	w := h.visit("admin", "POST", "/a/acme/webhooks/new", url.Values{"url": {far.URL + "/hook"}, "events": {"attention"}})
	secret := regexp.MustCompile(`sgw_[A-Z2-7]{52}`).FindString(w.Body.String())
	if w.Code != http.StatusOK || secret == "" {
		t.Fatalf("%d %s", w.Code, plain(w.Body.String()))
	}
	own := regexp.MustCompile(`/a/acme/webhooks/of/[0-9a-f-]{36}`).FindString(w.Body.String())
	h.has(h.see("admin", "/a/acme/webhooks"), far.URL+"/hook", "file.held")
	h.hasNot(h.see("admin", own), secret)
	if to := h.does("admin", own+"/test", nil); to != own+"?done=webhook-tested" || taken != 1 {
		t.Errorf("leads to %s, %d taken", to, taken)
	}
	text := h.see("admin", own)
	h.has(text, "webhook.test", "Levererad", "svarade 200")
	again := regexp.MustCompile(own + `/deliveries/[0-9a-f-]{36}/replay`).FindString(text)
	h.does("admin", again, nil)
	if err := h.api.Notices.Webhooks.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.api.Notices.Webhooks.Wait()
	if taken != 2 {
		t.Errorf("%d taken", taken)
	}
	h.does("admin", own+"/off", nil)
	h.has(h.see("admin", own), "Slå på")
	if to := h.does("admin", again, nil); !strings.HasSuffix(to, "webhook-replay-off") {
		t.Errorf("leads to %s", to)
	}
	h.does("admin", own+"/on", nil)
	h.see("admin", own+"/secret")
	if w := h.visit("admin", "POST", own+"/secret", url.Values{}); w.Code != http.StatusOK || strings.Contains(w.Body.String(), secret) || !strings.Contains(w.Body.String(), "sgw_") {
		t.Errorf("a new secret: %d", w.Code)
	}
	for _, role := range []string{"uploader", "reader", "approver"} {
		if w := h.visit(role, "GET", "/a/acme/webhooks", nil); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", role, w.Code)
		}
	}
	far.Close()
	h.world.Clock.Add(time.Minute) // test events are sent at leisure
	if to := h.does("admin", own+"/test", nil); !strings.HasSuffix(to, "webhook-test-failed") {
		t.Errorf("leads to %s", to)
	}
	h.has(h.see("admin", own), "Misslyckad", "ingen förbindelse")
	h.proved = h.world.Clock.Now().Add(-time.Hour)
	for _, target := range []string{"/a/acme/webhooks/new", own + "/remove", own + "/secret"} {
		if w := h.visit("admin", "GET", target, nil); !strings.HasPrefix(w.Header().Get("Location"), "/sign-in/again") {
			t.Errorf("%s without a proof: %d to %q", target, w.Code, w.Header().Get("Location"))
		}
	}
	h.proved = h.world.Clock.Now()
	h.see("admin", own+"/remove")
	h.does("admin", own+"/remove", nil)
	h.has(h.see("admin", "/a/acme/webhooks"), "Inga webhooks")
	h.has(h.see(operator, "/webhooks"), "alla kunders larm")
	if w := h.visit(operator, "POST", "/webhooks/new", url.Values{"url": {"http://127.0.0.1:1/"}}); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, plain(w.Body.String()))
	}
}
