package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
)

// mountUploads stands in for the uploads, which are mounted where the gateway is put
// together.
func (h *house) mountUploads() {
	sent := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	h.api.MountUploads(sent)
}

// described is one of the API's description.
type described struct{ id, method, path string }

func (h *house) operations() []described {
	var ops []described
	for path, item := range h.api.Description().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Patch, item.Delete, item.Put, item.Head, item.Options} {
			if op != nil {
				ops = append(ops, described{op.OperationID, op.Method, path})
			}
		}
	}
	slices.SortFunc(ops, func(a, b described) int { return strings.Compare(a.id, b.id) })
	return ops
}

// filled is the operation's path with what it names put in.
func (op described) filled(names map[string]string) string {
	var pairs []string
	for name, value := range names {
		pairs = append(pairs, "{"+name+"}", value)
	}
	path := strings.NewReplacer(pairs...).Replace(op.path)
	if op.id == "wait-for-file" {
		path += "?timeout=0"
	}
	return path
}

// contents are what the operations take that look at their body before all else.
var contents = map[string]string{
	"add-account": `{"name":"new"}`, "add-login": `{"username":"new"}`, "set-login": `{"no_password":true}`, "set-account": `{"content":"delete"}`,
	"set-alarm-recipients": `{"recipients":[]}`,
	"add-webhook":          `{"url":"http://127.0.0.1:1/"}`, "set-webhook": `{"enabled":false}`,
	"add-remote": `{"name":"new","direction":"pull","url":"sftp://u@127.0.0.1/"}`, "set-remote": `{"enabled":false}`,
	"add-token": `{"name":"new"}`, "add-operator-token": `{"name":"new"}`, "add-operator": `{"email":"a@b.example"}`,
	"import-certificate": `{"certificate":"x","key":"y"}`, "export-certificate": `{}`, "export-access-key": `{}`,
	"ask-approval":   `{"reason":"x"}`,
	"add-access-key": `{}`, "confirm-access-key": `{"answer":"x"}`, "unlock-account": `{"access_key":"x","for":"1h"}`,
	"back-up-keys": `{"file":"relative"}`, "back-up": `{"dir":"relative"}`, "rotate-master-key": `{}`,
}

// nowhere names things that are not there.
var nowhere = map[string]string{
	"name": "nobody", "username": "nobody", "email": "nobody@b.example", "id": "01970000-0000-7000-8000-000000000000",
	"webhook": "01970000-0000-7000-8000-000000000002", "delivery": "01970000-0000-7000-8000-000000000003",
	"file":   "01970000-0000-7000-8000-000000000005",
	"remote": "nothing", "run": "01970000-0000-7000-8000-000000000004",
	"key": "0123456789abcdef", "token": "01970000-0000-7000-8000-000000000001",
}

