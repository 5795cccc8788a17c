package sftpd

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"sealgate/internal/account"
	"sealgate/internal/transfer/sftpd/packets"
)

// graceForLast is how long the end of a TCP connection is held back from the
// SSH library while an answer to CLOSE is not confirmed, at most: for the
// library to hand out what the client sent before it hung up. It is over as soon
// as it has. The library does not tell when it has nothing more, so it takes a
// time; a client that sent nothing more has gone, and nobody waits for its end.
const graceForLast = time.Second

// conn is one TCP connection with the SSH connection on top of it. It is itself
// the net.Conn that the SSH library reads from.
type conn struct {
	net.Conn
	srv    *Server
	source netip.Addr
	who    atomic.Pointer[account.Identity] // nil until signed in

	born    uint64 // its place in the order of connections
	evicted bool   // it made room for another; guarded by the server's mu

	active  atomic.Int64  // when bytes last came or went, in Unix nanoseconds
	owed    atomic.Int32  // CLOSE answers that nothing has followed yet
	settled chan struct{} // a token: owed has become 0
	lost    atomic.Bool   // reading failed: the client is gone

	mu       sync.Mutex // guards sessions
	sessions map[*session]struct{}
	channels sync.WaitGroup
}

var errCrowded = errors.New("the account has its share of connections")

func newConn(s *Server, nc net.Conn, source netip.Addr) *conn {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: keepAlive, Interval: keepAlive / 2, Count: 4})
	}
	c := &conn{Conn: nc, srv: s, source: source, settled: make(chan struct{}, 1), sessions: make(map[*session]struct{})}
	c.touch()
	return c
}

func (c *conn) touch()                { c.active.Store(c.srv.opt.Now().UnixNano()) }
func (c *conn) lastActive() time.Time { return time.Unix(0, c.active.Load()) }

// Read notes when the client is gone before anybody above can see it: that is
// how the end of a channel is told from a cut connection.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.touch()
	}
	if err != nil {
		if !errors.Is(err, net.ErrClosed) {
			c.awaitLast()
		}
		c.lost.Store(true)
	}
	return n, err
}

// awaitLast waits until something has followed every answer to CLOSE, or
// nothing will.
func (c *conn) awaitLast() {
	if c.owed.Load() == 0 {
		return
	}
	grace := time.NewTimer(graceForLast)
	defer grace.Stop()
	for c.owed.Load() > 0 {
		select {
		case <-c.settled:
		case <-grace.C:
			return
		}
	}
}

// owe counts answers to CLOSE; a negative n are those that something followed.
func (c *conn) owe(n int) {
	if c.owed.Add(int32(n)) > 0 {
		return
	}
	select {
	case c.settled <- struct{}{}:
	default:
	}
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.touch()
	}
	return n, err
}

// serve runs the connection to its end.
func (c *conn) serve() {
	defer c.Close()
	sc, channels, requests, err := c.handshake()
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	open := 0
	ended := make(chan struct{}, maxChannels)
	for {
		select {
		case <-ended:
			open--
		case nc, ok := <-channels:
			switch {
			case !ok:
				c.channels.Wait()
				_ = sc.Wait()
				return
			case nc.ChannelType() != "session":
				_ = nc.Reject(ssh.Prohibited, "only SFTP is offered here")
			case open >= maxChannels:
				_ = nc.Reject(ssh.ResourceShortage, "too many sessions on one connection")
			default:
				open++
				c.channels.Go(func() {
					c.channel(nc)
					ended <- struct{}{}
				})
			}
		}
	}
}

// handshake exchanges keys and signs in, within the time and the number of
// connections that strangers get.
func (c *conn) handshake() (*ssh.ServerConn, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
	defer c.srv.gate.leave(c.source)
	opt := &c.srv.opt
	_ = c.SetDeadline(time.Now().Add(opt.Handshake))
	s := &signIn{by: opt.SignIn, source: c.source}
	config := s.configure(c.srv.ssh)
	exchanged := false
	config.PreAuthConnCallback = func(ssh.ServerPreAuthConn) {
		exchanged = true
		_ = c.SetDeadline(time.Now().Add(opt.SignInTime))
	}
	sc, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		reason := "handshake"
		if exchanged {
			reason = "sign-in"
		}
		opt.Log.Debug("SFTP connection refused", "at", reason, "error", err)
		return nil, nil, nil, err
	}
	who := signedIn(sc)
	if who == nil { // cannot happen: every callback that lets in says whom
		sc.Close()
		return nil, nil, nil, errors.New("nobody signed in")
	}
	if !c.srv.admit(c, who) {
		opt.Log.Warn("an account has too many SFTP connections; one was ended", "account", who.Account, "login", who.Login)
		sc.Close()
		return nil, nil, nil, errCrowded
	}
	_ = c.SetDeadline(time.Time{})
	return sc, channels, requests, nil
}

// channel serves one session channel: it waits for the sftp subsystem, refuses
// everything else, and runs it.
func (c *conn) channel(nc ssh.NewChannel) {
	ch, requests, err := nc.Accept()
	if err != nil {
		return
	}
	defer ch.Close()
	for r := range requests {
		if r.Type != "subsystem" || subsystem(r.Payload) != "sftp" {
			_ = r.Reply(false, nil)
			continue
		}
		_ = r.Reply(true, nil)
		go ssh.DiscardRequests(requests)
		c.sftp(ch)
		return
	}
}

// subsystem reads the name in a subsystem request (RFC 4254 section 6.5).
func subsystem(payload []byte) string {
	var request struct{ Name string }
	if ssh.Unmarshal(payload, &request) != nil {
		return ""
	}
	return request.Name
}

// sftp runs one SFTP session over ch.
func (c *conn) sftp(ch ssh.Channel) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := newSession(ctx, c, c.who.Load())
	f := packets.New(ch, s)
	s.filter = f
	c.mu.Lock()
	c.sessions[s] = struct{}{}
	c.mu.Unlock()
	defer c.srv.opt.Metrics.Session("sftp")()
	err := f.Run(func(transfers bool) error {
		options := []sftp.RequestServerOption{sftp.WithRSMaxTxPacket(packets.MaxData)}
		if transfers && c.srv.buffers.take() {
			defer c.srv.buffers.give()
			options = append(options, sftp.WithRSAllocator())
		}
		return sftp.NewRequestServer(f, s.handlers(), options...).Serve()
	})
	c.srv.opt.Log.Debug("SFTP session ended", "login", s.who.Login, "error", err)
	c.mu.Lock()
	delete(c.sessions, s)
	c.mu.Unlock()
	_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{0}))
	_ = f.Close()
}

// quiet reports whether no transfer runs and no request waits.
func (c *conn) quiet() bool {
	if c.who.Load() == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.sessions {
		if !s.filter.Idle() {
			return false
		}
	}
	return true
}
