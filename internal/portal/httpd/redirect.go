package httpd

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"sealgate/internal/fault"
)

// Redirects is the plain HTTP door: it tells browsers where the other door is. Who
// brings a body or a secret is refused instead, so that he notices that both were in
// the open.
type Redirects struct {
	To  string // https://host, or with a port
	Log *slog.Logger
}

const (
	redirectTime = 10 * time.Second
	redirectOpen = 512
	redirectEach = 64
)

// Run serves l until ctx ends.
func (d Redirects) Run(ctx context.Context, l net.Listener) error {
	g := newGate(l, redirectOpen, redirectEach, func() func() { return func() {} })
	srv := &http.Server{
		Handler:                      d,
		ReadTimeout:                  redirectTime,
		WriteTimeout:                 redirectTime,
		MaxHeaderBytes:               maxHeader,
		ConnState:                    g.state,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(quiet{d.Log.Handler()}, slog.LevelWarn),
	}
	srv.SetKeepAlivesEnabled(false)
	err := serve(ctx, srv, func() error { return srv.Serve(g) }, redirectTime, redirectTime, func() {})
	return fault.Wrap(fault.Internal, "httpd: plain http", err)
}

// RunPlain serves l as Redirects does, and agents beside: what they say is sealed and
// signed by itself. It ends with Run.
func (s *Server) RunPlain(ctx context.Context, l net.Listener, d Redirects) error {
	g := newGate(l, s.opt.MaxOpen, s.opt.MaxEach, func() func() { return func() {} })
	srv := &http.Server{
		Handler:                      s.received(s.plain(d)),
		ReadHeaderTimeout:            s.opt.Header,
		IdleTimeout:                  s.opt.Idle,
		MaxHeaderBytes:               maxHeader,
		ConnState:                    g.state,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(quiet{s.opt.Log.Handler()}, slog.LevelWarn),
		BaseContext:                  func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	err := serve(ctx, srv, func() error { return srv.Serve(g) }, s.opt.Drain, s.opt.Hurry, func() {})
	return fault.Wrap(fault.Internal, "httpd: plain http", err)
}

// plain tells agents from all others, who are sent away at once.
func (s *Server) plain(d Redirects) http.Handler {
	agents := s.checked(s.opt.Connect)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, connectPath) {
			agents.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Connection", "close")
		w.Header().Del("Strict-Transport-Security") // means nothing here
		d.ServeHTTP(w, r)
	})
}

// ServeHTTP answers a request.
func (d Redirects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !reads || r.ContentLength != 0 || r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" || !strings.HasPrefix(r.URL.Path, "/") {
		refuse(w, r, http.StatusForbidden, "this is not encrypted, anybody could read along: use "+d.To)
		return
	}
	target := *r.URL
	target.Scheme, target.Host, target.User = "", "", nil
	w.Header().Set("Location", d.To+target.RequestURI())
	w.WriteHeader(http.StatusPermanentRedirect)
}
