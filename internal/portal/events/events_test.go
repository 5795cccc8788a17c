package events

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// gateway is a hub over a real catalog whose log is numbered, behind real HTTP.
type gateway struct {
	*testing.T
	catalog    *catalog.Catalog
	hub        *Hub
	acme, beta *catalog.Account
	server     *httptest.Server
	who        access.Caller // who asks
	over       atomic.Bool   // his session
	stopHub    func()
}

func newGateway(t *testing.T, beat time.Duration) *gateway {
	t.Helper()
	g := &gateway{T: t, catalog: catalogtest.Open(t)}
	g.acme, g.beta = catalogtest.Account(t, g.catalog, "acme"), catalogtest.Account(t, g.catalog, "beta")
	g.who = access.Caller{Actor: "x", Name: "x", Account: g.acme.ID, Role: account.Uploader}
	_, key, _ := ed25519.GenerateKey(nil)
	signer, err := audit.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	g.hub = New(g.catalog, log)
	r := operation.New(operation.Options{Catalog: g.catalog, Now: time.Now, Log: log, Version: "test"})
	g.hub.register(r, beat)
	g.server = httptest.NewServer(r.Authenticated(g))
	ctx, stop := context.WithCancel(context.Background())
	hubCtx, stopHub := context.WithCancel(ctx)
	g.stopHub = stopHub
	ended := make(chan error, 2)
	go func() { ended <- g.catalog.Run(ctx, signer) }()
	go func() { ended <- g.hub.Run(hubCtx) }()
	t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		g.server.Close()
	})
	return g
}

func (g *gateway) Caller(ctx context.Context, _ *http.Request) (access.Caller, error) {
	if g.over.Load() {
		return access.Caller{}, errors.New("the session is over")
	}
	return g.who, nil
}

// happens puts an action about a file on record.
func (g *gateway) happens(a *catalog.Account, action string, state catalog.State) (file string) {
	g.Helper()
	f := &catalog.File{ID: catalogtest.ID(), Account: a.ID, Direction: catalog.In, State: state}
	catalogtest.Update(g, g.catalog, func(tx *catalog.Tx) error {
		return errors.Join(tx.InsertFile(f), tx.Audit(audit.Entry{Account: a.ID, Actor: audit.Gateway, Action: action, Object: f.ID.String()}))
	})
	return f.ID.String()
}

// event is one of a stream.
type event struct {
	id, name string
	Data
}

func (e event) String() string { return e.name + " " + e.Account + " " + e.File + " " + e.State }

// reader reads a stream.
type reader struct {
	t    *testing.T
	resp *http.Response
	in   *bufio.Scanner
}

func (g *gateway) open(path, last string) *reader {
	g.Helper()
	req, err := http.NewRequestWithContext(g.Context(), http.MethodGet, g.server.URL+operation.Prefix+path, nil)
	if err != nil {
		g.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { resp.Body.Close() })
	return &reader{g.T, resp, bufio.NewScanner(resp.Body)}
}

// follow opens a stream and reads its beginning.
func (g *gateway) follow(path, last string) (*reader, event) {
	g.Helper()
	r := g.open(path, last)
	if r.resp.StatusCode != http.StatusOK || r.resp.Header.Get("Content-Type") != "text/event-stream" {
		g.Fatalf("%s: %d %v", path, r.resp.StatusCode, r.resp.Header)
	}
	begin, ok := r.next()
	if !ok || begin.name != "begin" {
		g.Fatalf("%s begins with %+v", path, begin)
	}
	return r, begin
}

// next is the next event; false when the stream has ended.
func (r *reader) next() (e event, ok bool) {
	r.t.Helper()
	for r.in.Scan() {
		field, value, _ := strings.Cut(r.in.Text(), ": ")
		switch field {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.Data); err != nil {
				r.t.Fatal(err)
			}
		case "":
			if value == "alive" {
				e.name = "alive"
			}
			if e.name != "" {
				return e, true
			}
		}
	}
	return e, false
}

func (r *reader) want(texts ...string) (last event) {
	r.t.Helper()
	for _, want := range texts {
		e, ok := r.next()
		if !ok || e.String() != want {
			r.t.Fatalf("got %s, want %s", e, want)
		}
		last = e
	}
	return last
}

func TestEventsComeAtOnceAndAreTheAccountsOwn(t *testing.T) {
	g := newGateway(t, time.Hour)
	g.happens(g.acme, "file.received", catalog.Received)      // before anybody followed
	for size := int64(0); size == 0; g.catalog.HurryAudit() { // what has no number yet is still new
		catalogtest.View(t, g.catalog, func(tx *catalog.Tx) (err error) { size, err = tx.AuditSize(); return err })
	}
	r, _ := g.follow("/accounts/acme/events", "")
	g.happens(g.beta, "file.received", catalog.Received)
	catalogtest.Update(t, g.catalog, func(tx *catalog.Tx) error {
		return tx.Audit(audit.Entry{Account: g.acme.ID, Actor: audit.Gateway, Action: "login.added", Object: catalogtest.ID().String()})
	})
	began := time.Now()
	one := g.happens(g.acme, "file.held", catalog.Held)
	r.want("file.held acme " + one + " held")
	t.Logf("after %v", time.Since(began))
	two := g.happens(g.acme, "file.kept", catalog.Kept)
	r.want("file.kept acme " + two + " kept")

	if r := g.open("/accounts/beta/events", ""); r.resp.StatusCode != http.StatusNotFound {
		t.Errorf("another's: %d", r.resp.StatusCode)
	}
	if r := g.open("/events", ""); r.resp.StatusCode != http.StatusForbidden {
		t.Errorf("all, for somebody of an account: %d", r.resp.StatusCode)
	}
	if r := g.open("/accounts/acme/events", "yesterday"); r.resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a wrong id: %d", r.resp.StatusCode)
	}
	g.who = access.Caller{Actor: "y", Name: "y", Operator: true}
	all, _ := g.follow("/events", "")
	three, four := g.happens(g.beta, "file.received", catalog.Received), g.happens(g.acme, "file.received", catalog.Received)
	all.want("file.received beta "+three+" received", "file.received acme "+four+" received")
}

