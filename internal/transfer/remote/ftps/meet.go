package ftps

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"

	"github.com/jlaffaye/ftp"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

// fingerprints brings those that people typed into the form that is compared.
func fingerprints(list []string) ([]string, error) {
	var expected []string
	for _, f := range list {
		f = strings.ToLower(strings.ReplaceAll(f, ":", ""))
		if sum, err := hex.DecodeString(f); err != nil || len(sum) != sha256.Size {
			return nil, fault.New(fault.Invalid, "ftps: certificate", "the fingerprint of a certificate is its SHA-256, 64 hexadecimal digits")
		}
		expected = append(expected, f)
	}
	return expected, nil
}

// tlsConfig is for the control connection and its data connections alike.
func (s *Session) tlsConfig() *tls.Config {
	c := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         s.config.Host,
		ClientSessionCache: &oneSession{},
		InsecureSkipVerify: true, // verify does it, and keeps what it saw
		VerifyConnection:   s.verify,
	}
	if s.config.TLS12 {
		c.MaxVersion = tls.VersionTLS12
	}
	return c
}

// oneSession is the TLS session of one control connection, which its data connections
// resume. The library would look it up by host and port, and so never find it; a cache
// for several connections would mix their sessions, which servers refuse.
type oneSession struct {
	mu    sync.Mutex
	state *tls.ClientSessionState
}

// Get implements tls.ClientSessionCache.
func (o *oneSession) Get(string) (*tls.ClientSessionState, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state, o.state != nil
}

// Put implements tls.ClientSessionCache.
func (o *oneSession) Put(_ string, state *tls.ClientSessionState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if state != nil {
		o.state = state
	}
}

