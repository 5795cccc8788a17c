package web

import (
	"crypto/ed25519"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/account/agents"
	"sealgate/internal/account/oidc"
	"sealgate/internal/dialguard"
	"sealgate/internal/indexer"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/agentapi"
	"sealgate/internal/portal/api"
	"sealgate/internal/portal/client"
	"sealgate/internal/portal/portaltest"
	"sealgate/internal/portal/remoteapi"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/outbox"
	"sealgate/internal/transfer/poll"
	"sealgate/internal/transfer/push"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remotes"
	"sealgate/internal/transfer/remotes/visits"
	"sealgate/internal/work"
)

// house is the pages over the API over real stores.
type house struct {
	testing.TB
	pages http.Handler
	api   *api.API
	world *intaketest.World
	index *indexer.Indexer
	out   *outbox.Outbox
	pool  *accountdb.Pool

	provider *httptest.Server // of single sign-on

	account *catalog.Account
	login   uuid.UUID
	proved  time.Time // when whoever visits has last proved who he is
}

// describeProvider is as much of a provider as its settings are asked of.
func describeProvider(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/.well-known/openid-configuration" {
		http.NotFound(w, r)
		return
	}
	at := "https://" + r.Host
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"jwks_uri":%q,"id_token_signing_alg_values_supported":["RS256"]}`,
		at, at+"/auth", at+"/token", at+"/keys")
}

// newHouse has one account, acme, that keeps its files.
func newHouse(t testing.TB) *house {
	t.Helper()
	provider := httptest.NewTLSServer(http.HandlerFunc(describeProvider))
	t.Cleanup(provider.Close)
	parts := portaltest.Open(t, func(o *oidc.Options) {
		o.Roots = x509.NewCertPool()
		o.Roots.AddCert(provider.Certificate())
		o.Guard = dialguard.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")})
	})
	parts.Running = time.Hour
	w, log := parts.World, parts.Log
	h := &house{TB: t, world: w, pool: parts.Pool, index: parts.Indexer, out: parts.Outbox, provider: provider}
	h.api = api.New(api.Services{
		Accounts: parts.Accounts, SSO: parts.SSO, Catalog: w.Catalog, Custody: w.Keys, Keys: w.Store, Databases: parts.Pool, Bodies: w.Bodies, Indexer: h.index,
		Outbox: h.out, Intake: w.Intake, Receipts: parts.Receipts, Resealer: parts.Resealer, Notices: parts.Notices, Clock: parts.Clock,
		Machine: &portaltest.Machine{}, Now: w.Clock.Now, Log: log, ExportKeys: true, Version: "test",
	})
	remoteapi.Register(h.api.Router, remoteapi.Services{Accounts: parts.Accounts, Catalog: w.Catalog, Remotes: remotes.New(remotes.Options{
		Catalog: w.Catalog, Custody: w.Keys, Keys: w.Store, Guard: remotetest.Loopback(), Node: "test", Connect: visits.Dial,
		Pull: visits.Pulling(poll.New(w.Catalog, w.Intake, w.Keys, w.Clock.Now)), Push: visits.Pushing(push.New(w.Catalog, h.out, w.Keys, w.Clock.Now)),
		Delivered: h.out.DeliveredTo, Now: w.Clock.Now, Log: log,
	})})
	agentapi.Register(h.api.Router, agentapi.Services{
		Accounts: parts.Accounts, Now: w.Clock.Now, Gateway: "https://pay.example",
		Agents: agents.New(w.Catalog, w.Keys, agents.Options{Identity: w.Store.Identity().Public().(ed25519.PublicKey), Now: w.Clock.Now, Log: log, Ended: w.DropSealed}),
	})
	h.pages = New(Options{API: h.api.Inside(), Now: w.Clock.Now, Log: log})
	h.account, h.login = h.newAccount("acme")
	h.proved = w.Clock.Now()
	return h
}

// newAccount makes an account with a login.
func (h *house) newAccount(name string) (row *catalog.Account, login uuid.UUID) {
	h.Helper()
	local := client.Inside(h.api.Handler(access.ControlSocket))
	if err := local.Post(h.Context(), "/accounts", portal.NewAccount{Name: name}, nil); err != nil {
		h.Fatal(err)
	}
	var made portal.LoginMade
	if err := local.Post(h.Context(), "/accounts/"+name+"/logins", portal.NewLogin{Username: "erp@" + name + ".example"}, &made); err != nil {
		h.Fatal(err)
	}
	h.world.Update(func(tx *catalog.Tx) (err error) { row, err = tx.AccountByName(name); return err })
	return row, uuid.MustParse(made.ID)
}

// send puts a file into the account and has it indexed.
func (h *house) send(name, content string) *catalog.File {
	h.Helper()
	f, err := h.world.Put(intaketest.Spec(h.account, h.login, name), []byte(content))
	if err != nil {
		h.Fatal(err)
	}
	h.work()
	return h.world.File(f.ID)
}

// work does the jobs that are due.
func (h *house) work() {
	h.Helper()
	handlers := map[string]work.Handler{
		catalog.IndexJob: h.index.Handle, indexer.AnswerJob: h.out.Answer, outbox.ExpireJob: h.out.Expire,
	}
	for done := 1; done > 0; {
		done = 0
		for kind, handle := range handlers {
			var jobs []*catalog.Job
			h.world.Update(func(tx *catalog.Tx) (err error) {
				jobs, err = tx.LeaseJobs(kind, "test", h.world.Clock.Now(), time.Minute, 10)
				return err
			})
			for _, job := range jobs {
				if err := handle(h.Context(), job); err != nil {
					h.Fatal(err)
				}
				done++
			}
		}
	}
}

// sample is one of the files that indexers are tested with.
func sample(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "index", "testdata", "samples", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// who are the people of the tests.
func (h *house) person(role string) (ui.Person, access.Caller) {
	p := ui.Person{Login: h.login, Username: role + "@acme.example", Role: role, Account: h.account.Name, Language: ui.Swedish, Session: uuid.New()}
	c := access.Caller{
		Actor: h.login.String(), Account: h.account.ID, Login: h.login, Role: account.Role(role),
		Source: "portal", Name: "test-" + role, Session: p.Session, ProvedAt: h.proved,
	}
	if role == operator {
		p.Role, p.Account, p.Operator = "", "", true
		c.Account, c.Role, c.Operator, c.Actor = uuid.Nil, "", true, "operator:test"
	}
	return p, c
}

// visit asks for a page as somebody with this role; "" has not signed in.
func (h *house) visit(role, method, target string, form url.Values) *httptest.ResponseRecorder {
	h.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, target, body).WithContext(h.Context())
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if role != "" {
		p, c := h.person(role)
		r = r.WithContext(access.With(ui.WithPerson(r.Context(), p), c))
	}
	w := httptest.NewRecorder()
	h.pages.ServeHTTP(w, r)
	return w
}

// see asks for a page that has to be there, and returns its text.
func (h *house) see(role, target string) string {
	h.Helper()
	w := h.visit(role, "GET", target, nil)
	if w.Code != http.StatusOK {
		h.Fatalf("GET %s as %s: %d %s", target, role, w.Code, plain(w.Body.String()))
	}
	text := w.Body.String()
	for _, unwanted := range []string{"<no value>", "%!", "ZgotmplZ", " style=", "<script>", "javascript:"} {
		if strings.Contains(text, unwanted) {
			h.Errorf("GET %s: the page holds %q", target, unwanted)
		}
	}
	return text
}

// does sends a form that has to be taken, and returns where it leads.
func (h *house) does(role, target string, form url.Values) string {
	h.Helper()
	if form == nil {
		form = url.Values{}
	}
	w := h.visit(role, "POST", target, form)
	if w.Code != http.StatusSeeOther {
		h.Fatalf("POST %s as %s: %d %s", target, role, w.Code, plain(w.Body.String()))
	}
	return w.Header().Get("Location")
}

// refused sends a form that has to come back.
func (h *house) refused(role, target string, form url.Values) string {
	h.Helper()
	w := h.visit(role, "POST", target, form)
	if w.Code != http.StatusUnprocessableEntity {
		h.Fatalf("POST %s as %s: %d %s", target, role, w.Code, plain(w.Body.String()))
	}
	return w.Body.String()
}

// has reports what of the wanted a page lacks.
func (h *house) has(text string, wanted ...string) {
	h.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			h.Errorf("the page lacks %q: %s", want, plain(text))
		}
	}
}

func (h *house) hasNot(text string, unwanted ...string) {
	h.Helper()
	for _, want := range unwanted {
		if strings.Contains(text, want) {
			h.Errorf("the page holds %q", want)
		}
	}
}

var tags = regexp.MustCompile(`(?s)<nav.*?</nav>|<head.*?</head>|<[^>]*>`)

// plain is the text of a page without its markup.
func plain(text string) string {
	return strings.Join(strings.Fields(tags.ReplaceAllString(text, " ")), " ")
}

// operator is who runs the gateway, where the tests name roles.
const operator = desk.Operator

// allRoutes are those of all rooms.
func allRoutes() (all []desk.Route) {
	for _, room := range rooms() {
		all = append(all, room.Routes...)
	}
	return all
}
