package sftp_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"

	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/sftp"
)

// Packets of SFTP, version 3.
const (
	fxpVersion, fxpOpen, fxpClose, fxpRead, fxpOpendir, fxpReaddir = 2, 3, 4, 5, 11, 12
	fxpStat, fxpStatus, fxpHandle, fxpData, fxpName, fxpAttrs      = 17, 101, 102, 103, 104, 105
	statusOK, statusEOF, statusFailure                             = 0, 1, 4
)

// server is an SSH server that does with SFTP what a test wants.
type server struct {
	ssh    *ssh.ServerConfig
	answer func(kind byte, id uint32, body []byte) []byte // nil = no answer; nil func = a file
	file   []byte
	size   int64 // that it says; -1 = the file's
	ext    []string
	refuse bool // the subsystem
	limit  atomic.Int64
	keys   []string
	port   uint16
	signIn atomic.Int32 // who got as far as to try a password or key
}

// start listens; the login is "robot" with the password "secret".
func (s *server) start(t testing.TB, keys ...ssh.Signer) *server {
	t.Helper()
	if s.ssh == nil {
		s.ssh = &ssh.ServerConfig{PasswordCallback: s.password}
	}
	if len(keys) == 0 {
		keys = append(keys, ed25519Key(t))
	}
	for _, k := range keys {
		s.ssh.AddHostKey(k)
		s.keys = append(s.keys, ssh.FingerprintSHA256(k.PublicKey()))
	}
	s.limit.Store(1 << 40)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = uint16(l.Addr().(*net.TCPAddr).Port)
	var done sync.WaitGroup
	conns := make(chan net.Conn, 10_000)
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns <- conn
			done.Go(func() { s.serve(&cutter{Conn: conn, left: &s.limit}) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		for len(conns) > 0 {
			_ = (<-conns).Close()
		}
		done.Wait()
	})
	return s
}

func (s *server) password(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
	s.signIn.Add(1)
	if string(password) == "secret" {
		return nil, nil
	}
	return nil, errors.New("no")
}

func ed25519Key(t testing.TB) ssh.Signer {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer(t, k)
}

func rsaKey(t testing.TB) ssh.Signer {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return signer(t, k)
}

func signer(t testing.TB, k any) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) config() sftp.Config {
	return sftp.Config{
		Server: remote.Server{Host: "127.0.0.1", Port: s.port, Guard: remotetest.Loopback()},
		User:   "robot", Password: "secret", HostKeys: s.keys,
	}
}

// cutter lets so many bytes out, and then ends the connection.
type cutter struct {
	net.Conn
	left *atomic.Int64
}

func (c *cutter) Write(b []byte) (int, error) {
	if left := c.left.Add(int64(-len(b))); left < 0 {
		if keep := int64(len(b)) + left; keep > 0 {
			_, _ = c.Conn.Write(b[:keep])
		}
		_ = c.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

func (s *server) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_, channels, requests, err := ssh.NewServerConn(conn, s.ssh)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for ch := range channels {
		channel, requests, err := ch.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				_ = r.Reply(r.Type == "subsystem" && !s.refuse, nil)
			}
		}()
		s.sftp(channel)
	}
}

func (s *server) sftp(channel io.ReadWriteCloser) {
	defer func() { _ = channel.Close() }()
	listed := false
	for {
		var head [4]byte
		if _, err := io.ReadFull(channel, head[:]); err != nil {
			return
		}
		packet := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(channel, packet); err != nil {
			return
		}
		var reply []byte
		if kind := packet[0]; kind == 1 {
			reply = []byte{fxpVersion, 0, 0, 0, 3}
			for _, e := range s.ext {
				reply = str(str(reply, e), "1")
			}
		} else {
			id, body := binary.BigEndian.Uint32(packet[1:]), packet[5:]
			if s.answer != nil {
				reply = s.answer(kind, id, body)
			}
			if reply == nil {
				reply = s.honest(kind, id, body, &listed)
			}
		}
		if len(reply) == 0 {
			continue
		}
		if _, err := channel.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(reply))), reply...)); err != nil {
			return
		}
	}
}

// honest answers as a server does that has one file.
func (s *server) honest(kind byte, id uint32, body []byte, listed *bool) []byte {
	size := s.size
	if size < 0 {
		size = int64(len(s.file))
	}
	switch kind {
	case fxpStat:
		return attrs(packet(fxpAttrs, id), uint64(size))
	case fxpOpen, fxpOpendir:
		return str(packet(fxpHandle, id), "h")
	case fxpReaddir:
		if *listed {
			return status(id, statusEOF)
		}
		*listed = true
		return attrs(str(str(binary.BigEndian.AppendUint32(packet(fxpName, id), 1), "file"), "long"), uint64(size))
	case fxpRead:
		off, n := binary.BigEndian.Uint64(body[5:]), uint64(binary.BigEndian.Uint32(body[13:]))
		if off >= uint64(len(s.file)) {
			return status(id, statusEOF)
		}
		return str(packet(fxpData, id), string(s.file[off:min(off+n, uint64(len(s.file)))]))
	}
	return status(id, statusOK)
}

func packet(kind byte, id uint32) []byte { return binary.BigEndian.AppendUint32([]byte{kind}, id) }

func str(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func status(id, code uint32) []byte {
	return str(str(binary.BigEndian.AppendUint32(packet(fxpStatus, id), code), "words of the server"), "")
}

// attrs are size, mode of a regular file, and times.
func attrs(b []byte, size uint64) []byte {
	b = binary.BigEndian.AppendUint32(b, 1|4|8)
	b = binary.BigEndian.AppendUint64(b, size)
	for _, v := range []uint32{0o100644, 1_700_000_000, 1_700_000_000} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// names is a NAME packet.
func names(id uint32, list ...string) []byte {
	b := binary.BigEndian.AppendUint32(packet(fxpName, id), uint32(len(list)))
	for _, n := range list {
		b = attrs(str(str(b, n), "long"), 1)
	}
	return b
}