// by sends a request with a token, as HTTPS does.
func (h *house) by(token, method, path, body string) *httptest.ResponseRecorder {
	h.Helper()
	r := httptest.NewRequest(method, operation.Prefix+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.api.Authenticated(access.Bearer(h.api.Accounts)).ServeHTTP(w, r)
	return w
}

// as sends a request of somebody whom the door has found out.
func (h *house) as(c access.Caller, method, path, body string) *httptest.ResponseRecorder {
	h.Helper()
	r := httptest.NewRequest(method, operation.Prefix+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.api.Inside().ServeHTTP(w, r.WithContext(access.With(r.Context(), c)))
	return w
}

func (h *house) token(account, name string, role account.Role) string {
	h.Helper()
	var made portal.TokenMade
	h.want(http.StatusOK, "POST", "/accounts/"+account+"/tokens", portal.NewToken{Name: name, Role: string(role)}, &made)
	return made.Secret
}

func problem(t *testing.T, w *httptest.ResponseRecorder) (p portal.Problem) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	return p
}

// An operation without a right is not registered, and a right is some operation's.
func TestEveryOperationHasARight(t *testing.T) {
	h := newHouse(t)
	h.mountUploads()
	left := access.Operations()
	paths := map[string]string{}
	for _, op := range h.operations() {
		// Two paths that differ in what a part is called only are one path (OpenAPI 3.1).
		plain := regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(op.path, "{}")
		if other := paths[plain]; other != "" && other != op.path {
			t.Errorf("%s and %s are one path", op.path, other)
		}
		paths[plain] = op.path
		if access.RightTo(op.id) == 0 {
			t.Errorf("%s %s (%s) has no right", op.method, op.path, op.id)
		}
		left = slices.DeleteFunc(left, func(id string) bool { return id == op.id })
	}
	for _, id := range left {
		t.Errorf("there is no operation %s", id)
	}
	defer func() {
		if recover() == nil {
			t.Error("an operation that is not in the table was registered")
		}
	}()
	h.api.Mount("GET", "/back-door", "back-door", "", http.NotFoundHandler())
}

func TestWithoutATokenTheAnswerIs401(t *testing.T) {
	h := newHouse(t)
	h.mountUploads()
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	ops := append(h.operations(), described{"description", "GET", "/openapi.json"}, described{"nothing", "GET", "/nothing"})
	for _, op := range ops {
		w := h.by("", op.method, op.filled(nowhere), contents[op.id])
		if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != `Bearer realm="sealgate"` || w.Header().Get("X-Request-Id") == "" {
			t.Errorf("%s: %d %v", op.id, w.Code, w.Header())
		}
		if p := problem(t, w); p.Type != "urn:sealgate:problem:sign-in" || p.Request == "" {
			t.Errorf("%s: %+v", op.id, p)
		}
		// Inside the gateway, too: the portal speaks for nobody who is not signed in.
		if w := h.as(access.Caller{}, op.method, op.filled(nowhere), contents[op.id]); w.Code != http.StatusUnauthorized {
			t.Errorf("%s, inside: %d", op.id, w.Code)
		}
	}
	token := h.token("acme", "erp", account.Uploader)
	for _, sent := range []string{
		"", "Bearer", "Bearer ", token, "Basic " + token, "Bearer  " + token, "Bearer " + token + " ", "Bearer " + strings.ToLower(token), "Bearer " + token + ", Bearer " + token,
	} {
		r := httptest.NewRequest("GET", operation.Prefix+"/files?access_token="+token, nil)
		r.Header.Set("Authorization", sent)
		r.AddCookie(&http.Cookie{Name: "token", Value: token})
		w := httptest.NewRecorder()
		h.api.Authenticated(access.Bearer(h.api.Accounts)).ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%q: %d", sent, w.Code)
		}
	}
	r := httptest.NewRequest("GET", operation.Prefix+"/files", nil)
	r.Header["Authorization"] = []string{"bearer " + token, "Bearer " + token}
	w := httptest.NewRecorder()
	h.api.Authenticated(access.Bearer(h.api.Accounts)).ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("two headers: %d", w.Code)
	}
	if w := h.by(token, "GET", "/files", ""); w.Code != http.StatusOK {
		t.Errorf("the right one: %d %s", w.Code, w.Body)
	}
}

// notForOperatorTokens would make a program of an operator a person, or an admin of
// any account: an operator does these as a person, or on the machine.
var notForOperatorTokens = []string{
	"add-operator-token", "add-login", "set-login", "invite-login", "reset-login",
	"add-operator", "reset-operator", "remove-operator", "add-token",
	"set-single-sign-on", "remove-single-sign-on", "add-webhook", "new-webhook-secret", "add-remote", "set-remote", "invite-agent", "set-agent", "set-alarm-recipients",
	"import-certificate", "export-certificate", "add-access-key", "export-access-key", "unlock-account",
}

// An operator is changed by the rules for operators only.
func TestOperatorsAreNoLoginsOfAnAccount(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/operators", map[string]string{"email": "op@example.com"}, nil)
	for method, path := range map[string]string{"DELETE": "/op@example.com", "PATCH": "/op@example.com", "GET": "/op@example.com", "POST": ""} {
		body := ""
		if method == "PATCH" || method == "POST" {
			body = "{}"
		}
		if code := h.ask(access.ControlSocket, method, "/accounts/system/logins"+path, body, nil); code != http.StatusNotFound {
			t.Errorf("%s: %d", method, code)
		}
	}
}

