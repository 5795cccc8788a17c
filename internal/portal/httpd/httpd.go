// Package httpd is the HTTPS door: TLS 1.3 and nothing older, HTTP/1.1 and HTTP/2.
//
//	connection ─ gate ─ TLS ─ request ─ checks ─┬ /api/v1/…   the API and uploads
//	                                            ├ /connect/v1/…  agents
//	                                            ├ /healthz, /readyz
//	                                            ├ /.well-known/sealgate.json
//	                                            └ everything else: pages
//
// The door decides what every request has in common, whoever answers it: which
// connections come in and how slow they may be, which requests are refused before
// anybody looks at them, and the headers that every answer carries. It knows nobody
// and holds no right: who asks, and what he may, is found out behind it.
//
// Nobody in front of the door is believed: the address of a client is that of the
// connection. Every goroutine belongs to Run and has ended when it returns.
package httpd

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/metrics"
)

// Certificates is where the certificate comes from that a client is shown; it is
// asked at each handshake.
type Certificates interface {
	Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error)
}

// Identity is what the gateway says of itself to everybody.
type Identity struct {
	Fingerprint string `json:"identity"` // SHA256:…, as in receipts
	Key         string `json:"key"`      // verifier key of signed notes
	Version     string `json:"version"`
}

// Options are the parts of a Server. Zero durations and counts mean the defaults.
type Options struct {
	Certificates Certificates
	Protocols    []string                    // of TLS's ALPN besides HTTP's: how an authority looks whose name it is
	Host         string                      // what clients call this gateway; "" = anything
	API          http.Handler                // all below /api/v1/; nil = nobody is let in
	Connect      http.Handler                // agents, below /connect/v1/; nil = none
	Web          http.Handler                // pages: everything that nobody else answers; nil = there are none
	Streams      []string                    // patterns of requests with bodies of any size, for which API or Web sets its own deadlines
	Ready        func(context.Context) error // nil when work can be taken in
	Identity     Identity

	Now     func() time.Time // nil = time.Now
	Log     *slog.Logger     // nil = slog.Default()
	Metrics *metrics.Set     // nil = none

	Header  time.Duration // for a handshake, and for the head of a request
	Body    time.Duration // for the body of a request that is no stream
	Write   time.Duration // for each piece of an answer
	Idle    time.Duration // of a connection without a request
	Drain   time.Duration // for requests under way when Run is told to end
	Hurry   time.Duration // of that, for those that have not begun to answer and are no stream
	MaxOpen int           // connections in all
	MaxEach int           // connections of one address
}

// Defaults of Options, and limits that nobody has to set.
const (
	defaultHeader  = 10 * time.Second
	defaultBody    = 30 * time.Second
	defaultWrite   = time.Minute
	defaultIdle    = time.Minute
	defaultDrain   = 30 * time.Second
	defaultHurry   = 5 * time.Second
	defaultMaxOpen = 4096
	defaultMaxEach = 256

	maxHeader  = 32 << 10
	maxBody    = 1 << 20 // of a request that is no stream
	maxStreams = 32      // requests at a time in one HTTP/2 connection
)

func (o *Options) fill() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Ready == nil {
		o.Ready = func(context.Context) error { return nil }
	}
	if o.API == nil {
		o.API = http.HandlerFunc(nobody)
	}
	if o.Connect == nil {
		o.Connect = http.HandlerFunc(nothing)
	}
	if o.Web == nil {
		o.Web = http.HandlerFunc(nothing)
	}
	o.Header = cmp.Or(o.Header, defaultHeader)
	o.Body = cmp.Or(o.Body, defaultBody)
	o.Write = cmp.Or(o.Write, defaultWrite)
	o.Idle = cmp.Or(o.Idle, defaultIdle)
	o.Drain = cmp.Or(o.Drain, defaultDrain)
	o.Hurry = cmp.Or(o.Hurry, defaultHurry)
	o.MaxOpen = cmp.Or(o.MaxOpen, defaultMaxOpen)
	o.MaxEach = cmp.Or(o.MaxEach, defaultMaxEach)
}

// Server is the HTTPS door.
type Server struct {
	opt   Options
	ready readiness

	// running is held for reading by each request, so that Run can wait for all of
	// them: those of HTTP/2 may outlive their connection.
	running sync.RWMutex
	closed  bool // guarded by running
}

// New returns a server that is not listening yet. It panics when two patterns of
// Streams are in each other's way.
func New(opt Options) *Server {
	opt.fill()
	return &Server{opt: opt, ready: readiness{ask: opt.Ready, now: opt.Now}}
}

// Run serves l until ctx ends. Then no new request is let in, those that have not
// begun to answer get Options.Hurry, running transfers Options.Drain, and Run returns
// when every request has ended.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	hurry, hurryNow := context.WithCancel(context.WithoutCancel(ctx))
	defer hurryNow()
	g := newGate(l, s.opt.MaxOpen, s.opt.MaxEach, func() func() { return s.opt.Metrics.Session("https") })
	srv := &http.Server{
		Handler:                      s.handler(hurry),
		TLSConfig:                    &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: s.opt.Certificates.Certificate, NextProtos: append([]string{"h2", "http/1.1"}, s.opt.Protocols...)},
		ReadHeaderTimeout:            s.opt.Header, // for the handshake, too
		IdleTimeout:                  s.opt.Idle,
		MaxHeaderBytes:               maxHeader,
		ConnState:                    g.state,
		DisableGeneralOptionsHandler: true, // OPTIONS * is a request like others
		ErrorLog:                     slog.NewLogLogger(quiet{s.opt.Log.Handler()}, slog.LevelWarn),
		BaseContext:                  func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams,
			SendPingTimeout:      s.opt.Idle / 2,
			PingTimeout:          s.opt.Header,
			WriteByteTimeout:     s.opt.Write,
		},
	}
	err := serve(ctx, srv, func() error { return srv.ServeTLS(g, "", "") }, s.opt.Drain, s.opt.Hurry, hurryNow)
	s.running.Lock()
	s.closed = true
	s.running.Unlock()
	return fault.Wrap(fault.Internal, "httpd: serve", err)
}

// serve runs a server until ctx ends, then lets it drain. hurryNow is called when
// part of that time is over.
func serve(ctx context.Context, srv *http.Server, run func() error, drain, hurry time.Duration, hurryNow func()) error {
	done := make(chan error, 1)
	go func() { done <- run() }()
	select {
	case err := <-done:
		srv.Close()
		return err
	case <-ctx.Done():
	}
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer stop()
	defer time.AfterFunc(hurry, hurryNow).Stop()
	if srv.Shutdown(grace) != nil {
		srv.Close()
	}
	<-done
	return nil
}
