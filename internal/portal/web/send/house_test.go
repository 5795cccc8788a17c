package send

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/browsertest"
	"sealgate/internal/fileobject"
	"sealgate/internal/portal/client"
	"sealgate/internal/portal/web/ui"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/upload"
)

const page = "/a/acme/upload"

// house is the page over a real intake. What the indexer says of a file, and when,
// says the test.
type house struct {
	*intaketest.World
	t      *testing.T
	acme   *catalog.Account
	person ui.Person
	server *httptest.Server

	mu      sync.Mutex
	said    map[string]fileobject.Object
	news    chan struct{}                                     // closed at the next event
	number  int                                               // of the last event
	meddle  func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
	methods []string                                          // of requests for uploads
	commits chan struct{}                                     // files are made when it is closed; nil = at once
}

func openHouse(t *testing.T) *house {
	t.Helper()
	h := &house{World: intaketest.New(t, nil), t: t, said: map[string]fileobject.Object{}, news: make(chan struct{})}
	h.acme = h.Account("acme", catalog.ContentKeep)
	h.person = ui.Person{Login: uuid.New(), Username: "eva", Role: "uploader", Account: "acme", Language: ui.English}
	uploads := upload.New(upload.Options{
		Intake: h.Intake, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Who: func(context.Context) (upload.Who, error) {
			return upload.Who{Account: h.acme.ID, Login: h.person.Login, Role: account.Uploader, Source: intake.SourcePortal, Actor: h.person.Login.String()}, nil
		},
		Object: func(_ context.Context, f *catalog.File) (any, error) { return h.object(f.ID.String()), nil },
		Still: func(context.Context) error {
			h.mu.Lock()
			commits := h.commits
			h.mu.Unlock()
			if commits != nil {
				<-commits
			}
			return nil
		},
	})
	mux := http.NewServeMux()
	for _, pattern := range upload.Patterns {
		mux.Handle(pattern, uploads)
	}
	mux.HandleFunc("GET /api/v1/files/{id}", func(w http.ResponseWriter, r *http.Request) {
		h.answer(w, h.object(r.PathValue("id")))
	})
	mux.HandleFunc("GET /api/v1/accounts/acme/events", h.events)
	mux.Handle(ui.AssetsPath, ui.Assets())
	pages := New(client.Inside(mux))
	mux.HandleFunc("GET /a/{account}/upload", pages.Show)
	mux.HandleFunc(Pattern, pages.Take)
	h.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		meddle := h.meddle
		if strings.HasPrefix(r.URL.Path, "/api/v1/uploads") {
			h.methods = append(h.methods, r.Method)
		}
		h.mu.Unlock()
		if meddle != nil && meddle(w, r) {
			return
		}
		mux.ServeHTTP(w, r.WithContext(ui.WithPerson(r.Context(), h.person)))
	}))
	h.server.EnableHTTP2 = true
	h.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	h.server.StartTLS()
	t.Cleanup(h.server.Close)
	return h
}

func (h *house) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		h.t.Error(err)
	}
}

// object is what the API says of a file: what was said of it, else that it came.
func (h *house) object(id string) fileobject.Object {
	h.mu.Lock()
	defer h.mu.Unlock()
	o, ok := h.said[id]
	if !ok {
		name := "a file"
		o = fileobject.Object{ID: id, Account: "acme", Name: &name, State: "received"}
	}
	return o
}

// say tells what became of a file, and that something did.
func (h *house) say(o fileobject.Object) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o.Account = "acme"
	h.said[o.ID] = o
	h.number++
	close(h.news)
	h.news = make(chan struct{})
}

func (h *house) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, ": hello\n\n")
	for {
		_ = http.NewResponseController(w).Flush()
		h.mu.Lock()
		news := h.news
		h.mu.Unlock()
		select {
		case <-r.Context().Done():
			return
		case <-news:
			fmt.Fprintf(w, "id: %d\nevent: file.indexed\ndata: {}\n\n", h.number)
		}
	}
}

// meddles puts something in the way of requests for uploads.
func (h *house) meddles(with func(w http.ResponseWriter, r *http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.meddle = with
}

// wire is the name and the bytes that a file has on its way.
func (h *house) only() *catalog.File {
	h.t.Helper()
	files := h.Files()
	if len(files) != 1 {
		h.t.Fatalf("%d files on record, not one", len(files))
	}
	return files[0]
}

func (h *house) open(t *testing.T, size browsertest.Size, options ...browsertest.Option) *browsertest.Page {
	t.Helper()
	return browsertest.Start(t, browsertest.Options{Trust: h.server.Certificate()}).Open(h.server.URL, size, options...)
}

// noise writes a file of random bytes.
func noise(t *testing.T, name string, size int) (path string, content []byte) {
	t.Helper()
	content = make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(content) // never fails
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, content
}

// cutter breaks off the bodies of some PATCH requests.
type cutter struct {
	io.ReadCloser
	left int
}

func (c *cutter) Read(p []byte) (int, error) {
	if c.left <= 0 {
		panic(http.ErrAbortHandler)
	}
	n, err := c.ReadCloser.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

func (h *house) count(method string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(h.methods), func(m string) bool { return m != method }))
}
