package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/client"
)

// shown is the secret on a page that shows one.
func shown(text string) string { return between(text, `<pre tabindex="0"><code>`, "</code>") }

// answered sends a form whose answer is a page with a secret.
func (h *house) answered(role, target string, form url.Values) string {
	h.Helper()
	w := h.visit(role, "POST", target, form)
	if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" {
		h.Fatalf("POST %s as %s: %d %s", target, role, w.Code, plain(w.Body.String()))
	}
	return w.Body.String()
}

func (h *house) local() *client.Client { return client.Inside(h.api.Handler(access.ControlSocket)) }

func (h *house) loginNamed(name string) portal.Login {
	h.Helper()
	var l portal.Login
	if err := h.local().Get(h.Context(), "/accounts/acme/logins/"+url.PathEscape(name), nil, &l); err != nil {
		h.Fatal(err)
	}
	return l
}

const (
	newLogin = "/a/acme/logins/new"
	anSSHKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDRi7AnXrD8tIU1GHxLJ3HxI4mYHmWpEyjoxYgZZuBV0 anna"
)

func TestALoginIsAddedInEachWay(t *testing.T) {
	h := newHouse(t)
	form := func(change map[string]string) url.Values {
		f := url.Values{"username": {"anna@acme.example"}, "role": {"reader"}, "sftp": {"yes"}, "portal": {"yes"}, "how": {"made"}}
		for k, v := range change {
			f.Set(k, v)
		}
		return f
	}
	h.has(h.see("admin", newLogin), `value="uploader" checked`, `name="sftp" value="yes" checked`)

	text := h.answered("admin", newLogin, form(map[string]string{"ssh_keys": anSSHKey, "allow_from": "192.0.2.0/24, 198.51.100.7"}))
	if len(shown(text)) < 15 || !strings.Contains(text, "Visas bara nu") {
		t.Errorf("no password is shown: %s", plain(text))
	}
	if l := h.loginNamed("anna@acme.example"); l.Role != "reader" || !l.Generated || len(l.Keys) != 1 || len(l.AllowFrom) != 2 || !l.SFTP {
		t.Errorf("%+v", l)
	}
	if text := h.see("admin", "/a/acme/logins"); strings.Contains(text, shown(text)) && shown(text) != "" {
		t.Error("a secret stands in the list")
	}

	text = h.answered(operator, newLogin, form(map[string]string{"username": "bo@acme.example", "how": "invite", "sftp": ""}))
	h.has(shown(text), "https://example.com/welcome#")
	if l := h.loginNamed("bo@acme.example"); l.Password || l.SFTP {
		t.Errorf("%+v", l)
	}

	to := h.does("admin", newLogin, form(map[string]string{"username": "cia@acme.example", "how": "own", "password": "gran sjö cykel moln"}))
	h.has(plain(h.see("admin", to)), "Inloggningen är tillagd.", "Lösenordet är eget.")

	to = h.does("admin", newLogin, form(map[string]string{"username": "new", "how": "key", "ssh_keys": anSSHKey, "portal": ""}))
	h.has(h.see("admin", to), "ssh-ed25519", "/logins/of/new/edit")
	h.has(plain(h.see("admin", "/a/acme/logins")), "anna@acme.example", "cia@acme.example", "Kan inte logga in än", "1 SSH-nyckel", "Aldrig")
}

