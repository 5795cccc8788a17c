package ftps

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

// control is the control connection as the library sees it. The greeting, which was
// read before, is read to it once more.
type control struct {
	net.Conn
	replay *strings.Reader
	verb   string // of the newest command
}

// Read implements net.Conn.
func (c *control) Read(b []byte) (int, error) {
	if c.replay != nil && c.replay.Len() > 0 {
		return c.replay.Read(b)
	}
	return c.Conn.Read(b)
}

// Write implements net.Conn.
func (c *control) Write(b []byte) (int, error) {
	verb, _, _ := bytes.Cut(bytes.TrimRight(b, "\r\n"), []byte(" "))
	c.verb = string(verb)
	return c.Conn.Write(b)
}

// command asks what the library has no words for. All that it had asked is answered.
func (c *control) command(format string, args ...any) (int, string, error) {
	line := fmt.Sprintf(format, args...)
	if !oneLine(line) {
		return 0, "", errors.New("a command is one line")
	}
	if _, err := io.WriteString(c, line+"\r\n"); err != nil {
		return 0, "", err
	}
	r := bufio.NewReader(c)
	code, message, err := textproto.NewReader(r).ReadResponse(-1)
	if err == nil && r.Buffered() > 0 {
		err = fmt.Errorf("%w: more answers than questions", remote.ErrCut)
	}
	return code, message, err
}

// oneLine reports whether words stay one line of one command on the wire. Byte 255 is
// for Telnet, which FTP's control connection is (RFC 959, 2.2).
func oneLine(words string) bool {
	return !strings.ContainsAny(words, "\r\n\x00") && strings.IndexByte(words, 255) < 0
}

// dial makes the connections that the library asks for: the first is there already,
// all others carry data. They lead to the host of the control connection; of the
// address that the server named, only the port counts.
func (s *Session) dial(_, address string) (net.Conn, error) {
	if s.control.replay.Len() > 0 {
		return s.control, nil
	}
	const op = "ftps: data connection"
	_, text, _ := net.SplitHostPort(address)
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port < 1024 {
		return nil, &fault.Error{Kind: fault.Damaged, Op: op, Message: "the server names a port for data that is none; who runs it should look at its passive mode", Err: why.Wrong.By(err)}
	}
	s.mu.Lock()
	ctx := s.ctx
	s.mu.Unlock()
	at := netip.AddrPortFrom(s.seen.Address.Addr(), uint16(port))
	conn, err := s.config.Guard.Dialer(s.patience).DialContext(ctx, "tcp", at.String())
	if err != nil {
		return nil, &fault.Error{Kind: fault.TryLater, Op: op, Message: "the server cannot be reached at the port that it named for data; its firewall may have to let the ports of its passive mode through", Err: why.DataPort.By(err)}
	}
	raw := &spy{Conn: conn}
	d := &data{Conn: tls.Client(raw, s.tls), raw: raw, patience: s.patience, cut: s.cut}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data, d.lines = d, s.lines
	if s.carries > 0 {
		raw.buf = make([]byte, min(readAhead, s.carries+beside))
	}
	if s.dead {
		_ = conn.Close()
	}
	return d, nil
}

// readAhead is how much of a file is read from its connection at once: TLS by itself asks
// for half a record or two. A file comes with a handshake and what holds its records.
const (
	readAhead = 128 << 10
	beside    = 4 << 10
)

// spy notes whether the connection below TLS has ended, for who reads from it.
type spy struct {
	net.Conn
	buf   []byte // none: for what is short
	rest  []byte // of buf, not taken yet
	ended bool
}

// Read implements net.Conn.
func (s *spy) Read(b []byte) (int, error) {
	if len(s.rest) == 0 {
		into := b
		if len(b) < len(s.buf) {
			into = s.buf
		}
		n, err := s.Conn.Read(into)
		if err != nil {
			s.ended = true
			return 0, err
		}
		if len(b) >= len(s.buf) {
			return n, nil
		}
		s.rest = into[:n]
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// data is a data connection. The library of TLS reports a stream that was cut between
// two records like one that has ended. It has ended when TLS said so, before the
// connection below it did.
type data struct {
	*tls.Conn
	raw      *spy
	patience time.Duration
	lines    *lines // of a listing
	cut      func() // ends the session
	until    time.Time
	wrote    bool
	abort    bool // end it so that the server sees a failure
}

// wait gives the server its time from now on, or a little more: to move a deadline costs
// as much as to read some KiB.
func (d *data) wait() {
	if now := time.Now(); d.until.Sub(now) < d.patience {
		d.until = now.Add(d.patience + d.patience/8)
		_ = d.SetDeadline(d.until)
	}
}

// Read implements net.Conn.
func (d *data) Read(b []byte) (int, error) {
	d.wait()
	n, err := d.Conn.Read(b)
	if errors.Is(err, io.EOF) && d.raw.ended {
		err = fmt.Errorf("%w: the data connection was cut, not closed", remote.ErrCut)
	}
	if d.lines != nil {
		if tooMany := d.lines.take(b[:n]); tooMany != nil {
			d.cut() // or the library waits for the server to say that it is done
			return 0, tooMany
		}
	}
	return n, err
}

// Write implements net.Conn.
func (d *data) Write(b []byte) (int, error) {
	if !d.wrote { // what is read in the handshake has its time, too
		if err := d.Handshake(); err != nil {
			return 0, err
		}
	}
	d.wait()
	return d.Conn.Write(b)
}

// Handshake is what the library calls when there is nothing to write.
func (d *data) Handshake() error {
	d.wrote = true
	d.wait()
	return d.Conn.Handshake()
}

// Close implements net.Conn. A connection that was written to is closed in both
// layers and then read to its end: closed with bytes unread, it would be reset, and the
// server lose what it has not read yet.
func (d *data) Close() error {
	if d.abort {
		if tcp, ok := d.raw.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, not an end
		}
		return d.raw.Close()
	}
	if !d.wrote {
		return d.Conn.Close()
	}
	_ = d.SetDeadline(time.Now().Add(d.patience))
	err := d.CloseWrite()
	if tcp, ok := d.raw.Conn.(*net.TCPConn); ok && err == nil {
		err = tcp.CloseWrite()
	}
	if err == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(d.Conn, 64<<10))
	}
	_ = d.raw.Close()
	return err
}
