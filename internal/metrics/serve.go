package metrics

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sealgate/internal/fault"
)

// Handler answers /metrics, and /debug/pprof/ when profiling is true. A profile
// shows what the program does and, byte for byte, parts of what it holds: it is
// for this machine only.
func (s *Set) Handler(profiling bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	if profiling {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// Serve answers on l until ctx ends. Profiles are served only on a loopback
// address, and only to requests that name it by address: a page in somebody's
// browser that points its own name at this machine gets nothing.
func (s *Set) Serve(ctx context.Context, l net.Listener) error {
	h := s.Handler(isLoopback(l.Addr().String()))
	srv := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { byAddress(h, w, r) }),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fault.Wrap(fault.Internal, "metrics: serve", err)
	}
	return nil
}

func byAddress(h http.Handler, w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if host != "localhost" && net.ParseIP(host) == nil {
		http.Error(w, "ask by address", http.StatusMisdirectedRequest)
		return
	}
	h.ServeHTTP(w, r)
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}
