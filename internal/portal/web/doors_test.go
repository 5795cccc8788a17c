package web

import (
	"bytes"
	"crypto/hpke"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sealgate/internal/keys/keyfile"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/web/ui"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/trail"
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

func TestSingleSignOnIsSetChangedAndRemoved(t *testing.T) {
	h := newHouse(t)
	const at = "/a/acme/single-sign-on"
	h.has(h.see("admin", at), "Ingen leverantör är inställd", at+"/edit")
	if w := h.visit("approver", "GET", at, nil); w.Code != http.StatusForbidden {
		t.Errorf("an approver: %d", w.Code)
	}
	if w := h.visit("admin", "GET", at+"/remove", nil); w.Code != http.StatusNotFound {
		t.Errorf("removing none: %d", w.Code)
	}
	h.see("admin", at+"/edit")
	good := url.Values{"issuer": {h.provider.URL}, "client_id": {"sealgate"}, "client_secret": {"förtroligt <x>"}, "trust_mfa": {"yes"}}
	with := func(field, value string) url.Values {
		form := url.Values{}
		for k, v := range good {
			form[k] = v
		}
		form.Set(field, value)
		return form
	}
	for _, c := range []struct{ field, value, sentence string }{
		{"issuer", "", "Fyll i det här."},
		{"issuer", "http://login.example.com", "En adress som https://"},
		{"issuer", "javascript:alert(1)", "En adress som https://"},
		{"issuer", h.provider.URL + "/nobody", "Där svarar ingen"},
		{"issuer", "https://10.0.0.1", "Dit får gatewayen inte gå"},
		{"client_id", " ", "Fyll i det här."},
		{"client_id", "å", "bara ASCII"},
	} {
		text := h.refused("admin", at+"/edit", with(c.field, c.value))
		h.has(text, `id="f-`+c.field+`-error"`, c.sentence)
		h.hasNot(text, "förtroligt")
	}
	text := h.see("admin", h.does("admin", at+"/edit", good))
	h.has(text, "https://pay.example/sign-in/oidc/acme/callback", h.provider.URL, "Leverantörens räcker")
	h.hasNot(text, "förtroligt")
	text = h.see("admin", at+"/edit")
	h.has(text, `value="`+h.provider.URL+`"`, `name="trust_mfa" value="yes" checked`, `name="no_secret"`)
	h.hasNot(text, "förtroligt")
	// An empty field leaves the secret; it goes when that is asked for.
	h.does("admin", at+"/edit", url.Values{"issuer": {h.provider.URL}, "client_id": {"sealgate"}})
	var now portal.SingleSignOn
	look := func() portal.SingleSignOn {
		t.Helper()
		if err := h.local().Get(h.Context(), "/accounts/acme/single-sign-on", nil, &now); err != nil {
			t.Fatal(err)
		}
		return now
	}
	if s := look(); !s.Secret || s.TrustMFA || s.ClientID != "sealgate" {
		t.Errorf("%+v", s)
	}
	h.has(h.refused("admin", at+"/edit", url.Values{"issuer": {h.provider.URL}, "client_id": {"other"}}), `id="f-client_secret-error"`)
	h.does("admin", at+"/edit", url.Values{"issuer": {h.provider.URL}, "client_id": {"other"}, "no_secret": {"yes"}})
	if s := look(); s.Secret {
		t.Errorf("%+v", s)
	}
	proved := h.proved
	h.proved = h.world.Clock.Now().Add(-time.Hour)
	again := h.visit("admin", "POST", at+"/edit", good).Header().Get("Location")
	if !strings.HasPrefix(again, "/sign-in/again?next=") || strings.Contains(again, "rtroligt") {
		t.Errorf("without a proof: %q", again)
	}
	h.proved = proved
	h.has(h.see("admin", at+"/remove"), "Ingen loggar in genom "+h.provider.URL, "Skriv:")
	h.has(h.refused("admin", at+"/remove", url.Values{"confirm": {"other"}}), "Det stämmer inte med namnet")
	h.has(h.see("admin", h.does("admin", at+"/remove", url.Values{"confirm": {"acme"}})), "Enkel inloggning är borttagen", "Ingen leverantör är inställd")
}

// pick sends a form with a file, as a browser does.
func (h *house) pick(role, target, field, content string, fields map[string]string) *httptest.ResponseRecorder {
	h.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		_ = form.WriteField(name, value)
	}
	part, err := form.CreateFormFile(field, "acme.key")
	if err != nil {
		h.Fatal(err)
	}
	_, _ = part.Write([]byte(content))
	_ = form.Close()
	p, c := h.person(role)
	r := httptest.NewRequest("POST", target, &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	w := httptest.NewRecorder()
	h.pages.ServeHTTP(w, r.WithContext(access.With(ui.WithPerson(h.Context(), p), c)))
	return w
}

func TestTheCustomerLendsHisKeyAndTakesItBack(t *testing.T) {
	h := newHouse(t)
	const at = "/a/acme/keys/lend"
	if w := h.visit("admin", "GET", at, nil); w.Code != http.StatusBadRequest {
		t.Errorf("where the gateway holds the key: %d", w.Code)
	}
	h.hasNot(h.see("admin", "/a/acme/keys/access"), at)

	key, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	other, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	text := func(k hpke.PrivateKey) string {
		pem, err := keyfile.MarshalAccessKey(k)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem)
	}
	const phrase = "sex ord som ingen annan har"
	encrypted, err := keyfile.EncryptAccessKey(other, []byte(phrase))
	if err != nil {
		t.Fatal(err)
	}
	local := h.local()
	if err := local.Post(h.Context(), "/accounts", portal.NewAccount{Name: "holds", Keys: "customer", AccessKey: string(keyfile.MarshalAccessPublicKey(key.PublicKey()))}, nil); err != nil {
		t.Fatal(err)
	}
	h.world.Update(func(tx *catalog.Tx) (err error) { h.account, err = tx.AccountByName("holds"); return err })
	const lend, lock = "/a/holds/keys/lend", "/a/holds/keys/lock"
	h.has(h.see("admin", "/a/holds/keys/access"), lend, "/a/holds/keys/reseal")
	h.hasNot(h.see("admin", lend), `name="passphrase"`)
	for content, sentence := range map[string]string{"": "Välj nyckelfilen", "nonsense": "ingen åtkomstnyckel", text(other): "inte det här kontots"} {
		w := h.pick("admin", lend, "key", content, map[string]string{"for": "1h"})
		if w.Code != http.StatusUnprocessableEntity {
			t.Fatalf("%d %s", w.Code, plain(w.Body.String()))
		}
		h.has(w.Body.String(), sentence, `value="1h" selected`)
		h.hasNot(w.Body.String(), "BEGIN SEALGATE")
	}
	if w := h.pick("approver", lend, "key", text(key), map[string]string{"for": "1h"}); w.Code != http.StatusForbidden {
		t.Errorf("an approver: %d", w.Code)
	}
	w := h.pick("admin", lend, "key", text(key), map[string]string{"for": "1h"})
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, plain(w.Body.String()))
	}
	h.has(plain(h.see("admin", w.Header().Get("Location"))), "Kontot är upplåst", "Upplåst till", "Lås nu")
	h.has(plain(h.see("admin", h.does("admin", lock, nil))), "Kontot är låst", "Låst")

	// A key that the gateway keeps under his passphrase.
	in := portal.NewAccessKey{Public: string(keyfile.MarshalAccessPublicKey(other.PublicKey())), Encrypted: string(encrypted.Marshal())}
	if err := local.Post(h.Context(), "/accounts/holds/access-keys", in, nil); err != nil {
		t.Fatal(err)
	}
	h.has(h.see("admin", lend), `name="passphrase"`)
	h.has(h.refused("admin", lend, url.Values{"for": {"1h"}, "passphrase": {"en annan"}}), "öppnar ingen nyckel", `id="f-passphrase-error"`)
	h.hasNot(h.refused("admin", lend, url.Values{"for": {"1h"}, "passphrase": {"hemlig text"}}), "hemlig text")
	h.has(plain(h.see("admin", h.does("admin", lend, url.Values{"for": {"1h"}, "passphrase": {phrase}}))), "Kontot är upplåst")
	for range 3 { // the right one was no guess
		h.refused("admin", lend, url.Values{"for": {"1h"}, "passphrase": {"en annan"}})
	}
	h.has(h.refused("admin", lend, url.Values{"for": {"1h"}, "passphrase": {phrase}}), "Vänta några minuter")
	wrong := 0
	h.world.Update(func(tx *catalog.Tx) error {
		rows, err := tx.AuditEntries(trail.Filter{Account: h.account.ID, Limit: 1000})
		for _, e := range rows {
			if e.Action == "access-key.refused" {
				wrong++
			}
		}
		return err
	})
	if wrong != 5 {
		t.Errorf("%d wrong passphrases are on record", wrong)
	}

	h.has(plain(h.see("admin", "/a/holds/keys/reseal")), "Alla filer är förseglade")
}

