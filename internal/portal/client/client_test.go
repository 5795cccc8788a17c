package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/client"
)

// serve answers on the control socket of a new data directory.
func serve(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "sg") // short: t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, client.SocketFile))
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Close() })
	return client.New(dir)
}

func TestNoGatewayIsAnErrorOfItsOwn(t *testing.T) {
	err := client.New(t.TempDir()).Get(t.Context(), "/accounts", nil, nil)
	if !errors.Is(err, client.ErrNoAnswer) {
		t.Errorf("error %v", err)
	}
}

func TestAnInterruptedRequestIsNotAMissingGateway(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) {})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := c.Get(ctx, "/accounts", nil, nil); !errors.Is(err, context.Canceled) || errors.Is(err, client.ErrNoAnswer) {
		t.Errorf("error %v", err)
	}
}

func TestRequestsAreWhatWasAsked(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_ = json.NewEncoder(w).Encode(r.Method + " " + r.URL.String() + " " + string(body))
	})
	var got string
	if err := c.Get(t.Context(), "/files", url.Values{"name": {"a b"}}, &got); err != nil || got != "GET /api/v1/files?name=a+b " {
		t.Errorf("%q, %v", got, err)
	}
	if err := c.Post(t.Context(), "/accounts", map[string]string{"name": "x"}, &got); err != nil || got != `POST /api/v1/accounts {"name":"x"}` {
		t.Errorf("%q, %v", got, err)
	}
	if err := c.Upload(t.Context(), "/up", nil, strings.NewReader("bytes"), &got); err != nil || got != "POST /api/v1/up bytes" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestProblemsBecomeTheErrorsTheyWere(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/bare" {
			http.Error(w, "what?", http.StatusNotFound)
			return
		}
		p := portal.ProblemOf(fault.New(fault.Locked, "x", "a key is missing"))
		w.WriteHeader(p.Status)
		_ = json.NewEncoder(w).Encode(p)
	})
	if err := c.Get(t.Context(), "/x", nil, nil); !fault.Is(err, fault.Locked) || fault.Message(err) != "a key is missing" {
		t.Errorf("error %v", err)
	}
	if err := c.Get(t.Context(), "/bare", nil, nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("error %v", err)
	}
}

// Content that the gateway finds damaged half way, and content that is cut, must
// not look like a short file.
func TestDamagedAndCutContentIsAnError(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", portal.ProblemTrailer)
		w.Header().Set(portal.SizeHeader, "8")
		w.Header().Set("Content-Disposition", `attachment; filename="lon.xml"`)
		_, _ = io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		switch r.URL.Path {
		case "/api/v1/damaged":
			text, _ := json.Marshal(portal.ProblemOf(fault.New(fault.Damaged, "x", "slot 1 is damaged")))
			w.Header().Set(portal.ProblemTrailer, string(text))
		case "/api/v1/cut":
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, "more")
		}
	})
	read := func(path string) (string, error) {
		d, err := c.Download(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if d.Size != 8 || d.Name != "lon.xml" {
			t.Errorf("size %d, name %q", d.Size, d.Name)
		}
		text, err := io.ReadAll(d)
		return string(text), err
	}
	if text, err := read("/whole"); err != nil || text != "halfmore" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := read("/damaged"); !fault.Is(err, fault.Damaged) {
		t.Errorf("damaged content: %v", err)
	}
	if _, err := read("/cut"); err == nil {
		t.Error("cut content is no error")
	}
}

func TestTheSocketMayLieElsewhere(t *testing.T) {
	dir := t.TempDir()
	far, err := os.MkdirTemp("", "sg")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(far)
	l, err := net.Listen("unix", filepath.Join(far, "s"))
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `"far"`) })}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	if err := os.WriteFile(filepath.Join(dir, client.PathFile), []byte(filepath.Join(far, "s")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := client.New(dir).Get(t.Context(), "/", nil, &got); err != nil || got != "far" {
		t.Errorf("%q, %v", got, err)
	}
}
