//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// dialer opens sessions with one set of credentials.
type dialer struct {
	o   *options
	cfg ssh.ClientConfig
}

func newDialer(o *options) (*dialer, error) {
	d := &dialer{o: o, cfg: ssh.ClientConfig{
		User: o.user, Timeout: o.timeout, ClientVersion: "SSH-2.0-sftpload",
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // loopback only: see options.check
		// The same algorithms on every peer, where it has them: they cost what
		// the bench is not about.
		HostKeyAlgorithms: []string{ssh.KeyAlgoED25519},
	}}
	d.cfg.Ciphers = []string{ssh.CipherAES256GCM, ssh.CipherAES256CTR}
	d.cfg.KeyExchanges = []string{ssh.KeyExchangeCurve25519, "curve25519-sha256@libssh.org"}
	if o.postQuantum {
		d.cfg.KeyExchanges = append([]string{ssh.KeyExchangeMLKEM768X25519}, d.cfg.KeyExchanges...)
	}
	if o.keyFile == "" {
		d.cfg.Auth = []ssh.AuthMethod{ssh.Password(o.password)}
		return d, nil
	}
	pem, err := os.ReadFile(o.keyFile)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.keyFile, err)
	}
	d.cfg.Auth = []ssh.AuthMethod{ssh.PublicKeys(signer)}
	return d, nil
}

// session is one authenticated SFTP session.
type session struct {
	conn *ssh.Client
	sftp *sftp.Client
}

func (d *dialer) open() (*session, error) {
	tcp, err := net.DialTimeout("tcp", d.o.addr, d.o.timeout)
	if err != nil {
		return nil, err
	}
	// The deadline covers the key exchange, the login and the subsystem start.
	if err := tcp.SetDeadline(time.Now().Add(d.o.timeout)); err != nil {
		tcp.Close()
		return nil, err
	}
	c, chans, reqs, err := ssh.NewClientConn(tcp, d.o.addr, &d.cfg)
	if err != nil {
		tcp.Close()
		return nil, err
	}
	conn := ssh.NewClient(c, chans, reqs)
	client, err := sftp.NewClient(conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	if err := tcp.SetDeadline(time.Time{}); err != nil {
		conn.Close()
		return nil, err
	}
	return &session{conn: conn, sftp: client}, nil
}

func (s *session) close() {
	s.sftp.Close()
	s.conn.Close()
}

// put uploads one file; it returns once the server has acknowledged the close.
func (s *session) put(name string, body []byte) error {
	// Write-only: a server for uploads may refuse to open for both.
	f, err := s.sftp.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	_, err = f.ReadFrom(bytes.NewReader(body))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	return nil
}

// algorithms is what was negotiated, as "kex hostkey cipher mac".
func (s *session) algorithms() string {
	m, ok := s.conn.Conn.(ssh.AlgorithmsConnMetadata)
	if !ok {
		return ""
	}
	a := m.Algorithms()
	return strings.TrimSpace(strings.Join([]string{a.KeyExchange, a.HostKey, a.Write.Cipher, a.Write.MAC}, " "))
}