func TestALoginThatIsWrongComesBack(t *testing.T) {
	h := newHouse(t)
	whole := url.Values{
		"username": {"anna@acme.example"}, "role": {"approver"}, "portal": {"yes"}, "how": {"own"}, "password": {"gran sjö cykel moln"},
		"allow_from": {"192.0.2.0/24"}, "ssh_keys": {anSSHKey},
	}
	for _, c := range []struct{ field, value, beside, sentence string }{
		{"username", " ", "username", "Fyll i det här."},
		{"username", "erp@acme.example", "username", "Namnet är upptaget."},
		{"username", "a\u200bb", "username", "osynliga tecken"},
		{"role", "king", "role", "Fyll i det här."},
		{"portal", "", "sftp", "Välj minst en väg in."},
		{"how", "magic", "how", "Fyll i det här."},
		{"password", "", "password", "Fyll i det här."},
		{"password", "kort", "password", "minst 15 tecken"},
		{"password", "acme acme acme acme", "password", "namn som hör till kontot"},
		{"password", "passwordpassword1", "password", ""},
		{"allow_from", "office", "allow_from", "”office” är ingen IP-adress"},
		{"ssh_keys", "-----BEGIN OPENSSH PRIVATE KEY-----", "ssh_keys", "Det är en privat nyckel"},
		{"ssh_keys", "ssh-ed25519 nonsense", "ssh_keys", "ingen publik SSH-nyckel"},
		{"ssh_keys", "ssh-dss AAAAB3NzaC1kc3M=", "ssh_keys", ""},
	} {
		form := url.Values{}
		for k, v := range whole {
			form[k] = v
		}
		form.Set(c.field, c.value)
		text := h.refused("admin", newLogin, form)
		h.has(text, `id="f-`+c.beside+`-error"`, c.sentence)
		if c.field != "role" {
			h.has(text, `value="approver" checked`)
		}
		h.hasNot(text, "gran sjö", "PRIVATE KEY")
		if c.field != "username" {
			h.has(text, `value="anna@acme.example"`)
		}
		if c.field != "allow_from" {
			h.has(text, ">192.0.2.0/24</textarea>")
		}
	}
	if w := h.visit("admin", "GET", "/a/acme/logins/of/anna@acme.example", nil); w.Code != http.StatusNotFound {
		t.Errorf("a login was made of a wrong form: %d", w.Code)
	}
}

func TestALoginIsChanged(t *testing.T) {
	h := newHouse(t)
	const at = "/a/acme/logins/of/erp@acme.example"
	h.has(plain(h.see("admin", at)), "Gatewayen har gjort lösenordet.", "Inga SSH-nycklar", "Överallt")
	h.has(h.see("admin", at+"/edit"), `value="uploader" checked`, `name="sftp" value="yes" checked`)
	h.has(h.refused("admin", at+"/edit", url.Values{"role": {"reader"}, "allow_from": {"10.0.0.0/33"}, "sftp": {"yes"}}), `value="reader" checked`, "10.0.0.0/33</textarea>", "f-allow_from-error")
	to := h.does("admin", at+"/edit", url.Values{"role": {"reader"}, "portal": {"yes"}, "allow_from": {"2001:db8::/32\r\n192.0.2.9"}})
	h.has(plain(h.see("admin", to)), "Inloggningen är ändrad.", "Läsare", "2001:db8::/32", "192.0.2.9/32", "Portalen")

	h.has(h.refused("admin", at+"/key", url.Values{"ssh_keys": {"<script>"}}), "&lt;script&gt;", "f-ssh_keys-error")
	to = h.does("admin", at+"/key", url.Values{"ssh_keys": {anSSHKey}})
	text := h.see("admin", to)
	print := strings.ReplaceAll(between(text, `name="fingerprint" value="`, `"`), "&#43;", "+")
	if !strings.HasPrefix(print, "SHA256:") {
		t.Fatalf("fingerprint %q", print)
	}
	h.does("admin", at+"/password", url.Values{"how": {"none"}})
	h.has(h.refused("admin", at+"/key/remove", url.Values{"fingerprint": {print}}), "det sista som inloggningen kan logga in med")
	if secret := shown(h.answered("admin", at+"/password", url.Values{"how": {"made"}})); len(secret) < 15 {
		t.Errorf("password %q", secret)
	}
	h.has(plain(h.see("admin", h.does("admin", at+"/key/remove", url.Values{"fingerprint": {print}}))), "Nyckeln är borttagen.")
	h.has(h.refused("admin", at+"/password", url.Values{"how": {"own"}, "password": {"kort"}}), "minst 15 tecken", `value="own" checked`)
	h.has(h.refused("admin", at+"/password", url.Values{}), "f-how-error")
	h.does("admin", at+"/password", url.Values{"how": {"own"}, "password": {"gran sjö cykel moln"}})

	h.has(plain(h.see("admin", at+"/link")), "slutar gälla på en gång", "Ta bort andra steget också")
	h.has(shown(h.answered("admin", at+"/link", url.Values{"second_factor": {"yes"}})), "/welcome#")
	if l := h.loginNamed("erp@acme.example"); l.Password {
		t.Error("the password still works after a reset")
	}
	h.has(plain(h.see("admin", at+"/link")), "Inbjudningslänk")

	h.has(h.refused("admin", at+"/remove", url.Values{"confirm": {"erp"}}), "Det stämmer inte med namnet", `value="erp"`)
	h.has(plain(h.see("admin", h.does("admin", at+"/remove", url.Values{"confirm": {"erp@acme.example"}}))), "Inloggningen är borttagen.", "Inga inloggningar än")
}

