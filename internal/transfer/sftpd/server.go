// Package sftpd is the SFTP door: an SSH server that speaks the sftp subsystem
// and nothing else, over a tree of names that exists only in the catalog.
//
//	connection ─ handshake ─ sign-in ─ session channel ─ filter ─ pkg/sftp ─ session
//	                                                                          ├ /in    intake (write only)
//	                                                                          ├ /out   waiting files; removing = done
//	                                                                          └ /kept  kept files, read only
//
// What a client sends is parsed once (vpath) and that result is used for every
// check and every act; no name becomes a path of the operating system. A CLOSE
// is answered with OK only after the intake has made the file durable (R1); a
// transfer that ends any other way never becomes a file (R3).
//
// The server executes nothing, forwards nothing and has no terminal. Every
// goroutine belongs to Run and has ended when it returns.
package sftpd

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/crypto/ssh"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/metrics"
	"sealgate/internal/transfer/intake"
)

// Options are the parts of a Server. Zero durations and counts mean the
// defaults.
type Options struct {
	HostKeys []crypto.Signer
	SignIn   SignIn
	Intake   *intake.Intake
	Outbox   Outbox           // nil = /out is empty
	Kept     Kept             // nil = /kept is empty
	Space    Space            // nil = df is refused
	Now      func() time.Time // nil = time.Now
	Log      *slog.Logger     // nil = slog.Default()
	Metrics  *metrics.Set     // nil = none

	IdleTimeout time.Duration // of a session that says nothing
	Handshake   time.Duration // until the keys are exchanged
	SignInTime  time.Duration // from then until somebody has signed in
	Drain       time.Duration // for running transfers when Run is told to end

	MaxConnections int // in all
	MaxUnknown     int // connections of nobody yet, in all
	MaxPerSource   int // and of one source
	MaxPerAccount  int // connections of one account
}

// Defaults of Options.
const (
	defaultIdle           = 10 * time.Minute
	defaultHandshake      = 20 * time.Second
	defaultSignInTime     = 60 * time.Second
	defaultDrain          = 30 * time.Second
	defaultMaxConnections = 8192
	defaultMaxUnknown     = 512
	defaultMaxPerSource   = 128
	// One account gets three quarters: whatever its robots do, others come in.
	accountShare = 0.75

	// maxChannels of one connection; OpenSSH's MaxSessions.
	maxChannels = 10
	// maxBuffers is how many sessions that transfer files have buffers of their
	// own at a time: 512 KiB at once, some 6 MiB in a long transfer, all kept
	// while a handle is open. They spare a big upload a fifth of its work; the
	// others make garbage, and many short sessions are quicker so.
	maxBuffers = 8
	// sweepEvery is how often idle sessions are looked for, and sign-ins that
	// would not be let in any more.
	sweepEvery = 15 * time.Second
	drainStep  = 20 * time.Millisecond
	keepAlive  = 30 * time.Second
)

func (o *Options) fill() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	o.IdleTimeout = cmp.Or(o.IdleTimeout, defaultIdle)
	o.Handshake = cmp.Or(o.Handshake, defaultHandshake)
	o.SignInTime = cmp.Or(o.SignInTime, defaultSignInTime)
	o.Drain = cmp.Or(o.Drain, defaultDrain)
	o.MaxConnections = cmp.Or(o.MaxConnections, defaultMaxConnections)
	o.MaxUnknown = cmp.Or(o.MaxUnknown, defaultMaxUnknown)
	o.MaxPerSource = cmp.Or(o.MaxPerSource, defaultMaxPerSource)
	o.MaxPerAccount = cmp.Or(o.MaxPerAccount, max(1, int(float64(o.MaxConnections)*accountShare)))
}

// Server is the SFTP door.
type Server struct {
	opt  Options
	ssh  *ssh.ServerConfig
	gate *gate
	born time.Time // the time of the folders that are always there

	buffers share // sessions whose request server keeps its buffers

	mu       sync.Mutex // guards the fields below
	conns    map[*conn]struct{}
	count    uint64            // connections so far
	accounts map[uuid.UUID]int // signed-in connections of each
	draining bool
	work     sync.WaitGroup // one per connection
}

// New returns a server that is not listening yet.
func New(opt Options) (*Server, error) {
	opt.fill()
	config, err := baseConfig(opt.HostKeys)
	if err != nil {
		return nil, err
	}
	return &Server{
		opt: opt, ssh: config, conns: make(map[*conn]struct{}), accounts: make(map[uuid.UUID]int),
		gate: newGate(opt.MaxUnknown, opt.MaxPerSource), born: opt.Now(),
		buffers: share{most: maxBuffers},
	}, nil
}