// A private key is nowhere but in its answer.
func TestAnExportIsNotKeptForAnotherTime(t *testing.T) {
	h := newHouse(t)
	for _, op := range h.operations() {
		if !access.TakesKeysOut(op.id) {
			continue
		}
		r := httptest.NewRequest(op.method, operation.Prefix+op.filled(nowhere), strings.NewReader("{}"))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", "019aa8f2-6d00-7000-8000-000000000003")
		w := httptest.NewRecorder()
		h.api.Handler(access.ControlSocket).ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "Idempotency-Key") {
			t.Errorf("%s: %d %s", op.id, w.Code, w.Body)
		}
	}
}

// Each role reaches what the table says and nothing else; that is decided before
// anything else is looked at.
func TestRolesReachWhatTheyMay(t *testing.T) {
	h := newHouse(t)
	h.mountUploads()
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	var operator portal.TokenMade
	h.want(http.StatusOK, "POST", "/tokens", portal.NewToken{Name: "op"}, &operator)
	ops := h.operations()
	for _, role := range []account.Role{account.Uploader, account.Reader, account.Approver, account.Admin, "operator"} {
		token := operator.Secret
		if role != "operator" {
			token = h.token("acme", string(role), role)
		}
		for _, op := range ops {
			may := slices.Contains(access.RightTo(op.id).Roles(), role)
			if role == "operator" {
				may = !slices.Contains([]access.Right{access.Send, access.Fetch, access.OnMachine, access.Myself, access.Approve}, access.RightTo(op.id)) &&
					!slices.Contains(notForOperatorTokens, op.id)
			}
			// Nothing of it is there, so that nothing is done.
			w := h.by(token, op.method, op.filled(nowhere), "")
			if (w.Code != http.StatusForbidden) != may {
				t.Errorf("%s, %s: %d %s", role, op.id, w.Code, w.Body)
			}
			h.world.Clock.Add(10 * time.Second)
		}
	}
	for _, c := range []access.Caller{{Actor: "nobody"}, {Actor: "nobody", Role: account.Admin}} {
		for _, op := range ops {
			if code := h.ask(c, op.method, op.filled(nowhere), contents[op.id], nil); code != http.StatusForbidden {
				t.Errorf("nobody, %s: %d", op.id, code)
			}
		}
	}
}

// What stands on paper (docs/api.md), held against the table.
func TestRightsAreAsPromised(t *testing.T) {
	for _, c := range []struct {
		role      account.Role
		may, mayN string
	}{
		{account.Uploader, "create-upload put-file list-files get-file wait-for-file get-receipt get-account", "get-content get-sealed list-payments list-outbox release-file list-logins list-audit send-to-outbox"},
		{account.Reader, "list-files get-content get-sealed finish-file list-payments list-outbox list-certificates get-statement", "create-upload put-file post-files release-file erase-file set-account list-tokens"},
		{account.Approver, "put-file get-content release-file reindex-file erase-file", "set-account add-login add-token remove-certificate export-access-key"},
		{account.Admin, "set-account add-login add-token remove-certificate export-access-key list-audit", "add-account remove-account doctor show-keys back-up list-operators verify-audit add-operator-token get-encrypted-access-key"},
	} {
		who := access.Caller{Account: [16]byte{1}, Role: c.role}
		for id := range strings.FieldsSeq(c.may) {
			if err := who.May(access.RightTo(id)); err != nil {
				t.Errorf("%s may not %s: %v", c.role, id, err)
			}
		}
		for id := range strings.FieldsSeq(c.mayN) {
			if who.May(access.RightTo(id)) == nil {
				t.Errorf("%s may %s", c.role, id)
			}
		}
	}
}

// tenant is an account with one of everything.
type tenant struct {
	names map[string][]string // what stands in paths, by its name there
	shown []string            // all by which it can be known
	admin string              // a token
}

