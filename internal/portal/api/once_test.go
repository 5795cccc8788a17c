package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/retention"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/requests"
)

// keyed sends a POST under a key.
func (h *house) keyed(c access.Caller, key, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, operation.Prefix+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header["Idempotency-Key"] = []string{key}
	w := httptest.NewRecorder()
	h.api.Handler(c).ServeHTTP(w, r)
	return w
}

const someKey = "0197c2f0-0000-7000-8000-000000000001"

// Who lost an answer asks again and gets the same one; nothing is done twice.
func TestTheSameKeyIsDoneOnce(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	const path, body = "/accounts", `{"name":"beta"}`
	first := h.keyed(access.ControlSocket, someKey, path, body)
	again := h.keyed(access.ControlSocket, `"`+someKey+`"`, path, body)
	if first.Code != http.StatusOK || again.Code != http.StatusOK || first.Body.String() != again.Body.String() || !strings.Contains(first.Body.String(), `"name":"beta"`) ||
		first.Header().Get("Idempotency-Replayed") != "" || again.Header().Get("Idempotency-Replayed") != "true" || again.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %s\n%d %v %s", first.Code, first.Body, again.Code, again.Header(), again.Body)
	}
	if n := h.audited("account.added"); n != 3 { // and the built-in one
		t.Errorf("%d accounts were made", n)
	}
	if w := h.keyed(access.ControlSocket, someKey, path, `{"name":"other"}`); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("something else: %d %s", w.Code, w.Body)
	}
	if w := h.keyed(access.ControlSocket, someKey, "/accounts/acme/tokens", body); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("somewhere else: %d %s", w.Code, w.Body)
	}
	// The key is its sender's: another has not used it.
	admin := access.Caller{Actor: "token:x", Name: "x", Account: h.account("acme").ID, Role: account.Admin}
	if w := h.keyed(admin, someKey, "/accounts/acme/certificates/renew", "{}"); w.Code != http.StatusOK {
		t.Errorf("another sender: %d %s", w.Code, w.Body)
	}
	h.world.Clock.Add(25 * time.Hour)
	if w := h.keyed(access.ControlSocket, someKey, path, body); w.Code != http.StatusConflict { // forgotten, so that it is done: there is one
		t.Errorf("a day later: %d %s", w.Code, w.Body)
	}
}

func TestWhatWasRefusedMayBeAskedAgain(t *testing.T) {
	h := newHouse(t)
	const path, body = "/accounts/acme/logins", `{"username":"robot"}`
	if w := h.keyed(access.ControlSocket, someKey, path, body); w.Code != http.StatusNotFound {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	if w := h.keyed(access.ControlSocket, someKey, path, body); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, key := range []string{"", "short", strings.Repeat("x", 300), "with blanks in it", "Löner-2026-11", `"one-quote`, "a\nb-cdefghij"} {
		if w := h.keyed(access.ControlSocket, key, path, body); w.Code != http.StatusBadRequest {
			t.Errorf("%q: %d", key, w.Code)
		}
	}
	if w := h.keyed(access.ControlSocket, someKey, path, strings.Repeat(" ", 2<<20)); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("too much: %d", w.Code)
	}
	if w := h.keyed(access.ControlSocket, someKey, "/accounts/acme/outbox?name=a", "x"); w.Code != http.StatusBadRequest {
		t.Errorf("where it is not taken: %d", w.Code)
	}
	nobody := access.Caller{Actor: "token:x", Name: "x", Account: h.account("acme").ID, Role: account.Reader}
	if w := h.keyed(nobody, someKey, path, body); w.Code != http.StatusForbidden {
		t.Errorf("without the right: %d", w.Code)
	}
}

// While it is under way, and when it was cut short, the answer is that nobody knows.
func TestUnderWay(t *testing.T) {
	h := newHouse(t)
	var inside *httptest.ResponseRecorder
	h.machine.Meanwhile = func() { inside = h.keyed(access.ControlSocket, someKey, "/backup", `{"dir":"/x"}`) }
	if w := h.keyed(access.ControlSocket, someKey, "/backup", `{"dir":"/x"}`); w.Code != http.StatusNoContent || inside.Code != http.StatusConflict {
		t.Errorf("%d %s; inside %d %s", w.Code, w.Body, inside.Code, inside.Body)
	}
	if w := h.keyed(access.ControlSocket, someKey, "/backup", `{"dir":"/x"}`); w.Code != http.StatusNoContent || len(h.machine.Did) != 1 {
		t.Errorf("%d, %v", w.Code, h.machine.Did)
	}
	h.machine.Meanwhile = func() { panic("the gateway dies") }
	func() {
		defer func() { _ = recover() }()
		h.keyed(access.ControlSocket, someKey+"2", "/backup", `{"dir":"/y"}`)
	}()
	if w := h.keyed(access.ControlSocket, someKey+"2", "/backup", `{"dir":"/y"}`); w.Code != http.StatusConflict || len(h.machine.Did) != 2 {
		t.Errorf("%d, %v", w.Code, h.machine.Did)
	}
}

