// Package sftp signs in on other people's SFTP servers.
//
// The server's host key must be one of those that were confirmed; nothing is told to
// the server before that. Algorithms are explicit and of today; older ones only by a
// named option with a date on that one server (Legacy). A login proves itself by a
// password, by answers to keyboard-interactive questions (the password, to one hidden
// question), or by a key, which may be encrypted.
//
// github.com/pkg/sftp speaks the protocol, but for reading files, which is done here
// (line). Reading asks for several blocks ahead, so that a distant server is read at
// the speed of the line; at most 2 MiB are under way. Writing is one block after the
// other, in order: some servers store what comes last.
package sftp

import (
	"context"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

// Config is a server and a login there.
type Config struct {
	remote.Server
	User       string
	Password   string
	Key        []byte // a private key, PEM or OpenSSH's form
	Passphrase string // of the key
	HostKeys   []string
	Legacy     Legacy
	Now        func() time.Time // nil = time.Now
}

// Session is a sign-in on an SFTP server.
type Session struct {
	wire     *remote.Wire
	ssh      *ssh.Client
	line     *line
	sftp     *sftp.Client
	patience time.Duration
	seen     remote.Seen
}

var _ remote.Session = (*Session)(nil)

// Seen is what was seen of the server. After a failed Connect, steps tell it.
func (s *Session) Seen() remote.Seen { return s.seen }

// Connect reaches the server, checks its host key and signs in.
func Connect(ctx context.Context, c Config) (*Session, error) {
	auth, err := c.auth()
	if err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	expected, err := fingerprints(c.HostKeys)
	if err != nil {
		return nil, err
	}
	offer, err := c.Legacy.algorithms(c.Now())
	if err != nil {
		return nil, err
	}
	return c.shake(ctx, auth, expected, offer)
}

// start opens the SFTP subsystem.
func (s *Session) start(ctx context.Context) error {
	const op = "sftp: start"
	err := s.within(ctx, s.patience, func() (err error) {
		if s.line, err = dialLine(s.ssh); err != nil {
			return err
		}
		s.sftp, err = sftp.NewClientPipe(s.line, s.line, sftp.UseConcurrentWrites(false))
		return err
	})
	if err == nil {
		for _, name := range []string{"posix-rename@openssh.com", "fsync@openssh.com", "limits@openssh.com", "check-file", "check-file-name"} {
			if _, ok := s.sftp.HasExtension(name); ok {
				s.seen.Features = append(s.seen.Features, name)
			}
		}
		return nil
	}
	if broken := remote.Broken(ctx, op, err); broken != nil && !remote.IsCut(err) {
		return broken
	}
	return &fault.Error{Kind: fault.Denied, Op: op, Message: "the login may sign in, but the server does not give it SFTP; who runs the server can allow the subsystem for it", Err: why.NoSFTP.By(err)}
}

// within runs f, and cuts the connection when the context ends or the time is over.
func (s *Session) within(ctx context.Context, patience time.Duration, f func() error) error {
	return remote.Within(ctx, patience, func() { _ = s.wire.Close() }, f)
}

// Close ends the session.
func (s *Session) Close() error {
	// Cutting the connection first ends every goroutine of the two libraries; a polite
	// end would wait for a server that may not answer.
	err := s.wire.Close()
	_ = s.ssh.Close()
	if s.sftp != nil {
		_ = s.sftp.Close()
	}
	return err
}
