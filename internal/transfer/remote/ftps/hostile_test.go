package ftps_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/ftps"
	"sealgate/internal/transfer/remote/remotetest"
)

// server is an FTPS server that does what a test wants. Without a wish it has one
// file, /file, and takes what is stored.
type server struct {
	tls      *tls.Config
	dataTLS  *tls.Config // nil = the same
	implicit bool
	names    []string // of its certificate
	file     []byte
	says     map[string]string // verb: the answer instead; "" = none
	listing  string
	endless  string       // is sent as a listing, again and again
	chunk    int          // bytes a TLS record; 0 = all
	cutAt    atomic.Int64 // bytes of a data connection, TLS and all, after which it is cut; 0 = never
	noNotify bool         // data connections end without TLS saying so
	after    string       // the answer after a transfer
	inject   string       // is said in the clear after AUTH TLS
	hello    func(net.Conn)

	mu     sync.Mutex
	stored []byte
	upload error // how the newest upload ended
	asked  []string

	port        uint16
	fingerprint string
	roots       *x509.CertPool
}

func (s *server) start(t testing.TB) *server {
	t.Helper()
	certificate, fingerprint, roots := remotetest.Certificate(t, s.names...)
	s.fingerprint, s.roots = fingerprint, roots
	if s.tls == nil {
		s.tls = &tls.Config{}
	}
	if s.tls.Certificates == nil {
		s.tls.Certificates = []tls.Certificate{certificate}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = uint16(l.Addr().(*net.TCPAddr).Port)
	var done sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			done.Go(func() {
				defer func() { _ = conn.Close() }()
				(&session{server: s, raw: conn}).serve()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		done.Wait()
	})
	return s
}

func (s *server) config() ftps.Config {
	return ftps.Config{
		Server: remote.Server{Host: "127.0.0.1", Port: s.port, Guard: remotetest.Loopback()}, Implicit: s.implicit,
		User: "robot", Password: "secret", Certificates: []string{s.fingerprint},
	}
}

// verbs are what was asked so far.
func (s *server) verbs() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.asked, " ")
}

type session struct {
	*server
	raw    net.Conn
	conn   net.Conn // raw, or TLS over it
	passiv net.Listener
	offset int
}

func (s *session) say(format string, args ...any) { fmt.Fprintf(s.conn, format+"\r\n", args...) }

func (s *session) serve() {
	defer func() {
		if s.passiv != nil {
			_ = s.passiv.Close()
		}
	}()
	s.conn = s.raw
	if s.hello != nil {
		s.hello(s.raw)
		return
	}
	if s.implicit {
		s.conn = tls.Server(s.raw, s.tls)
	}
	s.say("220 hello")
	r := bufio.NewReader(s.conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, arg, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		s.mu.Lock()
		s.asked = append(s.asked, verb)
		s.mu.Unlock()
		if answer, wish := s.says[verb]; wish {
			if answer != "" {
				s.say("%s", answer)
			}
			continue
		}
		if verb == "AUTH" {
			fmt.Fprintf(s.conn, "234 go on\r\n%s", s.inject)
			s.conn = tls.Server(s.raw, s.tls)
			r = bufio.NewReader(s.conn)
			continue
		}
		s.do(verb, arg)
	}
}

func (s *session) do(verb, arg string) {
	switch verb {
	case "USER":
		s.say("331 and?")
	case "PASS":
		if arg == "secret" {
			s.say("230 in")
		} else {
			s.say("530 no")
		}
	case "FEAT":
		s.say("211-features\r\n SIZE\r\n MDTM\r\n MLST type*;size*;modify*;\r\n XSHA256\r\n211 end")
	case "PWD":
		s.say(`257 "/" is it`)
	case "SIZE":
		s.mu.Lock()
		stored := s.stored
		s.mu.Unlock()
		switch {
		case arg == "/file":
			s.say("213 %d", len(s.file))
		case stored != nil:
			s.say("213 %d", len(stored))
		default:
			s.say("550 no such file")
		}
	case "MLST":
		s.say("550 no such file")
	case "MDTM":
		s.say("213 20260301120000")
	case "XSHA256":
		s.say("500 what?")
	case "REST":
		s.offset, _ = strconv.Atoi(arg)
		s.say("350 from there")
	case "EPSV", "PASV":
		s.passive(verb)
	case "RETR", "MLSD", "LIST":
		s.send(verb)
	case "STOR":
		s.receive()
	case "CWD", "DELE":
		s.say("250 done")
	default:
		s.say("200 yes")
	}
}

func (s *session) passive(verb string) {
	if s.passiv != nil {
		_ = s.passiv.Close()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return
	}
	s.passiv = l
	port := l.Addr().(*net.TCPAddr).Port
	if verb == "EPSV" {
		s.say("229 here (|||%d|)", port)
	} else {
		s.say("227 there (10,0,0,1,%d,%d)", port>>8, port&255) // another host
	}
}

// data takes the data connection.
func (s *session) data() (*cutter, *tls.Conn) {
	raw, err := s.passiv.Accept()
	if err != nil {
		return nil, nil
	}
	config := s.tls
	if s.dataTLS != nil {
		config = s.dataTLS
	}
	c := &cutter{Conn: raw, left: s.cutAt.Load()}
	return c, tls.Server(c, config)
}

func (s *session) send(verb string) {
	s.say("150 now")
	raw, conn := s.data()
	if conn == nil {
		return
	}
	content := []byte(s.listing)
	if verb == "RETR" {
		content = s.file[s.offset:]
		s.offset = 0
	}
	if s.endless != "" && verb != "RETR" {
		for {
			if _, err := io.WriteString(conn, s.endless); err != nil {
				_ = conn.Close()
				return
			}
		}
	}
	_ = conn.Handshake()
	for len(content) > 0 {
		n := len(content)
		if s.chunk > 0 {
			n = min(n, s.chunk)
		}
		if _, err := conn.Write(content[:n]); err != nil {
			break
		}
		content = content[n:]
	}
	if s.noNotify {
		_ = raw.Close()
	} else {
		_ = conn.Close()
	}
	s.done()
}

func (s *session) done() {
	if s.after == "" {
		s.say("226 done")
	} else {
		s.say("%s", s.after)
	}
}

func (s *session) receive() {
	s.say("150 send")
	_, conn := s.data()
	if conn == nil {
		return
	}
	content, err := io.ReadAll(conn)
	_ = conn.Close()
	s.mu.Lock()
	s.stored, s.upload = append([]byte{}, content...), err
	s.mu.Unlock()
	s.done()
}

// cutter ends a connection after so many bytes; 0 = never.
type cutter struct {
	net.Conn
	left int64
}

func (c *cutter) Write(b []byte) (int, error) {
	if c.left == 0 {
		return c.Conn.Write(b)
	}
	if c.left <= int64(len(b)) {
		_, _ = c.Conn.Write(b[:c.left-1])
		_ = c.Conn.Close()
		return 0, net.ErrClosed
	}
	c.left -= int64(len(b))
	return c.Conn.Write(b)
}
