package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"sealgate/internal/connect"
	"sealgate/internal/fault"
)

// Trouble is what went wrong, for people and for programs.
type Trouble struct {
	Code     string        // a stable word: a connect.Reason, or one of those below
	Sentence string        // what is wrong and what to do
	Wait     time.Duration // asked for by the gateway; 0 = as Backoff says
	Stop     bool          // sending anything is in vain until somebody acts
	Everyone bool          // it is not about one file
	Park     bool          // the file is not tried again by itself
}

// Codes of troubles that the gateway does not name.
const (
	CodeDNS         = "name-not-found"
	CodeRefused     = "connection-refused"
	CodeUnreachable = "unreachable"
	CodeTimeout     = "timeout"
	CodeCertificate = "certificate-untrusted"
	CodeProxy       = "proxy"
	CodeUnsigned    = "answer-not-signed"
	CodeOther       = "other-gateway"
	CodeBroken      = "connection-broken"
)

// hourly is how often an agent asks that was told to stop.
const hourly = time.Hour

// Explain says what an error of a Client is.
func (c *Client) Explain(err error) Trouble {
	var p *connect.Problem
	if errors.As(err, &p) {
		return ofProblem(p)
	}
	t := Trouble{Everyone: true}
	host := c.base.Host
	say := func(code, sentence string) Trouble { t.Code, t.Sentence = code, sentence; return t }
	var op *net.OpError
	var cert *untrusted
	var refused *notPassed
	switch {
	case errors.As(err, &cert):
		return say(CodeCertificate, "The certificate that "+host+" shows is trusted neither by this machine nor by the gateway: "+cert.why()+
			". If a proxy here opens TLS, name its authority in connect.yaml: ca: FILE.")
	case errors.As(err, &refused):
		return say(CodeProxy, c.proxySays(refused.status))
	case errors.As(err, &op) && op.Op == "proxyconnect":
		_, why := wayOf(err, "it")
		return say(CodeProxy, "The proxy "+c.Way()+" is not reached: "+why+". Set the right one in connect.yaml: proxy: http://HOST:PORT, or proxy: direct if there is none.")
	}
	if code, why := wayOf(err, host); code != "" {
		return say(code, strings.ToUpper(why[:1])+why[1:]+".")
	}
	switch fault.KindOf(err) {
	case fault.Damaged:
		return say(CodeUnsigned, "What "+host+" answers is not signed by the gateway: a proxy or another program answers in its place. Nothing it says is believed. Is the gateway's address right, and the port in it?")
	case fault.Denied:
		return say(CodeOther, "At "+host+", "+fault.Message(err)+". Nothing is sent to it. Is the address right? If the gateway was made anew, ask there whether that is its identity, and enroll again with a new code.")
	}
	if text := errText(err); errors.As(err, new(tls.RecordHeaderError)) || strings.Contains(text, "HTTP response to HTTPS client") {
		return say(CodeUnsigned, "What answers at "+host+" speaks no TLS: is the gateway's address right, its https:// and the port in it?")
	}
	return say(CodeBroken, "The connection to "+host+" broke: "+brokenBy(err)+".")
}

// proxySays is what to do when a proxy does not let a connection through.
func (c *Client) proxySays(status int) string {
	via := c.Way()
	switch {
	case status != http.StatusProxyAuthRequired:
		return fmt.Sprintf("The proxy %s does not let this through: it answers %d %s. Who runs it has to let connections to %s through. Or set another one in connect.yaml: proxy: http://HOST:PORT, or proxy: direct if there is none.",
			via, status, http.StatusText(status), c.base.Host)
	case strings.Contains(via, "@"):
		return "The proxy " + via + " does not take the user and password that it is given. Set the right ones in connect.yaml: proxy: http://user:password@HOST:PORT."
	}
	return "The proxy " + via + " wants a user and password. Set them in connect.yaml: proxy: http://user:password@HOST:PORT."
}

// wayOf says why nothing answers at a place; no code: it is something else.
func wayOf(err error, place string) (code, why string) {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return CodeDNS, "the name " + dns.Name + " cannot be found; see whether the address is right, and whether this machine has the right name server"
	case errors.As(err, &dns):
		return CodeDNS, "the name " + dns.Name + " cannot be looked up: no name server answers this machine"
	case errors.Is(err, syscall.ECONNREFUSED):
		return CodeRefused, "nothing listens at " + place + ": the program there is down, the port is wrong, or a firewall refuses the connection"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return CodeUnreachable, "there is no way to " + place + " from here; see whether the network is up"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return CodeTimeout, place + " did not answer in time: a firewall may drop the connection, or the line is too slow"
	}
	return "", brokenBy(err)
}

// brokenBy says how a connection ended.
func brokenBy(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return "it was closed before the answer was there, as a firewall or a proxy does that does not let it through, or a gateway that was stopped"
	}
	return lastOf(err)
}

// why says it without the words of the library, as far as they are known.
func (e *untrusted) why() string {
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(e.err, &invalid) && invalid.Reason == x509.Expired:
		return "it has expired or is not valid yet, or the clock of this machine is wrong"
	case errors.As(e.err, new(x509.UnknownAuthorityError)):
		return "it is signed by an unknown authority"
	case errors.As(e.err, new(x509.HostnameError)):
		return "it is for another name"
	}
	return strings.TrimPrefix(e.err.Error(), "x509: ")
}

// Unheard reports whether an error is about the way to the gateway: neither a refusal
// that it has signed, nor about what is here.
func Unheard(err error) bool {
	var f *fault.Error
	switch {
	case err == nil, errors.As(err, new(*connect.Problem)):
		return false
	case errors.As(err, &f):
		return strings.HasPrefix(f.Op, "wire:") || strings.HasPrefix(f.Op, "connect:")
	}
	return true
}

func ofProblem(p *connect.Problem) Trouble {
	t := Trouble{Code: string(p.Reason()), Sentence: p.Detail, Wait: time.Duration(p.RetryAfter) * time.Second}
	switch p.Reason() {
	case connect.Revoked, connect.UnknownAgent:
		t.Sentence += " With a new code: connect enroll."
	}
	switch p.Reason() {
	case connect.Revoked, connect.UnknownAgent, connect.AccountClosed, connect.OtherGateway, connect.NotAllowed:
		t.Stop, t.Everyone, t.Wait = true, true, hourly
	case connect.NoRoom, connect.TryLater, connect.StaleEpoch, connect.ClockOff, connect.Locked:
		t.Everyone = true
	case connect.TooLarge, connect.Invalid:
		t.Wait = hourly
	}
	return t
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// errText is all that an error says; nobody branches on it but for what net/http gives
// no type.
func errText(err error) string {
	var u *url.Error
	if errors.As(err, &u) && u.Err != nil {
		return u.Err.Error()
	}
	return err.Error()
}

func lastOf(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
