// Package ftps signs in on other people's FTP servers, over TLS only.
//
// The control connection is TLS from its first byte (implicit) or by AUTH TLS before
// anything else is said (explicit); data connections are TLS, too (PBSZ 0, PROT P),
// and resume the session of their own control connection, as many servers demand. The
// server's certificate is verified for its host by the system's roots, or is the one
// that was confirmed.
//
// github.com/jlaffaye/ftp speaks the commands. The connections below it are made here:
// all of them through the guard, data connections to the host of the control
// connection whatever the server names; each answer is bounded in time and size; and
// the end of a data connection counts only when TLS says that it is the end.
package ftps

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jlaffaye/ftp"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

// Config is a server and a login there.
type Config struct {
	remote.Server
	Implicit     bool // TLS from the first byte; else AUTH TLS
	User         string
	Password     string
	Certificates []string       // confirmed ones, SHA-256 (hex) of the DER; none: verified by roots and name
	Roots        *x509.CertPool // nil = the system's
	TLS12        bool           // for servers whose TLS 1.3 cannot resume
	ListOnly     bool           // for servers that offer MLSD and do not know it
	Now          func() time.Time
}

// Session is a sign-in on an FTPS server.
type Session struct {
	config   Config
	patience time.Duration
	expected []string
	tls      *tls.Config
	wire     *remote.Wire
	control  *control
	ftp      *ftp.ServerConn
	home     string // where the login starts
	features map[string]string
	reading  bool // a file is open
	seen     remote.Seen

	mu      sync.Mutex
	ctx     context.Context // of what is being done
	lines   *lines          // of the listing that is being done
	carries int64           // bytes of the file that is being opened
	data    *data           // the newest data connection
	dead    bool
}

var _ remote.Session = (*Session)(nil)

// Seen is what was seen of the server. After a failed Connect, steps tell it.
func (s *Session) Seen() remote.Seen { return s.seen }

// maxAnswers bounds what a server may say on the control connection to one request.
const maxAnswers = 256 << 10

// Connect reaches the server, checks its certificate and signs in.
func Connect(ctx context.Context, c Config) (*Session, error) {
	const op = "ftps: login"
	if c.User == "" || !oneLine(c.User+c.Password) {
		return nil, fault.New(fault.Invalid, op, "a login has a username; it and its password hold no line breaks or other control characters")
	}
	expected, err := fingerprints(c.Certificates)
	if err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Session{config: c, patience: c.Patience(), expected: expected}
	conn, err := c.Dial(ctx, &s.seen)
	if err != nil {
		return nil, err
	}
	s.wire = remote.NewWire(conn)
	s.tls = s.tlsConfig()
	if err := s.meet(ctx); err != nil {
		s.cut()
		return nil, err
	}
	if err := s.signIn(ctx); err != nil {
		s.cut()
		return nil, err
	}
	return s, nil
}

// signIn is told to a server that has proved who it is.
func (s *Session) signIn(ctx context.Context) error {
	const op = "ftps: sign-in"
	err := s.do(ctx, op, func() (err error) {
		s.ftp, err = ftp.Dial(s.seen.Address.String(), ftp.DialWithDialFunc(s.dial), ftp.DialWithTLS(s.tls),
			ftp.DialWithShutTimeout(s.patience), ftp.DialWithDisabledMLSD(s.config.ListOnly))
		if err != nil {
			return err
		}
		return s.ftp.Login(s.config.User, s.config.Password)
	})
	step := remote.StepSignIn
	if err == nil || s.control.verb != "USER" && s.control.verb != "PASS" {
		s.config.Saw(remote.StepSignIn, "signed in", "server", s.seen.Banner, "encryption", s.seen.Encryption)
		step = remote.StepStart
	}
	if err != nil {
		kind, reason, message := fault.Denied, why.NoTLS, ""
		switch verb := s.control.verb; {
		case fault.Is(err, fault.TryLater):
			return s.config.Failed(step, err)
		case verb == "PBSZ" || verb == "PROT":
			message = "the server does not encrypt data connections (PBSZ 0, PROT P); who runs it has to allow that"
		case step == remote.StepSignIn:
			reason, message = why.SignIn, "the server refused the sign-in; check username and password, and that it lets this login in over TLS"
		default:
			kind, reason, message = fault.Damaged, why.Wrong, "the server does not answer "+verb+" as FTP servers do; who runs it should look at it"
		}
		return s.config.Failed(step, &fault.Error{Kind: kind, Op: op, Message: message, Err: reason.By(err)})
	}
	err = s.do(ctx, op, func() error {
		s.features = map[string]string{}
		if code, message, err := s.control.command("FEAT"); err != nil {
			return err
		} else if code == ftp.StatusSystem {
			s.features = parseFeatures(message)
		}
		dir, err := s.ftp.CurrentDir()
		s.home = strings.ReplaceAll(dir, `""`, `"`)
		return err
	})
	for name := range s.features {
		s.seen.Features = append(s.seen.Features, name)
	}
	if err == nil && !strings.HasPrefix(s.home, "/") {
		err = why.Wrong.New(fault.Damaged, op, "the server does not say in which folder the login starts")
	}
	if err != nil {
		return s.config.Failed(remote.StepStart, s.explain(ctx, op, err))
	}
	s.config.Saw(remote.StepStart, "data connections are encrypted, too")
	return nil
}

// do runs f, which asks the server something and waits for the answers.
func (s *Session) do(ctx context.Context, op string, f func() error) error {
	return s.doFor(ctx, op, s.patience, f)
}

func (s *Session) doFor(ctx context.Context, op string, patience time.Duration, f func() error) error {
	s.mu.Lock()
	s.ctx = ctx
	dead := s.dead
	s.mu.Unlock()
	if dead {
		return remote.Broken(ctx, op, remote.ErrCut)
	}
	_ = s.wire.SetDeadline(time.Time{}) // the library sets one for the end of a transfer
	over, err := s.wire.Bounded(maxAnswers, func() error { return remote.Within(ctx, patience, s.cut, guarded(f)) })
	switch {
	case over:
		s.cut()
		return &fault.Error{Kind: fault.Damaged, Op: op, Message: "the server's answer does not end; who runs it should look at it", Err: why.Wrong.By(err)}
	case err == nil:
		return nil
	}
	if broken := remote.Broken(ctx, op, err); broken != nil && !fault.Is(err, fault.TryLater) {
		s.cut()
		return broken
	}
	return err
}

// guarded turns a panic of the library into an error: some of its readers of answers
// trust the server (version 0.2.4: PASV answered with brackets the wrong way round).
func guarded(f func() error) func() error {
	return func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("reading the server's answer: %v", p)
			}
		}()
		return f()
	}
}

// idle refuses what is asked while a file is open: the control connection waits for
// the end of that.
func (s *Session) idle(op string) error {
	if s.reading {
		return fault.Wrap(fault.Internal, op, errors.New("a file of this session is still open"))
	}
	return nil
}

// cut ends both connections at once.
func (s *Session) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
	_ = s.wire.Close()
	if s.data != nil {
		_ = s.data.raw.Close()
	}
}

// Close ends the session. It says QUIT, and does not wait for the answer.
func (s *Session) Close() error {
	if s.ftp != nil && !s.reading {
		_ = s.wire.SetDeadline(time.Now().Add(time.Second))
		_ = s.ftp.Quit()
	}
	s.cut()
	return nil
}
