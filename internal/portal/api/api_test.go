package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fileobject"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/portal/portaltest"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
)

// house is an API over real stores, and what it leans on.
type house struct {
	*testing.T
	api     *API
	world   *intaketest.World
	parts   *portaltest.Parts
	machine *portaltest.Machine
}

func newHouse(t *testing.T) *house {
	t.Helper()
	p := portaltest.Open(t)
	w := p.World
	h := &house{T: t, world: w, parts: p, machine: &portaltest.Machine{}}
	h.api = New(Services{
		Accounts: p.Accounts, SSO: p.SSO, Catalog: w.Catalog, Custody: w.Keys, Keys: w.Store, Databases: p.Pool, Bodies: w.Bodies, Indexer: p.Indexer,
		Outbox: p.Outbox, Receipts: p.Receipts, Resealer: p.Resealer, Notices: p.Notices, Clock: p.Clock,
		Machine: h.machine, Now: w.Clock.Now, Log: p.Log, ExportKeys: true, Version: "test",
	})
	h.mountRemotes()
	h.mountAgents()
	ended, end := context.WithCancel(t.Context())
	end()
	if err := h.api.Events.Run(ended); err != nil { // nobody follows: streams have tests of their own
		t.Fatal(err)
	}
	return h
}

// ask sends a request and decodes its answer into out, which may be nil.
func (h *house) ask(c access.Caller, method, path, body string, out any) int {
	h.Helper()
	r := httptest.NewRequest(method, operation.Prefix+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.api.Handler(c).ServeHTTP(w, r)
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			h.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	}
	return w.Code
}

func TestErrorsAreProblems(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		method, path, body, kind string
	}{
		{"GET", "/nowhere", "", "not-found"},
		{"GET", "/accounts/nobody", "", "not-found"},
		{"GET", "/files/nonsense", "", "not-found"},
		{"GET", "/files?limit=0", "", "invalid"},
		{"GET", "/files?colour=red", "", "invalid"},
		{"GET", "/files?since=yesterday", "", "invalid"},
		{"POST", "/accounts", `{"name":`, "invalid"},
		{"POST", "/accounts", `{"name":"acme","colour":"red"}`, "invalid"},
		{"POST", "/accounts", `{"name":"acme","keep_for":"soon"}`, "invalid"},
		{"POST", "/accounts", `{"name":"acme","certificate":"x"}`, "invalid"},
		{"POST", "/accounts", strings.Repeat(" ", 2<<20), "too-large"},
		{"DELETE", "/accounts/acme?confirm=acme", "", "not-found"},
		{"POST", "/backup", `{"dir":"relative"}`, "invalid"},
	} {
		var p portal.Problem
		code := h.ask(access.ControlSocket, c.method, c.path, c.body, &p)
		if p.Type != portal.ProblemType+c.kind || p.Status != code || p.Detail == "" {
			t.Errorf("%s %s: %d %+v, want %s", c.method, c.path, code, p, c.kind)
		}
	}
}

func TestOnlyTheMachinesOwnPeopleTouchItsFiles(t *testing.T) {
	h := newHouse(t)
	away := access.Caller{Actor: "operator:somebody", Operator: true}
	for path, body := range map[string]string{"/backup": `{"dir":"/x"}`, "/keys/backup": `{"file":"/x"}`, "/keys/rotate-master": `{}`} {
		if code := h.ask(away, "POST", path, body, nil); code != http.StatusForbidden {
			t.Errorf("%s from away: %d", path, code)
		}
	}
	if len(h.machine.Did) > 0 {
		t.Errorf("done all the same: %v", h.machine.Did)
	}
	if code := h.ask(access.ControlSocket, "POST", "/backup", `{"dir":"/x"}`, nil); code >= 300 || len(h.machine.Did) != 1 {
		t.Errorf("%d, %v", code, h.machine.Did)
	}
}