func TestTokensAreMadeShownOnceAndRemoved(t *testing.T) {
	h := newHouse(t)
	h.has(h.see("admin", "/a/acme/tokens"), "Inga API-nycklar än")
	h.has(h.see("admin", "/a/acme/tokens/new"), `value="90d" selected`, `value="uploader" checked`)
	whole := url.Values{"name": {"erp"}, "role": {"reader"}, "for": {"180d"}}
	for _, c := range [][3]string{{"name", "", "name"}, {"name", "a/b", "name"}, {"role", "operator", "role"}, {"for", "10y", "for"}} {
		form := url.Values{}
		for k, v := range whole {
			form[k] = v
		}
		form.Set(c[0], c[1])
		h.has(h.refused("admin", "/a/acme/tokens/new", form), `id="f-`+c[2]+`-error"`)
	}
	secret := shown(h.answered("admin", "/a/acme/tokens/new", whole))
	if !strings.HasPrefix(secret, "sgt_") {
		t.Fatalf("token %q", secret)
	}
	h.has(h.refused("admin", "/a/acme/tokens/new", whole), "en nyckel med det namnet", `value="erp"`, `value="reader" checked`, `value="180d" selected`)
	text := h.see(operator, "/a/acme/tokens")
	h.has(plain(text), "erp", "Läsare", "Aldrig")
	h.hasNot(text, secret)
	remove := between(text, `danger quiet small" href="`, `"`)
	h.has(plain(h.see("admin", remove)), "Programmet som använder erp kommer inte in igen")
	h.has(plain(h.see("admin", h.does("admin", remove, nil))), "Nyckeln är borttagen.", "Inga API-nycklar än")
	if w := h.visit("admin", "POST", remove, url.Values{}); w.Code != http.StatusNotFound {
		t.Errorf("once more: %d", w.Code)
	}
}

func TestOperatorsAreAddedResetAndRemoved(t *testing.T) {
	h := newHouse(t)
	h.has(h.see(operator, "/operators"), "Inga operatörer än")
	h.has(h.refused(operator, "/operators/new", url.Values{"email": {"<b>"}}), "&lt;b&gt;", "Det är ingen e-postadress.")
	h.has(h.refused(operator, "/operators/new", url.Values{}), "Fyll i det här.")
	h.has(shown(h.answered(operator, "/operators/new", url.Values{"email": {"ops@bank.example"}})), "https://example.com/welcome#")
	h.has(h.refused(operator, "/operators/new", url.Values{"email": {"ops@bank.example"}}), "Namnet är upptaget.", `value="ops@bank.example"`)
	const at = "/operators/of/ops@bank.example"
	h.has(plain(h.see(operator, "/operators")), "ops@bank.example", "Aldrig")
	h.has(shown(h.answered(operator, at+"/reset", url.Values{"second_factor": {"yes"}})), "/welcome#")
	h.has(h.refused(operator, at+"/remove", url.Values{"confirm": {"ops"}}), "Det stämmer inte med namnet")
	h.has(h.refused(operator, at+"/remove", url.Values{"confirm": {"ops@bank.example"}}), "Det är den sista operatören.")
	h.answered(operator, "/operators/new", url.Values{"email": {"two@bank.example"}})
	h.has(plain(h.see(operator, h.does(operator, at+"/remove", url.Values{"confirm": {"ops@bank.example"}}))), "Operatören är borttagen.", "two@bank.example")
}

