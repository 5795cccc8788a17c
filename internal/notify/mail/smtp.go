package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/wneessen/go-mail/smtp"

	"sealgate/internal/fault"
)

// sessionWithin bounds a session with the server, whatever it does.
const sessionWithin = 2 * time.Minute

// session is a connection to the server that is ready for letters.
type session struct {
	client *smtp.Client
	stop   context.CancelFunc
	ended  bool
}

// open connects, encrypts and signs in.
func (s Server) open(ctx context.Context) (_ *session, err error) {
	const op = "mail: server"
	ctx, cancel := context.WithTimeout(ctx, sessionWithin)
	defer func() {
		if err != nil {
			cancel()
		}
	}()
	dialer := net.Dialer{Timeout: 20 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
	if err != nil {
		return nil, &fault.Error{Kind: fault.TryLater, Op: op, Message: "the mail server cannot be reached", Err: err}
	}
	stopWatching := context.AfterFunc(ctx, func() { _ = conn.Close() })
	stop := func() { stopWatching(); cancel() }
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.Host, RootCAs: s.Roots}
	if s.Security == TLS {
		conn = tls.Client(conn, config)
	}
	client, err := smtp.NewClient(conn, s.Host)
	if err == nil {
		err = s.greet(client, config)
	}
	if err != nil {
		_ = conn.Close()
		stop()
		if fault.KindOf(err) != fault.Internal {
			return nil, err
		}
		return nil, &fault.Error{Kind: fault.TryLater, Op: op, Message: "the mail server does not take letters from here: " + reason(err), Err: err}
	}
	return &session{client: client, stop: stop}, nil
}

// greet does what comes before a letter.
func (s Server) greet(client *smtp.Client, config *tls.Config) error {
	const op = "mail: server"
	if err := client.Hello(helo(s.From)); err != nil {
		return err
	}
	if s.Security == StartTLS {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return fault.New(fault.Denied, op, "the mail server offers no STARTTLS, and letters are not sent without")
		}
		if err := client.StartTLS(config); err != nil {
			return err
		}
	}
	if s.User == "" {
		return nil
	}
	_, methods := client.Extension("AUTH")
	inClear := s.Security == Plain // its own machine: New's caller has seen to that
	if strings.Contains(" "+methods+" ", " PLAIN ") || !strings.Contains(" "+methods+" ", " LOGIN ") {
		return client.Auth(smtp.PlainAuth("", s.User, s.Password, s.Host, inClear))
	}
	return client.Auth(smtp.LoginAuth(s.User, s.Password, s.Host, inClear))
}

// helo is the name that the gateway gives itself: the domain that its letters come
// from. That of the machine is nobody's business.
func helo(from string) string { return from[strings.LastIndexByte(from, '@')+1:] }

// Check connects, encrypts and signs in, and says what is wrong.
func (s Server) Check(ctx context.Context) error {
	session, err := s.open(ctx)
	if err == nil {
		session.close()
	}
	return err
}

// verdict is what came of sending a letter.
type verdict struct {
	err   error
	final bool // no other attempt would go better
}

// code is a word about an error; the server's own text may name an address.
func (v verdict) code() string {
	var answer *textproto.Error
	var timeout net.Error
	switch {
	case errors.As(v.err, &answer):
		return "answered-" + strconv.Itoa(answer.Code)
	case errors.As(v.err, &timeout) && timeout.Timeout():
		return "timeout"
	case v.err != nil:
		return fault.KindOf(v.err).String()
	}
	return ""
}

func reason(err error) string {
	var answer *textproto.Error
	var verify *tls.CertificateVerificationError
	switch {
	case errors.As(err, &answer):
		return fmt.Sprintf("it answers %d", answer.Code)
	case errors.As(err, &verify):
		return "its certificate is not one that this machine trusts"
	}
	return "the connection broke off"
}

// send hands one letter in. A refusal of the letter (5xx) is final; one of the session
// is not: it may be the server's trouble.
func (s *session) send(text []byte, from, to string) verdict {
	err := s.hand(text, from, to)
	if err == nil {
		return verdict{}
	}
	var answer *textproto.Error
	if !errors.As(err, &answer) || s.client.Reset() != nil {
		s.ended = true // nothing more can be said in it
		return verdict{err: err}
	}
	return verdict{err: err, final: answer.Code >= 550 && answer.Code <= 559}
}

func (s *session) hand(text []byte, from, to string) error {
	if err := s.client.Mail(from); err != nil {
		return err
	}
	if err := s.client.Rcpt(to); err != nil {
		return err
	}
	w, err := s.client.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	return w.Close() // the answer to it is the server's word that it has the letter
}

func (s *session) close() {
	if !s.ended {
		_ = s.client.Quit() // what was taken is taken
	}
	_ = s.client.Close()
	s.stop()
}

// letter is a message as RFC 5322 and 2045 have it. All that goes into its head was
// checked to be one line, or is ours.
func letter(m Message, from string, id uuid.UUID, now time.Time) []byte {
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", "Sealgate <" + from + ">"},
		{"To", "<" + m.To + ">"},
		{"Subject", mime.QEncoding.Encode("utf-8", m.Subject)},
		{"Date", now.UTC().Format(time.RFC1123Z)},
		{"Message-ID", "<" + id.String() + "@" + helo(from) + ">"},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834: out-of-office replies stay away
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(strings.ReplaceAll(m.Text, "\n", "\r\n"))) // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}