func TestManyAtOnceUnderOneKey(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	codes := make(chan int, 8)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			codes <- h.keyed(access.ControlSocket, someKey, "/accounts/acme/tokens", `{"name":"erp"}`).Code
		})
	}
	wait.Wait()
	close(codes)
	for code := range codes {
		if code != http.StatusOK && code != http.StatusConflict {
			t.Errorf("%d", code)
		}
	}
	if n := h.audited("token.added"); n != 1 {
		t.Errorf("%d tokens", n)
	}
	h.world.Update(func(tx *catalog.Tx) error { return tx.SweepRequests(h.world.Clock.Now().Add(48 * time.Hour)) })
}

// Passwords, tokens, links and secrets are shown once and kept nowhere: a repeat is told
// that it was done.
func TestASecretIsNotKeptForARepeat(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	h.want(http.StatusOK, "POST", "/accounts/acme/webhooks", portal.NewWebhook{URL: "http://127.0.0.1:1/x"}, nil)
	var hooks []portal.Webhook
	h.want(http.StatusOK, "GET", "/accounts/acme/webhooks", nil, &hooks)
	h.want(http.StatusOK, "POST", "/operators", map[string]string{"email": "op@pay.example"}, nil)
	for path, body := range map[string]string{
		"/accounts/acme/logins": `{"username":"robot"}`, "/accounts/acme/tokens": `{"name":"erp"}`, "/tokens": `{"name":"op"}`,
		"/accounts/acme/webhooks": `{"url":"http://127.0.0.1:1/y"}`, "/accounts/acme/webhooks/" + hooks[0].ID + "/secret": `{}`,
		"/operators": `{"email":"other@pay.example"}`, "/operators/op@pay.example/reset": "",
		"/accounts/acme/agents": `{"name":"hq"}`,
	} {
		key := someKey + strings.ReplaceAll(path, "/", ".")
		first := h.keyed(access.ControlSocket, key, path, body)
		again := h.keyed(access.ControlSocket, key, path, body)
		if first.Code != http.StatusOK || again.Code != http.StatusConflict || !strings.Contains(again.Body.String(), "shown once") {
			t.Errorf("%s: %d %s\n%d %s", path, first.Code, first.Body, again.Code, again.Body)
		}
	}
	for _, op := range h.operations() {
		if access.ShowsOnce(op.id) && op.method != http.MethodPost {
			t.Errorf("%s is no POST", op.id)
		}
	}
}

// What is remembered is bounded, and goes with its day, whether another request comes or
// not.
func TestRemembersSoMuch(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	acme := h.account("acme").ID
	count := func() (n int64) {
		t.Helper()
		h.world.Update(func(tx *catalog.Tx) (err error) { n, err = tx.CountRequests(acme, nil); return err })
		return n
	}
	admin := access.Caller{Actor: "token:x", Name: "x", Account: acme, Role: account.Admin}
	h.keyed(admin, someKey, "/accounts/acme/certificates/renew", "{}")
	if n := count(); n != 1 {
		t.Fatalf("%d", n)
	}
	h.world.Update(func(tx *catalog.Tx) error {
		for i := range 4_999 {
			v := &requests.Request{Hash: []byte(strconv.Itoa(i)), ID: uuid.New(), Print: []byte("x"), Account: acme, Sender: []byte("x"), Until: h.world.Clock.Now().Add(24 * time.Hour)}
			if err := tx.InsertRequest(v); err != nil {
				return err
			}
		}
		return nil
	})
	if w := h.keyed(admin, someKey+"2", "/accounts/acme/certificates/renew", "{}"); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("one more: %d %s", w.Code, w.Body)
	}
	if w := h.keyed(admin, someKey, "/accounts/acme/certificates/renew", "{}"); w.Code >= 300 {
		t.Errorf("a repeat: %d %s", w.Code, w.Body)
	}
	if err := h.parts.Clock.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.world.Clock.Add(25 * time.Hour)
	h.parts.Running += 25 * time.Hour
	retention.New(h.world.Catalog, h.world.Bodies, h.world.Keys, h.parts.Clock, slog.New(slog.DiscardHandler)).Round(t.Context())
	if n := count(); n != 0 {
		t.Errorf("%d after a day", n)
	}
}

// Operators share an account, and none uses up what the others have.
func TestOperatorsDoNotStopEachOther(t *testing.T) {
	h := newHouse(t)
	op := func(name string) access.Caller {
		return access.Caller{Actor: "token:" + name, Name: name, Operator: true}
	}
	ask := func(c access.Caller, key string) int {
		return h.keyed(c, someKey+key, "/accounts", `{"name":"acme-`+key+`"}`).Code
	}
	if code := ask(op("busy"), "1"); code != http.StatusOK {
		t.Fatal(code)
	}
	h.world.Update(func(tx *catalog.Tx) error {
		system, err := tx.AccountByName(catalog.SystemAccount)
		if err != nil {
			return err
		}
		rec, err := h.world.Keys.Records(t.Context(), system.ID)
		if err != nil {
			return err
		}
		busy := rec.MAC("request sender", []byte("token:busy"))
		for i := range 4_999 {
			v := &requests.Request{Hash: []byte(strconv.Itoa(i)), ID: uuid.New(), Print: []byte("x"), Account: system.ID, Sender: busy[:], Until: h.world.Clock.Now().Add(24 * time.Hour)}
			if err := tx.InsertRequest(v); err != nil {
				return err
			}
		}
		return nil
	})
	if busy, other := ask(op("busy"), "2"), ask(op("other"), "2"); busy != http.StatusTooManyRequests || other != http.StatusOK {
		t.Errorf("who has asked so often: %d; another: %d", busy, other)
	}
}