// Who may not manage an account sees neither its people nor a form about them; a page
// of the gateway is for operators.
func TestPagesOfPeopleAreForWhoMayManageThem(t *testing.T) {
	h := newHouse(t)
	for _, r := range allRoutes() {
		method, path, _ := strings.Cut(r.Pattern, " ")
		people := strings.HasPrefix(path, "/a/{account}/logins") || strings.HasPrefix(path, "/a/{account}/tokens") || strings.HasPrefix(path, "/a/{account}/audit")
		gateway := !strings.HasPrefix(path, "/a/") && path != "/{$}"
		if !people && !gateway {
			continue
		}
		roles := []string{"uploader", "reader", "approver"}
		if gateway {
			roles = append(roles, "admin")
		}
		path = strings.NewReplacer("{account}", "acme", "{login}", "erp@acme.example", "{token}", "x", "{email}", "x@y.example", "{name}", "acme").Replace(path)
		for _, role := range roles {
			var form url.Values
			if method == "POST" {
				form = url.Values{
					"username": {"x"}, "role": {"reader"}, "sftp": {"yes"}, "how": {"made"}, "name": {"x"}, "for": {"90d"}, "email": {"a@b.example"}, "ssh_keys": {anSSHKey}, "confirm": {"erp@acme.example"},
				}
			}
			if w := h.visit(role, method, path, form); w.Code != http.StatusForbidden {
				t.Errorf("%s %s as %s: %d", method, path, role, w.Code)
			}
		}
	}
	h.hasNot(h.see("reader", "/a/acme/"), "/a/acme/logins", "/a/acme/tokens", `href="/operators"`)
	h.has(h.see("admin", "/a/acme/"), "/a/acme/logins", "/a/acme/tokens")
}

// What gives somebody a way in asks for a proof of who it is, before the form and
// after it; what was typed waits, but for secrets.
func TestPeopleNeedAProof(t *testing.T) {
	h := newHouse(t)
	h.proved = h.world.Clock.Now().Add(-6 * 60e9)
	const at = "/a/acme/logins/of/erp@acme.example"
	for _, path := range []string{newLogin, at + "/edit", at + "/key", at + "/password", at + "/link", at + "/remove", "/a/acme/tokens/new"} {
		w := h.visit("admin", "GET", path, nil)
		if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != "/sign-in/again?next="+url.QueryEscape(path) {
			t.Errorf("%s: %d to %s", path, w.Code, to)
		}
	}
	for _, path := range []string{"/operators/new"} {
		if w := h.visit(operator, "GET", path, nil); w.Code != http.StatusSeeOther {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	w := h.visit("admin", "POST", newLogin, url.Values{"username": {"anna"}, "role": {"reader"}, "portal": {"yes"}, "how": {"own"}, "password": {"gran sjö cykel moln"}})
	to := w.Header().Get("Location")
	if !strings.HasPrefix(to, "/sign-in/again?next=") || strings.Contains(to, "gran") {
		t.Fatalf("%d to %s", w.Code, to)
	}
	back, err := url.QueryUnescape(strings.TrimPrefix(to, "/sign-in/again?next="))
	if err != nil {
		t.Fatal(err)
	}
	h.proved = h.world.Clock.Now()
	h.has(h.see("admin", back), `value="anna"`, `value="reader" checked`, `value="own" checked`)
	h.hasNot(h.see("admin", back), `name="sftp" value="yes" checked`)
}