// Who was away goes on where he was, wherever in the log that is.
func TestNothingIsMissed(t *testing.T) {
	g := newGateway(t, time.Hour)
	g.hub.missed = 20
	r, begin := g.follow("/accounts/acme/events", "")
	var want []string
	for i := range 3 {
		want = append(want, "file.received acme "+g.happens(g.acme, "file.received", catalog.Received)+" received")
		if i == 1 {
			g.happens(g.beta, "file.received", catalog.Received)
		}
	}
	seen := r.want(want[:1]...)
	r.resp.Body.Close()
	again, _ := g.follow("/accounts/acme/events", seen.id)
	again.want(want[1:]...)
	fromTheBeginning, _ := g.follow("/accounts/acme/events", begin.id)
	fromTheBeginning.want(want...)
	// By query, too, for who cannot set a header.
	byQuery, _ := g.follow("/accounts/acme/events?after="+seen.id, "")
	byQuery.want(want[1:]...)

	// Who was away for long is told so.
	catalogtest.Update(t, g.catalog, func(tx *catalog.Tx) error {
		for range 30 {
			if err := tx.Audit(audit.Entry{Account: g.beta.ID, Actor: audit.Gateway, Action: "content.read"}); err != nil {
				return err
			}
		}
		return nil
	})
	five := g.happens(g.acme, "file.received", catalog.Received)
	byQuery.want("file.received acme " + five + " received") // all of it is numbered
	late, _ := g.follow("/accounts/acme/events", seen.id)
	if e, _ := late.next(); e.name != "reset" {
		t.Errorf("%+v", e)
	}
}

func TestStreamsEnd(t *testing.T) {
	g := newGateway(t, 20*time.Millisecond)
	r, _ := g.follow("/accounts/acme/events", "")
	if e, ok := r.next(); !ok || e.name != "alive" {
		t.Fatalf("a silent stream says %+v", e)
	}
	r, _ = g.follow("/accounts/acme/events", "")
	g.over.Store(true)
	for ok := true; ok; {
		_, ok = r.next()
	}
	g.over.Store(false)
	r, _ = g.follow("/accounts/acme/events", "")
	g.stopHub()
	for ok := true; ok; {
		_, ok = r.next()
	}
	if r := g.open("/accounts/acme/events", ""); r.resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("while the gateway stops: %d", r.resp.StatusCode)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	g := newGateway(t, time.Hour)
	for range each {
		g.follow("/accounts/acme/events", "")
	}
	if r := g.open("/accounts/acme/events", ""); r.resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one more: %d", r.resp.StatusCode)
	}
	g.who.Name = "other"
	g.follow("/accounts/acme/events", "")
}

// Who does not read is let go of, and keeps nobody waiting.
func TestSlowFollowersAreDropped(t *testing.T) {
	h := New(catalogtest.Open(t), slog.New(slog.DiscardHandler))
	f, _, err := h.follow(t.Context(), access.Caller{Name: "slow"}, uuid.Nil)
	if err != nil {
		t.Fatal(err)
	}
	id := catalogtest.ID()
	catalogtest.Update(t, h.catalog, func(tx *catalog.Tx) error {
		for range backlog + 1 {
			if err := tx.Audit(audit.Entry{Account: id, Actor: audit.Gateway, Action: "file.kept"}); err != nil {
				return err
			}
		}
		return nil
	})
	_, key, _ := ed25519.GenerateKey(nil)
	signer, err := audit.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.catalog.Sequence(t.Context(), signer); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		if more, _, err = h.handOut(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got := 0
	for range f.events {
		got++
	}
	if got != backlog {
		t.Errorf("%d events before the end", got)
	}
	h.leave(f) // it has been left
}

// All streams of an account together are bounded, whatever tokens it makes: others have
// theirs.
func TestOneAccountDoesNotTakeAllStreams(t *testing.T) {
	g := newGateway(t, time.Hour)
	who := g.who
	for i := range shared {
		who.Name = uuid.NewString()
		if _, _, err := g.hub.follow(t.Context(), who, g.acme.ID); err != nil {
			t.Fatalf("stream %d: %v", i, err)
		}
	}
	who.Name = "one more token"
	if _, _, err := g.hub.follow(t.Context(), who, g.acme.ID); !fault.Is(err, fault.TryLater) {
		t.Errorf("one more: %v", err)
	}
	beta := access.Caller{Name: "b", Account: g.beta.ID, Role: account.Uploader}
	if _, _, err := g.hub.follow(t.Context(), beta, g.beta.ID); err != nil {
		t.Errorf("another account: %v", err)
	}
}
