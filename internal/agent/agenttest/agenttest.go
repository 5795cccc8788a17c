// Package agenttest gives tests of Connect a real gateway: the door for agents over a
// real intake, catalog and vault on a temporary directory, by HTTPS and plain HTTP,
// on a way that a test can cut.
package agenttest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"sealgate/internal/account/agents"
	"sealgate/internal/agent/enrol"
	"sealgate/internal/agent/home"
	"sealgate/internal/connect"
	"sealgate/internal/receipt"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/connectd"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/outbox"
)

// Gateway is the gateway's side, with the account acme.
type Gateway struct {
	*intaketest.World
	Acme   *catalog.Account
	Agents *agents.Service
	Outbox *outbox.Outbox
	TLS    *httptest.Server
	Plain  *httptest.Server

	// way is asked about each request: what becomes of it on the way there and back.
	// nil = it gets through.
	way   func(*http.Request) Fate
	fates sync.Mutex // held while it decides

	t    testing.TB
	door atomic.Pointer[connectd.Door]
}

// Fate is what becomes of a request.
type Fate int

// The fates. An answer that was lost is where duplicates are born.
const (
	Through Fate = iota
	Cut          // it never arrives
	Deaf         // it is done, and the answer is lost
	Mangled      // it is done, and the answer is changed on the way
	Damaged      // the gateway finds that what came does not open
)

// New returns a gateway that keeps what acme sends, and holds its access key.
func New(t testing.TB) *Gateway {
	t.Helper()
	g := &Gateway{World: intaketest.New(t, nil), t: t}
	g.Acme = g.Account("acme", catalog.ContentKeep)
	g.listen()
	return g
}

// NewCustomer returns one with an acme that holds its access key itself.
func NewCustomer(t testing.TB) (*Gateway, hpke.PrivateKey) {
	t.Helper()
	g := &Gateway{World: intaketest.New(t, nil), t: t}
	var key hpke.PrivateKey
	g.Acme, key = g.Customer("acme")
	g.listen()
	return g, key
}

func (g *Gateway) listen() {
	g.Open()
	h := http.HandlerFunc(g.serve)
	g.TLS = httptest.NewUnstartedServer(h)
	g.TLS.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	g.TLS.StartTLS()
	g.t.Cleanup(g.TLS.Close)
	g.Plain = httptest.NewServer(h)
	g.t.Cleanup(g.Plain.Close)
}

// Open makes the door, as a new process does after a Restart of the world.
func (g *Gateway) Open() {
	identity := g.Store.Identity()
	discard := slog.New(slog.DiscardHandler)
	g.Agents = agents.New(g.Catalog, g.Keys, agents.Options{Identity: identity.Public().(ed25519.PublicKey), Now: g.Clock.Now, Log: discard, Ended: g.DropSealed})
	g.Outbox = outbox.New(g.Catalog, g.Bodies, g.Keys, g.Intake, g.Clock.Now)
	g.door.Store(connectd.New(connectd.Options{
		Identity: identity, Pins: g.pins, Agents: g.Agents, Catalog: g.Catalog, Custody: g.Keys, Intake: g.Intake,
		Receipts: receipt.New(g.Catalog, g.Keys, identity, g.Clock.Now), Outbox: g.Outbox, Bodies: g.Bodies, Now: g.Clock.Now, Log: discard,
	}))
}

// Stop and start the gateway's process.
func (g *Gateway) StartAnew() {
	g.Restart()
	g.Open()
}

func (g *Gateway) pins() [][]byte {
	if g.TLS == nil || g.TLS.Certificate() == nil {
		return nil
	}
	sum := sha256.Sum256(g.TLS.Certificate().RawSubjectPublicKeyInfo)
	return [][]byte{sum[:]}
}

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	fate := Through
	g.fates.Lock()
	if g.way != nil {
		fate = g.way(r)
	}
	g.fates.Unlock()
	switch fate {
	case Cut:
		panic(http.ErrAbortHandler)
	case Through:
		g.door.Load().ServeHTTP(w, r)
		return
	}
	if fate == Damaged {
		g.damaged(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	rec := httptest.NewRecorder()
	g.door.Load().ServeHTTP(rec, r)
	if fate == Deaf {
		panic(http.ErrAbortHandler)
	}
	got := rec.Body.Bytes()
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	if len(got) > 0 {
		got[len(got)/2] ^= 1
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(got)
}

// damaged refuses as a gateway does that cannot open what its agent has sealed.
func (g *Gateway) damaged(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	p := connect.Refuse(connect.Damaged, "")
	body, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	connect.SignAnswer(g.Store.Identity(), r, w.Header(), p.Status, body, g.Clock.Now())
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}

// Fates lets a function decide, one request at a time; nil = everything gets through.
func (g *Gateway) Fates(of func(*http.Request) Fate) {
	g.fates.Lock()
	defer g.fates.Unlock()
	g.way = of
}

// Code invites an agent.
func (g *Gateway) Code(name string, may ...connect.Right) string {
	g.t.Helper()
	if len(may) == 0 {
		may = connect.Rights
	}
	_, code, err := g.Agents.Invite(g.t.Context(), "operator:test", "acme", agents.Invite{Name: name, May: may})
	if err != nil {
		g.t.Fatal(err)
	}
	return code
}

// Enrol makes a directory an agent of acme, by this address of the gateway.
func (g *Gateway) Enrol(url string) home.Home {
	g.t.Helper()
	h := home.Home(filepath.Join(g.t.TempDir(), "connect"))
	if err := h.Make(); err != nil {
		g.t.Fatal(err)
	}
	q := enrol.Request{Gateway: url, Code: g.Code(filepath.Base(filepath.Dir(string(h)))), Proxy: "direct", Platform: "test/test", Program: "connect test", Now: g.Clock.Now}
	if _, err := enrol.Enrol(g.t.Context(), h, q); err != nil {
		g.t.Fatal(err)
	}
	return h
}

// Taken returns the files that were received, newest first.
func (g *Gateway) Taken() []*catalog.File {
	var all []*catalog.File
	for _, f := range g.Files() {
		if f.State != catalog.Arriving && f.Direction == catalog.In {
			all = append(all, f)
		}
	}
	return all
}

// Keep makes a file that was received one that was indexed and is kept.
func (g *Gateway) Keep(f *catalog.File) {
	g.t.Helper()
	g.Update(func(tx *catalog.Tx) error {
		row, err := tx.File(f.ID)
		if err != nil {
			return err
		}
		row.State, row.Grant = catalog.Kept, catalog.Grant{}
		return tx.SaveFile(row)
	})
}

// Ungrant takes away what the gateway alone opens waiting files with.
func (g *Gateway) Ungrant() {
	g.t.Helper()
	for _, f := range g.Files() {
		if f.State == catalog.Waiting {
			f.Grant = catalog.Grant{}
			g.Update(func(tx *catalog.Tx) error { return tx.SaveFile(f) })
		}
	}
}

// Lose makes the gateway one that came back from a backup without these files.
func (g *Gateway) Lose(files ...*catalog.File) {
	g.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(g.Dir, "catalog.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		g.t.Fatal(err)
	}
	defer db.Close()
	for _, f := range files {
		for _, q := range []string{
			"DELETE FROM agent_delivery WHERE file = ?", "DELETE FROM job WHERE file = ?", "DELETE FROM file WHERE id = ?",
		} {
			if _, err := db.Exec(q, f.ID[:]); err != nil {
				g.t.Fatalf("%s: %v", q, err)
			}
		}
	}
}