func TestOperatorsHaveTokensOfTheirOwn(t *testing.T) {
	h := newHouse(t)
	const at = "/operators/tokens"
	h.has(h.see(operator, "/operators"), at)
	h.has(plain(h.see(operator, at)), "De släpper in program som sköter gatewayen")
	h.hasNot(h.see(operator, at+"/new"), `name="role"`)
	h.has(h.refused(operator, at+"/new", url.Values{"name": {""}, "for": {"9d"}}), `id="f-name-error"`, `id="f-for-error"`)
	w := h.visit(operator, "POST", at+"/new", url.Values{"name": {"övervakning"}, "for": {"30d"}, "role": {"admin"}})
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "sgt_") {
		t.Fatalf("%d %s", w.Code, plain(w.Body.String()))
	}
	text := h.see(operator, at)
	h.has(text, "övervakning", "Operatör")
	one := between(text, at+"/of/", "/remove")
	h.has(plain(h.see(operator, at+"/of/"+one+"/remove")), "övervakning")
	for _, target := range []string{at, at + "/new", at + "/of/" + one + "/remove"} {
		if w := h.visit("admin", "GET", target, nil); w.Code != http.StatusForbidden {
			t.Errorf("an admin of an account gets %s: %d", target, w.Code)
		}
	}
	h.does(operator, at+"/of/"+one+"/remove", nil)
	h.hasNot(h.see(operator, at), one)
	h.proved = h.world.Clock.Now().Add(-time.Hour)
	if w := h.visit(operator, "GET", at+"/new", nil); !strings.HasPrefix(w.Header().Get("Location"), "/sign-in/again") {
		t.Errorf("without a proof: %d", w.Code)
	}
}

