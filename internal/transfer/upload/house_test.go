package upload

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/intake/intaketest"
)

// house is the door over a real intake, on a TLS socket, with two accounts.
type house struct {
	*intaketest.World
	t       *testing.T
	acme    *catalog.Account
	eva     uuid.UUID
	who     map[string]Who // by bearer token
	uploads *Uploads
	server  *httptest.Server
	client  *http.Client

	mu     sync.Mutex // guards what follows
	denied []uuid.UUID
	gone   bool // nobody may send any more
}

type whoKey struct{}

func openHouse(t *testing.T) *house {
	t.Helper()
	h := &house{World: intaketest.New(t, nil), t: t, eva: uuid.New()}
	h.acme = h.Account("acme", catalog.ContentKeep)
	other := h.Account("other", catalog.ContentKeep)
	h.who = map[string]Who{
		"acme":   {Account: h.acme.ID, Role: account.Uploader, Source: intake.SourceAPI, Actor: "token:acme"},
		"eva":    {Account: h.acme.ID, Login: h.eva, Role: account.Admin, Source: intake.SourcePortal, Actor: h.eva.String()},
		"reader": {Account: h.acme.ID, Role: account.Reader, Source: intake.SourceAPI, Actor: "token:reader"},
		"other":  {Account: other.ID, Role: account.Uploader, Source: intake.SourceAPI, Actor: "token:other"},
	}
	h.open()
	h.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		h.uploads.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoKey{}, token)))
	}))
	h.server.EnableHTTP2 = true
	h.server.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	h.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	h.server.StartTLS()
	t.Cleanup(h.server.Close)
	h.client = h.server.Client()
	return h
}

// open makes the handler; after a Restart of the world, as a new process does.
func (h *house) open() {
	h.uploads = New(Options{
		Intake: h.Intake, Now: h.Clock.Now, Log: slog.New(slog.DiscardHandler),
		Who: func(ctx context.Context) (Who, error) {
			token, _ := ctx.Value(whoKey{}).(string)
			who, ok := h.who[token]
			if !ok {
				return Who{}, fault.New(fault.Denied, "test", "nobody")
			}
			return who, nil
		},
		Object: func(_ context.Context, f *catalog.File) (any, error) {
			return map[string]any{"id": f.ID, "state": f.State, "size": f.Content.Size}, nil
		},
		Still: func(ctx context.Context) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.gone {
				return fault.New(fault.Denied, "test", "the token was removed")
			}
			return ctx.Err()
		},
		Denied: func(_ context.Context, id uuid.UUID) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.denied = append(h.denied, id)
		},
	})
}

// restart forgets everything that a process knows.
func (h *house) restart() {
	h.Restart()
	h.open()
}

// call sends a request as acme, unless a header says who; header holds names and
// values. The answer's body is read.
func (h *house) call(method, path string, body any, header ...string) (*http.Response, []byte) {
	h.t.Helper()
	resp, b, err := h.try(method, path, body, header...)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp, b
}

func (h *house) try(method, path string, body any, header ...string) (*http.Response, []byte, error) {
	h.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case []byte:
		r = bytes.NewReader(b)
	case io.Reader:
		r = b
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.server.URL+path, r)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer acme")
	if strings.HasPrefix(path, uploadsPath) {
		req.Header.Set("Tus-Resumable", tusVersion)
	}
	if method == http.MethodPatch {
		req.Header.Set("Content-Type", offsetType)
	}
	for pair := range slices.Chunk(header, 2) {
		req.Header.Del(pair[0])
		if pair[1] != "" {
			req.Header.Set(pair[0], pair[1])
		}
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, b, err
}

// want fails unless the answer has this status.
func (h *house) want(status int, resp *http.Response, body []byte) {
	h.t.Helper()
	if resp.StatusCode != status {
		h.t.Fatalf("%s %s: %s, not %d: %s", resp.Request.Method, resp.Request.URL.Path, resp.Status, status, body)
	}
	if status < 400 || resp.Request.Method == http.MethodHead {
		return
	}
	var p portal.Problem
	if err := json.Unmarshal(body, &p); err != nil || p.Status != status || p.Detail == "" ||
		!strings.HasPrefix(p.Type, portal.ProblemType) || resp.Header.Get("Content-Type") != "application/problem+json" {
		h.t.Fatalf("no problem object: %s %s", resp.Header.Get("Content-Type"), body)
	}
}

func filename(name string) string {
	return "filename " + base64.StdEncoding.EncodeToString([]byte(name))
}

func itoa[N int | int64](n N) string { return strconv.FormatInt(int64(n), 10) }

// begin makes an upload and returns its path.
func (h *house) begin(name string, length int, header ...string) string {
	h.t.Helper()
	header = append([]string{"Upload-Length", itoa(length), "Upload-Metadata", filename(name)}, header...)
	resp, b := h.call(http.MethodPost, uploadsPath, nil, header...)
	h.want(http.StatusCreated, resp, b)
	return resp.Header.Get("Location")
}

func (h *house) patch(path string, at int, piece []byte, header ...string) (*http.Response, []byte) {
	h.t.Helper()
	return h.call(http.MethodPatch, path, piece, append([]string{"Upload-Offset", itoa(at)}, header...)...)
}

// offset asks how much has come.
func (h *house) offset(path string) int {
	h.t.Helper()
	resp, b := h.call(http.MethodHead, path, nil)
	h.want(http.StatusOK, resp, b)
	n, err := strconv.Atoi(resp.Header.Get("Upload-Offset"))
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// received fails unless there is exactly one file, received, with this content.
func (h *house) received(id string, content []byte) *catalog.File {
	h.t.Helper()
	files := h.Files()
	if len(files) != 1 || files[0].ID.String() != id || files[0].State != catalog.Received {
		h.t.Fatalf("%d files, first %+v, not the one received as %s", len(files), files[0], id)
	}
	if !bytes.Equal(h.Read(files[0]), content) {
		h.t.Fatal("other bytes")
	}
	return files[0]
}

// nothing fails when anything is left of an upload.
func (h *house) nothing() {
	h.t.Helper()
	if files := h.Files(); len(files) > 0 {
		h.t.Errorf("%d files on record: %+v", len(files), files[0])
	}
	if n := h.Objects(); n > 0 {
		h.t.Errorf("%d objects in the vault", n)
	}
}

func noise(seed, n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = src.Read(b)
	return b
}
