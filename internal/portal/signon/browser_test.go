package signon_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/browsertest"
)

// named is the server's address with a name in it: passkeys are bound to one.
func (h *house) named() string { return strings.Replace(h.server.URL, "127.0.0.1", "localhost", 1) }

func (h *house) chromium() *browsertest.Browser {
	return browsertest.Start(h.t, browsertest.Options{Trust: h.server.Certificate()})
}

// shoot keeps a picture of a page when somebody wants to look at it.
func shoot(p *browsertest.Page, name string) {
	if dir := os.Getenv("SEALGATE_SCREENSHOTS"); dir != "" {
		p.Screenshot(filepath.Join(dir, name+".png"))
	}
}

// An operator's first way in, with a second factor that the device is by itself; then
// in by that alone, and a proof by it.
func TestPasskeysInChromium(t *testing.T) {
	h := newHouse(t)
	link, err := h.accounts.AddOperator(t.Context(), "test", "eva@example.org")
	h.check(err)
	p := h.chromium().Open(h.named(), browsertest.Wide)
	p.Authenticator()
	p.Goto("/welcome#" + link.Secret)
	p.Wait(`document.querySelector("[name=link]").value != "" && location.hash == ""`)
	p.Accessible()
	shoot(p, "sign-welcome")
	p.Click("#welcome button")
	p.WaitText("h1", "Choose a password")
	p.Accessible()
	p.Type("[name=password]", good)
	p.Type("[name=repeat]", good)
	shoot(p, "sign-password")
	p.Click("button")
	p.WaitText("h1", "One-time codes")
	p.Wait(`document.querySelector("img.qr").complete && document.querySelector("img.qr").naturalWidth > 0`)
	p.Accessible()
	shoot(p, "sign-codes")
	p.Type("[name=name]", "My laptop")
	p.Click("form[data-passkey] button")
	p.WaitPath("/me")
	p.WaitText("main", "My laptop")
	p.Accessible()
	shoot(p, "sign-me")

	h.clock.Add(6 * time.Minute) // a sensitive act asks again
	p.Goto("/me/codes")
	p.WaitText("h1", "Prove that it is you")
	shoot(p, "sign-again")
	p.Click("form[data-passkey] button")
	p.WaitText("h1", "One-time codes")

	p.Click(`.sidebar form[action="/sign-out"] button`)
	p.WaitText("h1", "Sign in")
	p.Accessible()
	shoot(p, "sign-in")
	p.Goto("/sign-in?next=/accounts")
	p.Click("form[data-passkey] button")
	p.WaitText("body", "page /accounts for eva@example.org")

	// The password alone is not enough, and the passkey is a second factor, too.
	p.Goto("/me")
	p.Click(`.sidebar form[action="/sign-out"] button`)
	p.WaitText("h1", "Sign in")
	p.Wait(`document.readyState == "complete" && location.search == "?done=signed-out"`)
	p.Type("[name=username]", "eva@example.org")
	p.Type("[name=password]", good)
	p.Click(`form[action="/sign-in"] button`)
	p.WaitText("h1", "One more step")
	p.Click("form[data-passkey] button")
	p.WaitText("body", "page / for eva@example.org")

	// An answer is good once.
	p.Goto("/sign-in/again")
	p.Expect(`422`)
	statuses := browsertest.Eval[string](p, `(async () => {
		const send = (path, body) => fetch(path, {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)})
		const asked = await (await send("/sign-in/passkey/ask", {})).json()
		const c = await navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked.options)})
		const answer = {ceremony: asked.ceremony, answer: c.toJSON()}
		const first = await send("/sign-in/passkey", answer), second = await send("/sign-in/passkey", answer)
		const spelled = await send("/sign-in/passkey", {...answer, ceremony: answer.ceremony + "\n"})
		return [first.status, second.status, spelled.status].join(" ")
	})()`)
	if statuses != "200 422 422" {
		t.Errorf("an answer, once, twice, thrice: %s", statuses)
	}

	// A passkey that was removed opens nothing.
	op, err := h.accounts.ResetOperator(t.Context(), "test", "eva@example.org", true)
	h.check(err)
	p.Expect(`422`)
	p.Goto("/sign-in")
	p.Click("form[data-passkey] button")
	p.WaitText("[role=alert]", "That did not work")
	p.Goto("/welcome#" + op.Secret)
	p.Wait(`document.querySelector("[name=link]").value != ""`)
	p.Click("#welcome button")
	p.WaitText("h1", "Choose a password")
}