func TestWhatFailedIsTriedAgain(t *testing.T) {
	h := newHouse(t)
	later := h.world.Clock.Now().Add(time.Hour)
	h.world.Update(func(tx *catalog.Tx) error {
		if err := tx.AddJob(&catalog.Job{Kind: catalog.IndexJob, Account: h.account.ID, RunAt: later, Attempt: 3, LastError: "locked"}); err != nil {
			return err
		}
		return tx.AddJob(&catalog.Job{Kind: catalog.IndexJob, Account: h.account.ID, RunAt: later})
	})
	const at = "/queues/of/index"
	h.has(h.see(operator, "/queues"), `href="`+at+`"`)
	h.has(plain(h.see(operator, at)), "En nyckel saknas", "acme", "3", "Försök igen nu")
	if w := h.visit("admin", "POST", at+"/retry", url.Values{}); w.Code != http.StatusForbidden {
		t.Errorf("an admin of an account: %d", w.Code)
	}
	h.has(plain(h.see(operator, h.does(operator, at+"/retry", nil))), "Det försöks igen nu")
	h.world.Update(func(tx *catalog.Tx) error {
		due, err := tx.LeaseJobs(catalog.IndexJob, "test", h.world.Clock.Now(), time.Minute, 10)
		if len(due) != 1 || due[0].Attempt != 4 {
			t.Errorf("due are %+v", due)
		}
		return err
	})
	h.has(plain(h.see(operator, at)), "Inget väntar på ett nytt försök")
	h.has(plain(h.see(operator, "/audit")), "försöktes om")
}

func TestASecondStepIsDemandedInTheSettings(t *testing.T) {
	h := newHouse(t)
	h.has(h.see("admin", "/a/acme/settings"), `name="require_second_factor" value="yes"`)
	form := func(more ...string) url.Values {
		v := url.Values{"content": {"keep"}, "operator_access": {"on"}, "key_period": {"none"}, "keep_for": {"400"}, "in_show_for": {"7"}, "outbox_keep_for": {"30"}}
		for _, name := range more {
			v.Set(name, "yes")
		}
		return v
	}
	h.has(h.see("admin", h.does("admin", "/a/acme/settings", form("require_second_factor"))), `name="require_second_factor" value="yes" checked`)
	proved := h.proved
	h.proved = h.world.Clock.Now().Add(-time.Hour) // giving it up is dangerous
	if w := h.visit("admin", "POST", "/a/acme/settings", form()); !strings.HasPrefix(w.Header().Get("Location"), "/sign-in/again") {
		t.Errorf("giving it up without a proof: %d to %s", w.Code, w.Header().Get("Location"))
	}
	h.proved = proved
	h.hasNot(h.see("admin", h.does("admin", "/a/acme/settings", form())), `name="require_second_factor" value="yes" checked`)
}