func TestOneBackupAtATime(t *testing.T) {
	h := newHouse(t)
	var now portal.BackupProgress
	h.machine.Meanwhile = func() {
		if code := h.ask(access.ControlSocket, "GET", "/backup", "", &now); code != http.StatusOK || !now.Running || now.Done != 1 || now.Total != 2 {
			t.Errorf("%d, %+v", code, now)
		}
		if code := h.ask(access.ControlSocket, "POST", "/backup", `{"dir":"/y"}`, nil); code != http.StatusServiceUnavailable {
			t.Errorf("another one: %d", code)
		}
	}
	for range 2 {
		if code := h.ask(access.ControlSocket, "POST", "/backup", `{"dir":"/x"}`, nil); code >= 300 {
			t.Errorf("%d", code)
		}
	}
	if code := h.ask(access.ControlSocket, "GET", "/backup", "", &now); code != http.StatusOK || now.Running {
		t.Errorf("%d, %+v", code, now)
	}
	if code := h.ask(access.Caller{Actor: "operator:somebody", Operator: true}, "GET", "/backup", "", nil); code != http.StatusForbidden {
		t.Errorf("from away: %d", code)
	}
}

// What an account does not let operators see: contents, payments, and the texts of
// findings, which may quote the file. Each use that is allowed is on record first.
func TestOperatorAccessIsTheAccountsChoice(t *testing.T) {
	h := newHouse(t)
	var acct portal.Account
	if code := h.ask(access.ControlSocket, "POST", "/accounts", `{"name":"acme"}`, &acct); code >= 300 {
		t.Fatal(code)
	}
	var row *catalog.Account
	h.world.Update(func(tx *catalog.Tx) (err error) { row, err = tx.AccountByName("acme"); return err })
	login := h.login("acme")
	f, err := h.world.Put(intaketest.Spec(row, login, "lon.xml"), []byte("<payments/>"))
	if err != nil {
		t.Fatal(err)
	}
	path := "/files/" + f.ID.String() + "/content"
	for leave, want := range map[string]int{"off": http.StatusForbidden, "asked": http.StatusForbidden, "on": http.StatusOK} {
		if code := h.ask(access.ControlSocket, "PATCH", "/accounts/acme", `{"operator_access":"`+leave+`"}`, nil); code >= 300 {
			t.Fatal(code)
		}
		before := h.audited("content.read")
		if code := h.ask(access.ControlSocket, "GET", path, "", nil); code != want {
			t.Errorf("content with access %s: %d, want %d", leave, code, want)
		}
		if got := h.audited("content.read") - before; (got == 1) != (want == http.StatusOK) {
			t.Errorf("access %s: %d audit entries", leave, got)
		}
		if code := h.ask(access.ControlSocket, "GET", "/accounts/acme/payments", "", nil); code != want {
			t.Errorf("payments with access %s: %d, want %d", leave, code, want)
		}
	}
}

// login makes a login of an account.
func (h *house) login(account string) uuid.UUID {
	h.Helper()
	var made portal.LoginMade
	if code := h.ask(access.ControlSocket, "POST", "/accounts/"+account+"/logins", `{"username":"erp"}`, &made); code >= 300 {
		h.Fatal(code)
	}
	return uuid.MustParse(made.ID)
}

func (h *house) audited(action string) (n int) {
	h.Helper()
	var page struct{ Entries []portal.AuditEntry }
	h.ask(access.ControlSocket, "GET", "/audit", "", &page)
	for _, e := range page.Entries {
		if e.Action == action {
			n++
		}
	}
	return n
}