// Fingerprints returns the host keys as "SHA256:... type".
func Fingerprints(hostKeys []crypto.Signer) ([]string, error) {
	var lines []string
	for _, k := range hostKeys {
		pub, err := ssh.NewPublicKey(k.Public())
		if err != nil {
			return nil, fault.Wrap(fault.Internal, "sftpd: host key", err)
		}
		lines = append(lines, ssh.FingerprintSHA256(pub)+" "+pub.Type())
	}
	return lines, nil
}

// Run serves l until ctx ends. Then nobody new is let in, idle sessions are
// ended, running transfers get Options.Drain to finish, and Run returns when
// every connection is gone.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.tend(ctx)
		l.Close()
	}()
	err := s.accept(l)
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	if ctx.Err() != nil {
		err = nil
	}
	s.drain()
	s.work.Wait()
	if err != nil {
		return fault.Wrap(fault.Internal, "sftpd: accept", err)
	}
	<-stopped
	return nil
}

// accept takes connections until the listener closes. Being out of file
// descriptors is no reason to stop.
func (s *Server) accept(l net.Listener) error {
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			s.begin(c)
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			s.opt.Log.Warn("cannot accept a connection", "error", err)
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// begin starts a connection's goroutine, unless the house is full.
func (s *Server) begin(nc net.Conn) {
	source := sourceOf(nc)
	s.mu.Lock()
	in, crowded := false, false
	if !s.draining && len(s.conns) < s.opt.MaxConnections {
		in, crowded = s.gate.enter(source)
	}
	if !in {
		s.mu.Unlock()
		s.opt.Metrics.SignIn("sftp", "none", "crowded")
		nc.Close()
		return
	}
	if crowded {
		s.evict()
	}
	c := newConn(s, nc, source)
	s.count++
	c.born = s.count
	s.conns[c] = struct{}{}
	s.work.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.work.Done()
		c.serve()
		s.mu.Lock()
		delete(s.conns, c)
		if who := c.who.Load(); who != nil {
			if s.accounts[who.Account]--; s.accounts[who.Account] == 0 {
				delete(s.accounts, who.Account)
			}
		}
		s.mu.Unlock()
	}()
}

// evict ends the connection that has been here longest without signing in. The
// caller holds mu.
func (s *Server) evict() {
	var oldest *conn
	for c := range s.conns {
		if c.who.Load() == nil && !c.evicted && (oldest == nil || c.born < oldest.born) {
			oldest = c
		}
	}
	if oldest != nil {
		oldest.evicted = true
		s.opt.Metrics.SignIn("sftp", "none", "crowded")
		oldest.Conn.Close()
	}
}

// admit lets a connection be somebody's, unless the account has its share.
func (s *Server) admit(c *conn, who *account.Identity) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[who.Account] >= s.opt.MaxPerAccount {
		return false
	}
	s.accounts[who.Account]++
	c.who.Store(who)
	return true
}

func sourceOf(nc net.Conn) netip.Addr {
	if a, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

func (s *Server) connections() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	return all
}

// tend sweeps until ctx ends.
func (s *Server) tend(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.sweep(ctx)
		}
	}
}

// sweep ends sessions that have been idle for too long, and those of logins
// that are not let in any more.
func (s *Server) sweep(ctx context.Context) {
	now := s.opt.Now()
	for _, c := range s.connections() {
		switch who := c.who.Load(); {
		case who == nil:
		case now.Sub(c.lastActive()) > s.opt.IdleTimeout:
			s.opt.Log.Info("idle SFTP connection ended", "login", who.Login)
			c.Close()
		case !s.opt.SignIn.StillValid(ctx, who):
			s.opt.Log.Info("SFTP connection of a login that may not sign in any more ended", "login", who.Login)
			c.Close()
		}
	}
}

// drain ends every connection without a running transfer, then waits for the
// others as long as they may take.
func (s *Server) drain() {
	end := time.NewTimer(s.opt.Drain)
	defer end.Stop()
	tick := time.NewTicker(drainStep)
	defer tick.Stop()
	for {
		left := s.connections()
		for _, c := range left {
			if c.quiet() {
				c.Close()
			}
		}
		if len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-end.C:
			for _, c := range s.connections() {
				c.Close()
			}
			return
		}
	}
}