func (h *house) tenant(name string) *tenant {
	h.Helper()
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: name}, nil)
	var login portal.LoginMade
	h.want(http.StatusOK, "POST", "/accounts/"+name+"/logins", portal.NewLogin{Username: name + "-robot"}, &login)
	var row *catalog.Account
	h.world.Update(func(tx *catalog.Tx) (err error) { row, err = tx.AccountByName(name); return err })
	var ids []string
	for _, file := range []string{"kept-" + name, "erased-" + name} {
		f, err := h.world.Put(intaketest.Spec(row, loginID(login), file), []byte("<payments/>"))
		if err != nil {
			h.Fatal(err)
		}
		h.world.Update(func(tx *catalog.Tx) error { f.State = catalog.Kept; return tx.SaveFile(f) })
		ids = append(ids, f.ID.String())
	}
	var erased portal.Erased
	h.want(http.StatusOK, "DELETE", "/files/"+ids[1]+"?confirm="+ids[1], nil, &erased)
	var certs []portal.Certificate
	var keys []portal.AccessKey
	h.want(http.StatusOK, "GET", "/accounts/"+name+"/certificates", nil, &certs)
	h.want(http.StatusOK, "GET", "/accounts/"+name+"/access-keys", nil, &keys)
	admin := h.token(name, "admin-"+name, account.Admin)
	var tokens []portal.Token
	h.want(http.StatusOK, "GET", "/accounts/"+name+"/tokens", nil, &tokens)
	var hook portal.WebhookMade
	h.want(http.StatusOK, "POST", "/accounts/"+name+"/webhooks", portal.NewWebhook{URL: "http://127.0.0.1:1/" + name}, &hook)
	var tested portal.WebhookDelivery
	h.want(http.StatusOK, "POST", "/accounts/"+name+"/webhooks/"+hook.ID+"/test", struct{}{}, &tested)
	var server portal.Remote
	h.want(http.StatusOK, "POST", "/accounts/"+name+"/remotes", remoteAt("bank-of-"+name, "sftp://"+name+"@127.0.0.1:1/"), &server)
	var visit portal.RemoteRun
	h.want(http.StatusOK, "POST", "/accounts/"+name+"/remotes/bank-of-"+name+"/run", nil, &visit)
	h.want(http.StatusOK, "GET", "/accounts/"+name+"/remotes/bank-of-"+name+"/runs/"+visit.ID+"?wait=60", nil, &visit)
	c := &tenant{admin: admin, names: map[string][]string{
		"name": {name}, "username": {name + "-robot"}, "id": {ids[0], ids[1], erased.Statement},
		"key": {certs[0].Fingerprint, certs[0].Fingerprint[:16], keys[0].ID, keys[0].Fingerprint}, "token": {tokens[0].ID, "admin-" + name},
		"file": {ids[0]}, "webhook": {hook.ID}, "delivery": {tested.ID}, "remote": {server.Name}, "run": {visit.ID},
	}}
	for _, list := range c.names {
		c.shown = append(c.shown, list...)
	}
	c.shown = append(c.shown, row.ID.String(), login.ID, "kept-"+name)
	return c
}

// see is all that the operator sees of an account, but for the audit log.
func (h *house) see(name string) string {
	var all strings.Builder
	for _, path := range []string{"", "/logins", "/certificates", "/access-keys", "/tokens", "/webhooks", "/remotes", "/statements", "/outbox", "/reseal"} {
		var v any
		h.want(http.StatusOK, "GET", "/accounts/"+name+path, nil, &v)
		all.WriteString(body(h, v))
	}
	var v any
	h.want(http.StatusOK, "GET", "/files?account="+name, nil, &v)
	return all.String() + body(h, v)
}

// combinations of what a path names: all of them.
func combinations(path string, from map[string][]string) []map[string]string {
	all := []map[string]string{{}}
	for name, values := range from {
		if !strings.Contains(path, "{"+name+"}") {
			continue
		}
		var more []map[string]string
		for _, have := range all {
			for _, v := range values {
				next := maps.Clone(have)
				next[name] = v
				more = append(more, next)
			}
		}
		all = more
	}
	return all
}

