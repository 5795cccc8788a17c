package wire

import (
	"context"
	"errors"
	"net"
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
	var dns *net.DNSError
	var op *net.OpError
	var cert *untrusted
	switch {
	case errors.As(err, &cert):
		return say(CodeCertificate, "The certificate that "+host+" shows is trusted neither by this machine nor by the gateway ("+cert.err.Error()+
			"). If a proxy here opens TLS, name its authority in connect.yaml: ca: FILE.")
	case errors.As(err, &op) && op.Op == "proxyconnect", strings.Contains(errText(err), "Proxy Authentication Required"), strings.Contains(errText(err), "proxyconnect"):
		return say(CodeProxy, "The proxy "+c.Way()+" does not let this through ("+lastOf(err)+"). Set proxy: in connect.yaml, with user and password if it asks for them.")
	case errors.As(err, &dns):
		return say(CodeDNS, "The name "+dns.Name+" cannot be found: is the gateway's address right, and does this machine have a name server?")
	case errors.Is(err, syscall.ECONNREFUSED):
		return say(CodeRefused, "Nothing listens at "+host+": the gateway is down, or a firewall refuses the connection.")
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return say(CodeUnreachable, "There is no way to "+host+" from here: is the network up?")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return say(CodeTimeout, host+" did not answer in time: a firewall may drop the connection, or the line is too slow.")
	}
	switch fault.KindOf(err) {
	case fault.Damaged:
		return say(CodeUnsigned, "What "+host+" answers is not signed by the gateway: a proxy or another program answers in its place. Nothing it says is believed.")
	case fault.Denied:
		return say(CodeOther, fault.Message(err))
	}
	return say(CodeBroken, "The connection to "+host+" broke ("+lastOf(err)+").")
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

// errText is all that an error says; nobody branches on it but to tell a proxy's
// refusal, which net/http gives no type.
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