// The pages on a phone, and in the dark.
func TestPagesOnAPhone(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna.svensson@bageri-norr.example"})
	c := h.chromium()
	for name, options := range map[string][]browsertest.Option{
		"phone": {browsertest.Language("sv"), browsertest.Apart}, "phone-dark": {browsertest.Dark, browsertest.Apart},
	} {
		p := c.Open(h.named(), browsertest.Phone, options...)
		p.Goto("/sign-in")
		p.Accessible()
		shoot(p, "sign-in-"+name)
		p.Type("[name=username]", "anna.svensson@bageri-norr.example")
		p.Type("[name=password]", good)
		p.Click(`form[action="/sign-in"] button`)
		p.WaitText("body", "page / for")
		p.Goto("/me")
		p.Accessible()
		shoot(p, "sign-me-"+name)
		p.Goto("/me/codes")
		p.Accessible()
		shoot(p, "sign-codes-"+name)
		p.Goto("/me/password")
		p.Accessible()
		h.accounts.Flush(t.Context())
	}
}

// The routes of the script, without it.
func TestPasskeyRoutesTakeNoNonsense(t *testing.T) {
	h := newHouse(t)
	h.add(account.NewLogin{Username: "anna"})
	nobody, anna := h.browser(), h.browser().signIn("anna")
	send := func(b *browser, path, body string) answer {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.server.URL+path, strings.NewReader(body))
		h.check(err)
		req.Header.Set("Content-Type", "application/json")
		req.Host = strings.TrimPrefix(h.named(), "https://")
		for _, c := range b.client.Jar.Cookies(mustURL(t, h.server.URL)) {
			req.AddCookie(c)
		}
		return b.do(req)
	}
	for _, path := range []string{"/me/passkeys/ask", "/me/passkeys"} {
		send(nobody, path, "{}").wantPage(t, http.StatusForbidden, `"/sign-in"`)
	}
	for _, body := range []string{"", "[]", "{", `{"ceremony":1}`, strings.Repeat("[", 1000), `{"name":"` + strings.Repeat("x", 70_000) + `"}`} {
		send(nobody, "/sign-in/passkey", body).wantPage(t, http.StatusBadRequest)
	}
	for _, body := range []string{"{}", `{"ceremony":"x","answer":{}}`, `{"ceremony":"x","answer":{"id":"","type":"public-key","response":{}}}`} {
		send(nobody, "/sign-in/passkey", body).wantPage(t, http.StatusUnprocessableEntity)
		send(anna, "/me/passkeys", body).wantPage(t, http.StatusUnprocessableEntity)
	}
	asked := send(nobody, "/sign-in/passkey/ask", "{}").wantPage(t, http.StatusOK, `"challenge"`, `"userVerification":"required"`)
	if strings.Contains(asked.text, "allowCredentials") {
		t.Error("whoever asks is told of passkeys")
	}
	send(anna, "/me/passkeys/ask", "{}").wantPage(t, http.StatusOK, `"residentKey":"required"`, `"userVerification":"required"`)
	h.clock.Add(6 * time.Minute)
	send(anna, "/me/passkeys/ask", "{}").wantPage(t, http.StatusForbidden, "/sign-in/again")
	// Bound to a name, not to a number.
	if page := nobody.get("/sign-in"); strings.Contains(page.text, "data-passkey") {
		t.Error("passkeys are offered at a number")
	}
}
