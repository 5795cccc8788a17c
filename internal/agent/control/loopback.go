package control

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"sealgate/internal/fault"
)

// Where the system has no sockets in directories (Windows before 2019), the agent
// listens on a port of this machine, which anybody here may call. A file in the
// directory, which only its owner can read, names the port and two words, new at each
// start: the caller says the first, to be listened to, and the agent answers the
// second, to be believed.
type words struct{ caller, agent string }

const (
	wordLen      = 64
	maxStrangers = 32 // connections that have not said the word yet: more are closed at once
)

func note(socket string) string { return socket + ".port" }

func listenLoopback(socket string) (net.Listener, error) {
	const op = "control: listen"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fault.New(fault.Internal, op, "no port of this machine can be opened: %v", err)
	}
	w := words{word(), word()}
	if err := os.WriteFile(note(socket), []byte(l.Addr().String()+"\n"+w.caller+"\n"+w.agent+"\n"), 0o600); err != nil {
		l.Close()
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return listener{l, w, make(chan struct{}, maxStrangers)}, nil
}

func word() string {
	b := make([]byte, wordLen/2)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

type listener struct {
	net.Listener
	words     words
	strangers chan struct{} // holds one for each of them
}

func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.strangers <- struct{}{}:
			return &greeted{Conn: c, words: l.words, known: sync.OnceFunc(func() { <-l.strangers })}, nil
		default:
			c.Close()
		}
	}
}

// greeted is a connection that begins with the words.
type greeted struct {
	net.Conn
	words words
	known func() // it is no stranger any more, or has gone
	once  sync.Once
	err   error
}

func (g *greeted) Read(p []byte) (int, error) {
	g.once.Do(func() {
		said := make([]byte, wordLen)
		if _, g.err = io.ReadFull(g.Conn, said); g.err != nil {
			return
		}
		if subtle.ConstantTimeCompare(said, []byte(g.words.caller)) != 1 {
			g.err = io.EOF
			return
		}
		g.known()
		_, g.err = io.WriteString(g.Conn, g.words.agent)
	})
	if g.err != nil {
		return 0, g.err
	}
	return g.Conn.Read(p)
}

func (g *greeted) Close() error {
	g.known()
	return g.Conn.Close()
}

// dialLoopback calls the agent whose note this is.
func dialLoopback(ctx context.Context, text []byte) (net.Conn, error) {
	lines := strings.Fields(string(text))
	if len(lines) != 3 {
		return nil, ErrStopped
	}
	c, err := new(net.Dialer).DialContext(ctx, "tcp", lines[0])
	if err != nil {
		return nil, err
	}
	said := make([]byte, wordLen)
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, err = io.WriteString(c, lines[1])
	if err == nil {
		_, err = io.ReadFull(c, said)
	}
	if err != nil || !bytes.Equal(said, []byte(lines[2])) {
		c.Close()
		return nil, ErrStopped // somebody else has the port now
	}
	return c, c.SetDeadline(time.Time{})
}
