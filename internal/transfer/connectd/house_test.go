package connectd_test

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/account/agents"
	"sealgate/internal/audit"
	"sealgate/internal/connect"
	"sealgate/internal/receipt"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/trail"
	"sealgate/internal/transfer/connectd"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/outbox"
)

var discard = slog.New(slog.DiscardHandler)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// house is the door over a real intake, by HTTPS and by plain HTTP.
type house struct {
	*intaketest.World
	t      *testing.T
	acme   *catalog.Account
	agents *agents.Service
	outbox *outbox.Outbox
	door   atomic.Pointer[connectd.Door]
	tls    *httptest.Server
	plain  *httptest.Server
	log    logged
	counts struct {
		sync.Mutex
		requests map[string]int // by operation and result
		in, out  int64
	}

	reading chan struct{} // the body of a request begins to be read
}

// watched is a body that says when it begins to be read.
type watched struct {
	io.ReadCloser
	begun   sync.Once
	reading chan struct{}
}

func (b *watched) Read(p []byte) (int, error) {
	b.begun.Do(func() {
		select {
		case b.reading <- struct{}{}:
		default: // nobody waits for it
		}
	})
	return b.ReadCloser.Read(p)
}

// logged is a log that is looked through.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func openHouse(t *testing.T) *house {
	t.Helper()
	h := &house{World: intaketest.New(t, nil), t: t, reading: make(chan struct{}, 1)}
	h.acme = h.Account("acme", catalog.ContentKeep)
	h.open()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = &watched{ReadCloser: r.Body, reading: h.reading}
		h.door.Load().ServeHTTP(w, r)
	})
	h.tls = httptest.NewUnstartedServer(handler)
	h.tls.EnableHTTP2 = true
	h.tls.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	h.tls.StartTLS()
	t.Cleanup(h.tls.Close)
	h.plain = httptest.NewServer(handler)
	t.Cleanup(h.plain.Close)
	return h
}

func (h *house) identity() ed25519.PrivateKey { return h.Store.Identity() }

// open makes the door; after a Restart of the world, as a new process does.
func (h *house) open() {
	h.agents = agents.New(h.Catalog, h.Keys, agents.Options{
		Identity: h.identity().Public().(ed25519.PublicKey), Now: h.Clock.Now, Log: slog.New(slog.DiscardHandler), Ended: h.Intake.DropSealed,
	})
	h.outbox = outbox.New(h.Catalog, h.Bodies, h.Keys, h.Intake, h.Clock.Now)
	h.door.Store(connectd.New(connectd.Options{
		Identity: h.identity(), Pins: func() [][]byte { return [][]byte{[]byte("a pin")} }, Agents: h.agents, Catalog: h.Catalog, Custody: h.Keys,
		Intake: h.Intake, Receipts: receipt.New(h.Catalog, h.Keys, h.identity(), h.Clock.Now), Outbox: h.outbox, Bodies: h.Bodies,
		Observe: h.observe, Now: h.Clock.Now, Log: slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}))
}

func (h *house) observe(operation, result string, in, out int64) {
	h.counts.Lock()
	defer h.counts.Unlock()
	if h.counts.requests == nil {
		h.counts.requests = map[string]int{}
	}
	h.counts.requests[operation+" "+result]++
	h.counts.in += in
	h.counts.out += out
}

func (h *house) restart() {
	h.Restart()
	h.open()
}

// invited is somebody with a code and no keys yet.
func (h *house) invited(account, name string, may ...connect.Right) *client {
	h.t.Helper()
	_, text, err := h.agents.Invite(h.t.Context(), "operator:test", account, agents.Invite{Name: name, May: may})
	if err != nil {
		h.t.Fatal(err)
	}
	code, err := connect.ParseCode(text)
	if err != nil {
		h.t.Fatal(err)
	}
	return &client{t: h.t, base: h.tls.URL, http: h.tls.Client(), now: h.Clock.Now, code: code}
}

// agent is an agent that may do everything.
func (h *house) agent(account, name string) *client {
	h.t.Helper()
	c := h.invited(account, name, connect.Rights...)
	if err := c.enrol(); err != nil {
		h.t.Fatal(err)
	}
	return c
}

// may changes what an agent may.
func (h *house) may(c *client, may ...connect.Right) {
	h.t.Helper()
	h.Update(func(tx *catalog.Tx) error {
		a, err := tx.Agent(c.peer.Agent)
		if err != nil {
			return err
		}
		a.May = nil
		for _, r := range may {
			a.May = append(a.May, string(r))
		}
		return tx.SaveAgent(a)
	})
}

// delivered fails unless there is exactly one file, received, with this content.
func (h *house) delivered(file uuid.UUID, content []byte) *catalog.File {
	h.t.Helper()
	files := h.Files()
	if len(files) != 1 || files[0].ID != file || files[0].State != catalog.Received || files[0].Source != "connect" {
		h.t.Fatalf("%d files, first %+v", len(files), files)
	}
	if string(h.Read(files[0])) != string(content) {
		h.t.Fatal("other bytes")
	}
	return files[0]
}

// keep is a file of the account that was sent by an agent and kept.
func (h *house) keep(c *client, name string, content []byte) *catalog.File {
	h.t.Helper()
	p := c.seal(name, content)
	c.check(c.call(connect.PathWhole, p.begin, p.object, &connect.Progress{}))
	var f *catalog.File
	h.Update(func(tx *catalog.Tx) (err error) {
		if f, err = tx.File(p.begin.File); err != nil {
			return err
		}
		f.State, f.Grant = catalog.Kept, catalog.Grant{}
		return tx.SaveFile(f)
	})
	return f
}

// audited counts the entries of an action; "" = all.
func (h *house) audited(action string) int {
	h.t.Helper()
	var list []*audit.Entry
	err := h.Catalog.View(context.Background(), func(tx *catalog.Tx) (err error) {
		list, err = tx.AuditEntries(trail.Filter{Limit: -1})
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	n := 0
	for _, e := range list {
		if action == "" || e.Action == action {
			n++
		}
	}
	return n
}

// state is all that requests could change: files, and what is on record of acts.
func (h *house) state() string {
	h.t.Helper()
	var text strings.Builder
	for _, f := range h.Files() {
		fmt.Fprintln(&text, f.ID, f.State, f.Content.Size, f.Body, f.EndedAt)
	}
	fmt.Fprintln(&text, h.Objects(), h.audited(""))
	return text.String()
}

func noise(seed, n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = src.Read(b)
	return b
}
