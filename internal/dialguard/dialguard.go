// Package dialguard keeps connections that the gateway opens for customers away
// from addresses that only the gateway's own network should reach.
//
// A customer names a host; what it resolves to is looked at where it cannot change
// any more: in the dialer's Control, with the address that the socket is about to
// connect to. So a name that resolves to something else the second time (DNS
// rebinding), a redirect, or the address that a server tells its clients to connect
// to is judged like the first one. Only public unicast addresses are reached, and none
// of this machine. A
// mapped IPv4 address, or one behind NAT64, is as good as the IPv4 address inside; other
// forms that carry one (6to4, Teredo, ISATAP) are not reached at all.
//
// Who runs the gateway may allow networks besides (remotes.allow). The addresses at
// which clouds hand out credentials need an entry of their own: no wide network
// opens them by accident.
//
// What is refused is a fault.Denied. Its sentence goes to customers and does not
// tell them what a name of the inner network resolves to; its cause, for the log,
// does.
package dialguard

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"sealgate/internal/fault"
)

// Guard decides which addresses may be connected to. It is safe for concurrent use.
type Guard struct {
	allow []netip.Prefix
	inner bool // public addresses are refused
	own   func() ([]net.Addr, error)
}

// New returns a guard that lets through public addresses and those in allow.
func New(allow []netip.Prefix) *Guard {
	g := &Guard{own: net.InterfaceAddrs}
	for _, p := range allow {
		// An IPv4 network written as IPv6 means the IPv4 network: addresses are
		// compared in their IPv4 form.
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		g.allow = append(g.allow, p.Masked())
	}
	return g
}

// Inner returns a guard that lets through the allowed networks only: for what may not
// cross the public internet, such as plain HTTP.
func (g *Guard) Inner() *Guard { return &Guard{allow: g.allow, inner: true, own: g.own} }

// Dialer returns a dialer whose connections the guard looks at.
func (g *Guard) Dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second, Control: g.Control}
}

// Transport returns an HTTP transport that connects through the guard only: it heeds
// no proxy of the environment, for that would connect in its place.
func (g *Guard) Transport(timeout time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:            g.Dialer(timeout).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    timeout,
		ResponseHeaderTimeout:  timeout,
		MaxResponseHeaderBytes: 64 << 10,
		MaxConnsPerHost:        8,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        30 * time.Second,
		ForceAttemptHTTP2:      true,
	}
}

// Control is for net.Dialer: it sees each address right before the socket connects.
func (g *Guard) Control(network, address string, _ syscall.RawConn) error {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return refused("connections that are not TCP", address)
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return refused("what is no address", address)
	}
	return g.Check(at.Addr())
}

// Check tells whether an address may be connected to.
func (g *Guard) Check(addr netip.Addr) error {
	addr = addr.WithZone("").Unmap()
	if !addr.IsValid() {
		return refused("what is no address", addr.String())
	}
	if g.alone(addr) {
		return nil
	}
	if inner, ok := behindNAT64(addr); ok {
		return g.Check(inner)
	}
	if isMetadata(addr) {
		return refused("an address at which a cloud hands out credentials", addr.String())
	}
	if g.allowed(addr) {
		return nil
	}
	what := special(addr)
	if what == "" {
		own, err := g.ours(addr)
		if err != nil {
			return &fault.Error{
				Kind: fault.Denied, Op: "dial guard",
				Message: "the gateway cannot tell which addresses are its own, so it connects to those in remotes.allow only; who runs it lets it read them (AF_NETLINK)",
				Err:     err,
			}
		}
		if own {
			what = "the gateway's own machine" // where doors stand open that a firewall shuts for others
		}
	}
	switch {
	case what == "" && !g.inner:
		return nil
	case what == "":
		return &fault.Error{
			Kind: fault.Denied, Op: "dial guard",
			Message: "the host leads to a public address, which is reached with encryption only",
			Err:     fmt.Errorf("refused to connect to %s", addr),
		}
	}
	return refused(what, addr.String())
}

// Resolve looks a host up and checks all it finds, to tell whoever sets it up early.
// It protects nothing: Control does.
func (g *Guard) Resolve(ctx context.Context, host string) error {
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return &fault.Error{Kind: fault.Invalid, Op: "dial guard", Message: "the name of the host cannot be resolved", Err: err}
	}
	for _, addr := range found {
		if err := g.Check(addr); err != nil {
			return err
		}
	}
	return nil
}

// ours reports whether an address is one of this machine.
func (g *Guard) ours(addr netip.Addr) (bool, error) {
	all, err := g.own()
	if err != nil {
		return false, fmt.Errorf("the addresses of this machine: %w", err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			if at, ok := netip.AddrFromSlice(n.IP); ok && at.Unmap() == addr {
				return true, nil
			}
		}
	}
	return false, nil
}

func (g *Guard) allowed(addr netip.Addr) bool {
	for _, p := range g.allow {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// alone reports whether an address is allowed by an entry that names nothing else.
func (g *Guard) alone(addr netip.Addr) bool {
	for _, p := range g.allow {
		if p.IsSingleIP() && p.Contains(addr) {
			return true
		}
	}
	return false
}

func refused(what, address string) error {
	return &fault.Error{
		Kind: fault.Denied, Op: "dial guard",
		Message: "the host leads to " + what + ", and this gateway connects to public addresses only; who runs it can allow the network in remotes.allow",
		Err:     fmt.Errorf("refused to connect to %s", address),
	}
}
