package web

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"sealgate/internal/portal"
)

func TestAnOperatorAsksAndTheAccountAnswers(t *testing.T) {
	h := newHouse(t)
	f := h.send("lon.xml", sample(t, good))
	const at = "/a/acme/access"
	h.has(plain(h.see("admin", at)), "Operatörer behöver inte fråga")
	h.hasNot(h.see(operator, at), at+"/new")
	asked := "asked"
	if err := h.local().Patch(h.Context(), "/accounts/acme", portal.AccountChange{OperatorAccess: &asked}, nil); err != nil {
		t.Fatal(err)
	}
	h.has(h.see(operator, "/a/acme/files/"+f.ID.String()), "Kontot vill godkänna det först", `href="`+at+`"`)
	h.has(h.see(operator, at), at+"/new")
	h.hasNot(h.see("admin", at), at+"/new")
	h.has(h.see(operator, at+"/new"), `value="8h" selected`)
	h.has(h.refused(operator, at+"/new", url.Values{"reason": {" "}, "for": {"1d"}}), `id="f-reason-error"`, `value="1d" selected`)
	h.has(h.refused(operator, at+"/new", url.Values{"reason": {"x\ny"}, "for": {"9d"}}), `id="f-for-error"`)
	text := h.see(operator, h.does(operator, at+"/new", url.Values{"reason": {"Ärende <4711>"}, "for": {"1h"}}))
	h.has(plain(text), "Frågan är skickad", "Ärende &lt;4711&gt;", "En administratör för kontot behöver svara", "Ta tillbaka")
	h.hasNot(text, at+"/new")
	h.has(h.refused(operator, at+"/new", url.Values{"reason": {"x"}, "for": {"1h"}}), "redan tillfrågat")

	text = h.see("admin", "/a/acme/")
	h.has(text, "En operatör ber att få se innehållet", `href="`+at+`"`)
	h.has(plain(h.see("reader", "/a/acme/")), "En operatör ber att få se innehållet")
	page := between(h.see("admin", at), `href="`+at+"/of/", `"`)
	one := at + "/of/" + page
	for _, role := range []string{operator, "approver"} {
		if w := h.visit(role, "GET", one, nil); w.Code != http.StatusForbidden {
			t.Errorf("%s gets the page that answers: %d", role, w.Code)
		}
		if w := h.visit(role, "POST", one+"/allow", url.Values{}); w.Code != http.StatusForbidden {
			t.Errorf("%s allows: %d", role, w.Code)
		}
	}
	proved := h.proved
	h.proved = h.world.Clock.Now().Add(-time.Hour)
	again := "/sign-in/again?next=" + url.QueryEscape(one)
	if w := h.visit("admin", "GET", one, nil); w.Header().Get("Location") != again {
		t.Errorf("without a proof: %s", w.Header().Get("Location"))
	}
	if w := h.visit("admin", "POST", one+"/allow", url.Values{}); w.Header().Get("Location") != again {
		t.Errorf("allowing without a proof: %s", w.Header().Get("Location"))
	}
	h.proved = proved
	h.has(plain(h.see("admin", one)), "Ärende &lt;4711&gt;", "1 timme", "Godkänn", "Avslå")
	h.has(plain(h.see("admin", h.does("admin", one+"/allow", nil))), "Operatörer får se kontots innehåll", "Avsluta nu")
	h.hasNot(h.see(operator, "/a/acme/files/"+f.ID.String()), "Kontot vill godkänna det först")
	if w := h.visit("admin", "GET", one, nil); w.Header().Get("Location") != at {
		t.Errorf("what is answered leads to %q", w.Header().Get("Location"))
	}
	h.has(plain(h.see("admin", h.does("admin", one+"/refuse", nil))), "redan besvarad")
	h.has(plain(h.see("admin", h.does("admin", one+"/end", nil))), "Det är avslutat", "Avslutad")
	h.has(h.see(operator, "/a/acme/files/"+f.ID.String()), "Kontot vill godkänna det först")

	h.does(operator, at+"/new", url.Values{"reason": {"en till"}, "for": {"7d"}})
	h.world.Clock.Add(8 * 24 * time.Hour)
	h.has(plain(h.see("admin", at)), "Tiden är slut")
	h.has(h.see(operator, "/a/acme/settings"), `value="asked" checked`)
	h.hasNot(h.see(operator, "/a/acme/settings"), `name="operator_access" value="on"`)
}