func TestFilesComePageByPage(t *testing.T) {
	h := newHouse(t)
	acct := h.world.Account("acme", catalog.ContentKeep)
	login := h.login("acme")
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if _, err := h.world.Put(intaketest.Spec(acct, login, name), []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	query := "?account=acme&limit=2"
	for range 5 {
		var page struct {
			Files []fileobject.Object
			Next  *string
		}
		h.ask(access.ControlSocket, "GET", "/files"+query, "", &page)
		for _, f := range page.Files {
			names = append(names, f.Shown())
		}
		if page.Next == nil {
			break
		}
		query = "?account=acme&limit=2&before=" + *page.Next
	}
	if got := strings.Join(names, ""); got != "edcba" {
		t.Errorf("files %s, want newest first, each once", got)
	}
	var page struct{ Files []fileobject.Object }
	h.ask(access.ControlSocket, "GET", "/files?name=c", "", &page)
	if len(page.Files) != 1 || page.Files[0].Shown() != "c" {
		t.Errorf("by name: %+v", page.Files)
	}
}

func TestWaitingEndsAtItsTime(t *testing.T) {
	h := newHouse(t)
	acct := h.world.Account("acme", catalog.ContentKeep)
	f, err := h.world.Put(intaketest.Spec(acct, h.login("acme"), "lon.xml"), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	var p portal.Problem
	if code := h.ask(access.ControlSocket, "GET", "/files/"+f.ID.String()+"/wait?timeout=0", "", &p); code != http.StatusServiceUnavailable {
		t.Errorf("%d %+v", code, p)
	}
	var o fileobject.Object
	if code := h.ask(access.ControlSocket, "GET", "/files/"+f.ID.String()+"/wait?until=received", "", &o); code != http.StatusOK || o.State != "received" {
		t.Errorf("%d %+v", code, o)
	}
}

// Two people who change an account at once do not undo each other unseen.
func TestAChangeOfWhatWasReadOnly(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	send := func(method, match, body string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(method, operation.Prefix+"/accounts/acme", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if match != "" {
			r.Header.Set("If-Match", match)
		}
		w := httptest.NewRecorder()
		h.api.Handler(access.ControlSocket).ServeHTTP(w, r)
		return w
	}
	read := send("GET", "", "").Header().Get("ETag")
	first := send("PATCH", read, `{"receipts":true}`)
	if now := first.Header().Get("ETag"); first.Code != http.StatusOK || read == "" || now == read || now != send("GET", "", "").Header().Get("ETag") {
		t.Errorf("%d, tag %s and %s", first.Code, read, now)
	}
	second := send("PATCH", read, `{"receipts":false}`)
	if p := problem(t, second); second.Code != http.StatusPreconditionFailed || p.Status != second.Code || p.Request == "" {
		t.Errorf("%d %+v", second.Code, p)
	}
	var acct portal.Account
	h.want(http.StatusOK, "GET", "/accounts/acme", nil, &acct)
	if !acct.Receipts {
		t.Error("it is done all the same")
	}
	for _, match := range []string{"", "*", first.Header().Get("ETag")} {
		if w := send("PATCH", match, `{"receipts":true}`); w.Code != http.StatusOK {
			t.Errorf("If-Match %q: %d", match, w.Code)
		}
	}
}

// What is wrong with a request is said without what was sent.
func TestAPasswordIsNotSaidBack(t *testing.T) {
	h := newHouse(t)
	var p portal.Problem
	h.want(http.StatusUnprocessableEntity, "POST", "/accounts/acme/logins", map[string]any{"username": 7, "password": "correct horse", "more": "battery"}, &p)
	if strings.Contains(p.Detail, "horse") || strings.Contains(p.Detail, "battery") || !strings.Contains(p.Detail, "body.username") {
		t.Errorf("it says %q", p.Detail)
	}
}

// The API's description is generated; this keeps it from changing unseen.
func TestDescriptionIsAsPublished(t *testing.T) {
	h := newHouse(t)
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]any
	}
	r := httptest.NewRequest("GET", operation.Prefix+"/openapi.json", nil)
	w := httptest.NewRecorder()
	h.api.Handler(access.ControlSocket).ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Paths) < 20 {
		t.Errorf("OpenAPI %q with %d paths", doc.OpenAPI, len(doc.Paths))
	}
}
