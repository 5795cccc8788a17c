package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"sealgate/internal/dialguard"
	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote/why"
)

// Server is where a server is, and how it may be reached.
type Server struct {
	Host    string
	Port    uint16
	Guard   *dialguard.Guard
	Timeout time.Duration // of each step, and of each answer; 0 = 30 s
	Report  func(Step)    // told of each step when it has ended; may be nil
	// Reach is asked before each address that is tried; may be nil. An error says that it
	// is another's turn there.
	Reach func(netip.Addr) error
}

// Patience is the timeout that counts.
func (s Server) Patience() time.Duration {
	if s.Timeout > 0 {
		return s.Timeout
	}
	return 30 * time.Second
}

// The steps on the way to a server, in their order.
const (
	StepResolve     = "resolve"     // the host's name
	StepConnect     = "connect"     // to one of its addresses
	StepHostKey     = "host key"    // SFTP
	StepCertificate = "certificate" // FTPS
	StepSignIn      = "sign-in"
	StepStart       = "start" // SFTP inside SSH; FTPS: encryption of data, features
	StepList        = "list"
	StepWrite       = "write"
)

// Step is one of them: what was seen, or why it failed. Both are sentences for the
// customer and the operator; neither holds a secret.
type Step struct {
	Name  string
	Seen  string
	Facts map[string]string // what Seen tells, one by one, for other languages
	Err   error
}

// Saw reports the good end of a step, with names and values of its facts.
func (s Server) Saw(name, seen string, facts ...string) {
	if s.Report == nil {
		return
	}
	step := Step{Name: name, Seen: seen, Facts: map[string]string{}}
	for i := 0; i+1 < len(facts); i += 2 {
		step.Facts[facts[i]] = facts[i+1]
	}
	s.Report(step)
}

// Failed reports why a step failed, and returns that.
func (s Server) Failed(name string, err error) error {
	if s.Report != nil {
		s.Report(Step{Name: name, Err: err})
	}
	return err
}

// Seen is what a connection saw of its server.
type Seen struct {
	Addresses    []netip.Addr   // that the name resolved to
	Address      netip.AddrPort // that was connected to
	Banner       string         // of the server's software
	HostKey      string         // SFTP: SHA256:...
	HostKeyType  string
	Certificates []Certificate // FTPS: the server's own first
	Encryption   string        // "TLS 1.3, ..." or key exchange, cipher and MAC
	Legacy       []string      // old algorithms that are in use because an option allows them
	Features     []string      // extensions that the server offers
}

// Certificate is one of a server's chain.
type Certificate struct {
	SHA256            string // hex, of the DER
	Subject, Issuer   string
	Names             []string
	NotBefore, Before time.Time // valid from, and until
}

// Dial resolves the host and connects to the first of its addresses that the guard
// lets through and that answers.
func (s Server) Dial(ctx context.Context, seen *Seen) (net.Conn, error) {
	if err := s.resolve(ctx, seen); err != nil {
		return nil, s.Failed(StepResolve, err)
	}
	addresses := s.tell(seen.Addresses)
	s.Saw(StepResolve, "the name leads to "+addresses, "addresses", addresses)

	ctx, cancel := context.WithTimeout(ctx, s.Patience())
	defer cancel()
	dialer := s.Guard.Dialer(s.Patience() / time.Duration(len(seen.Addresses)))
	var first, busy error
	for _, addr := range seen.Addresses {
		if s.Reach != nil {
			if err := s.Reach(addr); err != nil {
				busy = err
				continue
			}
		}
		at := netip.AddrPortFrom(addr, s.Port)
		conn, err := dialer.DialContext(ctx, "tcp", at.String())
		if err == nil {
			seen.Address = at
			s.Saw(StepConnect, "connected to "+at.String(), "address", at.String())
			return conn, nil
		}
		if first == nil || fault.Is(first, fault.Denied) {
			first = err
		}
	}
	if busy != nil { // there it might have answered
		return nil, s.Failed(StepConnect, busy)
	}
	return nil, s.Failed(StepConnect, s.unreached(first))
}

func (s Server) resolve(ctx context.Context, seen *Seen) error {
	const op = "remote: resolve"
	if s.Host == "" || s.Port == 0 || s.Guard == nil {
		return fault.New(fault.Invalid, op, "the address of a server is a host and a port")
	}
	ctx, cancel := context.WithTimeout(ctx, s.Patience())
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", s.Host)
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return &fault.Error{Kind: fault.Invalid, Op: op, Message: "nobody knows the name of the host; check how it is written, and that it is published in DNS", Err: why.UnknownHost.By(err)}
	case err != nil:
		return &fault.Error{Kind: fault.TryLater, Op: op, Message: "the name of the host cannot be looked up now; the gateway asks again later", Err: why.NoLookup.By(err)}
	case len(found) == 0:
		return why.UnknownHost.New(fault.Invalid, op, "the name of the host leads to no address")
	}
	if len(found) > 8 {
		found = found[:8]
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	seen.Addresses = found
	return nil
}

// unreached says why nothing was reached, and who can change that.
func (s Server) unreached(err error) error {
	const op = "remote: connect"
	var message string
	var code why.Code
	var timeout net.Error
	switch {
	case fault.Is(err, fault.Denied):
		return &fault.Error{Kind: fault.Denied, Op: op, Message: fault.Message(err), Err: why.OwnNet.By(err)}
	case errors.Is(err, syscall.ECONNREFUSED):
		code, message = why.NotListened, fmt.Sprintf("nothing listens at port %d of the server; check the port, and that the server is running", s.Port)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		code, message = why.NoAnswer, fmt.Sprintf("the server does not answer at port %d; its firewall may have to let the gateway in", s.Port)
	case errors.Is(err, context.Canceled):
		return &fault.Error{Kind: fault.TryLater, Op: op, Message: "the connection was given up", Err: err}
	default:
		code, message = why.Unreachable, fmt.Sprintf("there is no way to port %d of the server; check address, port and firewall", s.Port)
	}
	return &fault.Error{Kind: fault.TryLater, Op: op, Message: message, Err: code.By(err)}
}

// tell shows the addresses that may be reached: what names of the inner network lead to
// is not for customers.
func (s Server) tell(addrs []netip.Addr) string {
	texts := make([]string, len(addrs))
	for i, a := range addrs {
		texts[i] = a.String()
		if s.Guard.Check(a) != nil {
			texts[i] = "an address that is not public"
		}
	}
	return strings.Join(texts, ", ")
}
