// Package control is how commands talk to the running agent: HTTP over a socket in
// its directory, which only its owner can open. Where Connect is another account's,
// as a service's, asking takes an administrator.
package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"runtime"
	"syscall"
	"time"

	"sealgate/internal/agent/status"
	"sealgate/internal/fault"
)

// ErrStopped: no agent is running.
var ErrStopped = errors.New("no Connect is running here")

// Agent is what commands ask for.
type Agent interface {
	Status(ctx context.Context) (*status.Status, error)
	Send(ctx context.Context, paths []string) error // files that a person named: sent and left where they are
	File(ctx context.Context, path string) (status.File, error)
	Retry(ctx context.Context) error
	Fetch(ctx context.Context) (*status.Fetch, error)
}

const maxAsked = 1 << 20

type paths struct {
	Paths []string `json:"paths"`
}

type said struct {
	Kind    string `json:"kind,omitempty"`
	Message string `json:"message,omitempty"`
}

// Listen opens the socket, or what serves as one. One that a killed agent has left behind is replaced: the
// caller holds the directory's lock.
func Listen(path string) (net.Listener, error) {
	for _, old := range []string{path, note(path)} {
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fault.Wrap(fault.Internal, "control: listen", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil && runtime.GOOS == "windows" {
		return listenLoopback(path)
	}
	if err != nil {
		return nil, fault.New(fault.Internal, "control: listen", "the socket %s cannot be opened: %v", path, err)
	}
	return l, fault.Wrap(fault.Internal, "control: listen", os.Chmod(path, 0o600))
}

// Serve answers until ctx ends.
func Serve(ctx context.Context, l net.Listener, a Agent) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		s, err := a.Status(r.Context())
		answer(w, s, err)
	})
	mux.HandleFunc("GET /file", func(w http.ResponseWriter, r *http.Request) {
		f, err := a.File(r.Context(), r.URL.Query().Get("path"))
		answer(w, f, err)
	})
	mux.HandleFunc("POST /send", func(w http.ResponseWriter, r *http.Request) {
		var p paths
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAsked)).Decode(&p)
		if err == nil {
			err = a.Send(r.Context(), p.Paths)
		}
		answer(w, struct{}{}, err)
	})
	mux.HandleFunc("POST /retry", func(w http.ResponseWriter, r *http.Request) { answer(w, struct{}{}, a.Retry(r.Context())) })
	mux.HandleFunc("POST /fetch", func(w http.ResponseWriter, r *http.Request) {
		f, err := a.Fetch(r.Context())
		answer(w, f, err)
	})
	serve(ctx, l, mux, 0) // fetching takes as long as it takes
}

// Page serves the status page on an address of this machine until ctx ends. It only
// shows, and only to who calls it by an address: a name could be a stranger's page.
func Page(ctx context.Context, l net.Listener, a Agent) {
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if host != "localhost" && net.ParseIP(host) == nil {
			http.Error(w, "call this page by the address of this machine", http.StatusMisdirectedRequest)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead || r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		s, err := a.Status(r.Context())
		if err != nil {
			http.Error(w, fault.Message(err), http.StatusInternalServerError)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		_ = s.Page(w) // who asked is gone when this fails
	})
	serve(ctx, l, page, time.Minute)
}

func serve(ctx context.Context, l net.Listener, h http.Handler, write time.Duration) {
	s := &http.Server{Handler: h, ReadTimeout: 10 * time.Second, WriteTimeout: write, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	_ = s.Serve(l) // ends when it is closed
}

func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		message := fault.Message(err)
		var spoken interface{ Spoken() string }
		if errors.As(err, &spoken) {
			message = spoken.Spoken()
		}
		v = said{fault.KindOf(err).String(), message}
	}
	_ = json.NewEncoder(w).Encode(v)
}

// Client asks the running agent.
type Client struct{ http *http.Client }

// Dial makes a client of the agent whose socket this is.
func Dial(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		switch text, err := os.ReadFile(note(path)); {
		case err == nil:
			return dialLoopback(ctx, text)
		case errors.Is(err, fs.ErrPermission):
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	return &Client{&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

func (c *Client) ask(ctx context.Context, method, path string, body, into any) error {
	const op = "control: ask"
	text, err := json.Marshal(body)
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://connect"+path, bytes.NewReader(text))
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	resp, err := c.http.Do(r)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Denied, op, "the running Connect belongs to another account; ask as administrator")
	case errors.Is(err, ErrStopped), errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return ErrStopped
	case err != nil:
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return ErrStopped
		}
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var s said
		if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
			return fault.Wrap(fault.Internal, op, err)
		}
		return fault.New(kindOf(s.Kind), op, "%s", s.Message)
	}
	return fault.Wrap(fault.Internal, op, json.NewDecoder(resp.Body).Decode(into))
}

func kindOf(name string) fault.Kind {
	for k := fault.Internal; k <= fault.Damaged; k++ {
		if k.String() == name {
			return k
		}
	}
	return fault.Internal
}