// verify judges the certificate of a connection. A data connection shows the same as
// its control connection.
func (s *Session) verify(state tls.ConnectionState) error {
	leaf := state.PeerCertificates[0]
	if len(s.seen.Certificates) > 0 {
		sum := fingerprint(leaf)
		if s.seen.Certificates[0].SHA256 != sum {
			return &remote.IdentityError{What: remote.StepCertificate, Seen: []string{sum}, Expected: []string{s.seen.Certificates[0].SHA256}}
		}
		return nil
	}
	seen := describe(state.PeerCertificates)
	identity := &remote.IdentityError{What: remote.StepCertificate, Seen: []string{seen[0].SHA256}, Expected: s.expected}
	if len(s.expected) > 0 {
		if !slices.Contains(s.expected, seen[0].SHA256) {
			return identity
		}
		s.seen.Certificates = seen
		return nil
	}
	options := x509.VerifyOptions{Roots: s.config.Roots, DNSName: s.config.Host, Intermediates: x509.NewCertPool(), CurrentTime: s.config.Now()}
	for _, c := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(options); err != nil {
		identity.Err = err
		return identity
	}
	s.seen.Certificates = seen
	return nil
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

func describe(chain []*x509.Certificate) []remote.Certificate {
	var seen []remote.Certificate
	for _, c := range chain[:min(len(chain), 8)] {
		names := slices.Clone(c.DNSNames[:min(len(c.DNSNames), 20)])
		for _, ip := range c.IPAddresses[:min(len(c.IPAddresses), 20)] {
			names = append(names, ip.String())
		}
		for i := range names {
			names[i] = remote.Quote(names[i])
		}
		seen = append(seen, remote.Certificate{
			SHA256: fingerprint(c), Subject: remote.Quote(c.Subject.String()), Issuer: remote.Quote(c.Issuer.String()),
			Names: names, NotBefore: c.NotBefore, Before: c.NotAfter,
		})
	}
	return seen
}

// meet brings the control connection to TLS, checks who is there, and reads the
// greeting.
func (s *Session) meet(ctx context.Context) error {
	const op = "ftps: certificate"
	conn := tls.Client(s.wire, s.tls)
	s.control = &control{Conn: conn}
	err := s.do(ctx, op, func() error {
		if !s.config.Implicit {
			if err := s.startTLS(); err != nil {
				return err
			}
		}
		if err := conn.HandshakeContext(ctx); err != nil {
			return err
		}
		if s.config.Implicit {
			greeting, err := greet(bufio.NewReaderSize(s.control, 1)) // no byte more than the greeting
			s.seen.Banner = remote.Quote(greeting)
			return err
		}
		return nil
	})
	if err != nil {
		return s.config.Failed(remote.StepCertificate, s.unmet(op, err))
	}
	s.control.replay = strings.NewReader("220 read already\r\n")
	state := conn.ConnectionState()
	// Data connections need no keys for what the server did not choose. Before TLS 1.3 the
	// list says what certificates a client takes, too.
	if state.CurveID != 0 && state.Version >= tls.VersionTLS13 {
		s.tls = s.tls.Clone()
		s.tls.CurvePreferences = []tls.CurveID{state.CurveID}
	}
	s.seen.Encryption = tls.VersionName(state.Version) + ", " + tls.CipherSuiteName(state.CipherSuite)
	leaf := s.seen.Certificates[0]
	how := "verified for the host"
	if len(s.expected) > 0 {
		how = "as confirmed"
	}
	names, until := strings.Join(leaf.Names, ", "), leaf.Before.Format("2006-01-02")
	s.config.Saw(remote.StepCertificate, fmt.Sprintf("%s for %s by %s, valid until %s, %s; %s", leaf.SHA256, names, leaf.Issuer, until, how, s.seen.Encryption),
		"fingerprint", leaf.SHA256, "names", names, "issuer", leaf.Issuer, "until", until)
	return nil
}

// errNoTLS says that the server answered AUTH TLS with something else.
var errNoTLS = errors.New("AUTH TLS was refused")

// startTLS asks for TLS. What the server says after its consent and before the
// handshake was not said under TLS, and may be somebody else's words.
func (s *Session) startTLS() error {
	r := bufio.NewReader(s.wire)
	greeting, err := greet(r)
	s.seen.Banner = remote.Quote(greeting)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(s.wire, "AUTH TLS\r\n"); err != nil {
		return err
	}
	_, message, err := textproto.NewReader(r).ReadResponse(ftp.StatusAuthOK)
	if refused := (*textproto.Error)(nil); errors.As(err, &refused) {
		return fmt.Errorf("%w: %d %s", errNoTLS, refused.Code, remote.Quote(message))
	}
	if err == nil && r.Buffered() > 0 {
		return fmt.Errorf("%w: words before the handshake", errNoTLS)
	}
	return err
}

func greet(r *bufio.Reader) (string, error) {
	_, greeting, err := textproto.NewReader(r).ReadResponse(ftp.StatusReady)
	return greeting, err
}

// unmet says why there is no TLS with the right server.
func (s *Session) unmet(op string, err error) error {
	var identity *remote.IdentityError
	var refused *textproto.Error
	var garbage textproto.ProtocolError
	var record tls.RecordHeaderError
	var alert *net.OpError // TLS reports the other side's alerts so
	kind, reason, message := fault.Invalid, why.NoTLS, ""
	switch {
	case errors.As(err, &identity):
		return identity.Fault()
	case fault.Is(err, fault.Damaged):
		return err
	case errors.As(err, &refused):
		kind, reason, message = fault.TryLater, why.Busy, "the server does not let anybody in now: "+remote.Quote(refused.Error())
	case errors.Is(err, errNoTLS):
		message = "the server does not offer TLS (AUTH TLS); nothing is sent without it, so who runs the server has to switch it on"
	case errors.As(err, &record), errors.As(err, &garbage):
		reason, message = why.NotSpoken, "what answers at this port does not speak FTP over TLS in this way; check the port, and whether TLS is to be implicit (ftps, often port 990) or explicit (ftpes, often port 21)"
	case errors.Is(err, remote.ErrSilent):
		kind, reason = fault.TryLater, why.NoAnswer
		message = "the server did not answer in time; with a server that expects explicit TLS (ftpes), implicit TLS waits for ever, and the other way round"
	case fault.Is(err, fault.TryLater) && !(errors.As(err, &alert) && alert.Op == "remote error"):
		return err
	default:
		message = "TLS could not be agreed on; the server has to offer TLS 1.2 or 1.3, and to let in clients without a certificate"
	}
	return &fault.Error{Kind: kind, Op: op, Message: message, Err: reason.By(err)}
}