// An account's admin asks, in every operation there is, for all that another account
// has. It is not there for him: the answer is the one for what nobody has, it is on
// record, and nothing has happened to the other.
func TestCrossTenantMatrix(t *testing.T) {
	h := newHouse(t)
	acme, beta := h.tenant("acme"), h.tenant("beta")
	session := access.Caller{Actor: uuid.NewString(), Name: "session", Account: h.account("acme").ID, Role: account.Admin, Session: uuid.New()}
	before := h.see("beta")
	asked := 0
	// refused sends one request and wants it refused as one for what is not there.
	refused := func(op described, path, nothing, body string) {
		t.Helper()
		h.world.Clock.Add(10 * time.Second)
		// By a token, and by somebody who is signed in, in turn.
		send := func(path string) *httptest.ResponseRecorder { return h.by(acme.admin, op.method, path, body) }
		if asked%2 == 1 {
			session.ProvedAt = h.world.Clock.Now()
			send = func(path string) *httptest.ResponseRecorder { return h.as(session, op.method, path, body) }
		}
		denied := h.audited("access.denied")
		got, want := send(path), send(nothing)
		if got.Code != http.StatusNotFound || want.Code != got.Code {
			t.Errorf("%s %s: %d %s; %d for what nobody has", op.method, path, got.Code, got.Body, want.Code)
			return
		}
		p, q := problem(t, got), problem(t, want)
		// Both may say what was asked for, and nothing more.
		apart := func(r rune) bool { return strings.ContainsRune("/=&", r) }
		parts := strings.FieldsFunc(nothing, apart)
		for i, part := range strings.FieldsFunc(path, apart) {
			if i < len(parts) {
				p.Detail, q.Detail = strings.ReplaceAll(p.Detail, part, "?"), strings.ReplaceAll(q.Detail, parts[i], "?")
			}
		}
		if p.Detail != q.Detail || p.Type != q.Type || p.Title != q.Title {
			t.Errorf("%s: %q, and %q for what nobody has", op.id, p.Detail, q.Detail)
		}
		if n := h.audited("access.denied") - denied; n != 2 {
			t.Errorf("%s %s: %d entries of 2", op.method, path, n)
		}
		asked++
	}
	for _, op := range h.operations() {
		if who := (access.Caller{Account: [16]byte{1}, Role: account.Admin}); who.May(access.RightTo(op.id)) != nil {
			continue // for nobody of an account: TestRolesReachWhatTheyMay
		}
		// All names of the other's; then, in the own account, what the other has there.
		for _, names := range combinations(op.path, beta.names) {
			if len(names) == 0 {
				continue
			}
			refused(op, op.filled(names), op.filled(nowhere), contents[op.id])
			if _, ok := names["name"]; ok && len(names) > 1 {
				names["name"] = "acme"
				own := maps.Clone(nowhere)
				own["name"] = "acme"
				refused(op, op.filled(names), op.filled(own), contents[op.id])
			}
		}
	}
	for _, query := range []string{"/files?account=", "/audit?account=", "/accounts/acme/payments?file="} {
		mine, other := "beta", "nobody"
		if strings.HasSuffix(query, "file=") {
			mine, other = beta.names["id"][0], nowhere["id"]
		}
		refused(described{id: query, method: "GET"}, query+mine, query+other, "")
	}
	refused(described{id: "twice", method: "GET"}, "/files?account=acme&account=beta", "/files?account=acme&account=nobody", "")
	if asked < 60 {
		t.Errorf("only %d requests", asked)
	}
	if after := h.see("beta"); after != before {
		t.Errorf("beta was changed:\n%s\n%s", before, after)
	}

	// What is listed is the caller's own.
	for _, path := range []string{"/accounts", "/files", "/audit", "/files?name=kept-beta", "/accounts/acme", "/accounts/acme/statements"} {
		w := h.by(acme.admin, "GET", path, "")
		text := w.Body.String()
		if path == "/audit" { // where it stands what acme has asked for
			text = withoutDenied(t, text)
		}
		for _, other := range beta.shown {
			if w.Code != http.StatusOK || strings.Contains(text, other) {
				t.Errorf("%s: %d, and %s is in it", path, w.Code, other)
			}
		}
	}
	var mine struct{ Files []struct{ Account string } }
	if err := json.Unmarshal(h.by(acme.admin, "GET", "/files", "").Body.Bytes(), &mine); err != nil || len(mine.Files) != 2 {
		t.Errorf("%+v, %v", mine, err)
	}
}

func withoutDenied(t *testing.T, text string) string {
	t.Helper()
	var page struct{ Entries []portal.AuditEntry }
	if err := json.Unmarshal([]byte(text), &page); err != nil || len(page.Entries) == 0 {
		t.Fatalf("%v: %s", err, text)
	}
	page.Entries = slices.DeleteFunc(page.Entries, func(e portal.AuditEntry) bool { return e.Action == "access.denied" })
	left, err := json.Marshal(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(left)
}

func loginID(l portal.LoginMade) uuid.UUID { return uuid.MustParse(l.ID) }
