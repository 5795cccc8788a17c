package wire

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"sealgate/internal/fault"
)

// pins are the public keys of the certificates that the identity vouches for.
type pins struct {
	mu  sync.Mutex
	all [][]byte
}

func (p *pins) set(all [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = all
}

func (p *pins) has(cert *x509.Certificate) bool {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pin := range p.all {
		if string(pin) == string(sum[:]) {
			return true
		}
	}
	return false
}

// untrusted is a certificate that nobody vouches for.
type untrusted struct{ err error }

func (e *untrusted) Error() string { return "certificate: " + e.err.Error() }
func (e *untrusted) Unwrap() error { return e.err }

// newHTTP makes a client of HTTP/1.1, which gives parallel files connections of their
// own. With vouched, certificates are verified; without, any will do.
func newHTTP(proxy func(*http.Request) (*url.URL, error), ca []byte, vouched *pins) (*http.Client, error) {
	roots, err := rootsWith(ca)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, // of proxies that open TLS; the gateway speaks 1.3
		NextProtos: []string{"http/1.1"},

		// What is verified, and how, stands in the next line: an authority, or the
		// gateway's identity.
		InsecureSkipVerify: true,
		VerifyConnection:   func(s tls.ConnectionState) error { return verify(s, roots, vouched) },
	}
	dialer := &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		Proxy:                  proxy,
		OnProxyConnectResponse: passed,

		DialContext:            dialer.DialContext,
		DialTLSContext:         dialTLS(dialer, config), // without a proxy
		TLSClientConfig:        config,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		TLSHandshakeTimeout:    handshakeTime,
		ResponseHeaderTimeout:  callTime,
		MaxIdleConnsPerHost:    32,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		WriteBufferSize:        64 << 10,
		ReadBufferSize:         16 << 10,
	}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// handshakeTime is how long TLS may take to begin.
const handshakeTime = 20 * time.Second

// dialTLS makes connections as net/http does by itself, and whole ones of them.
func dialTLS(dialer *net.Dialer, config *tls.Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		raw, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		mine := config.Clone()
		mine.ServerName, _, _ = net.SplitHostPort(addr) // DialContext has read it
		c := whole{tls.Client(raw, mine)}
		ctx, cancel := context.WithTimeout(ctx, handshakeTime)
		defer cancel()
		if err := c.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, err
		}
		return c, nil
	}
}

// whole is a connection that takes a body as it lies in memory. net/http copies one
// through a buffer first, 32 KiB at a time: an eighth of what a large file costs here.
type whole struct{ *tls.Conn }

// ReadFrom is io.ReaderFrom: by this net/http hands over a body, limited to the length
// that was said. Ours are as long as was said.
func (c whole) ReadFrom(r io.Reader) (int64, error) {
	if l, ok := r.(*io.LimitedReader); ok {
		if body, ok := l.R.(io.WriterTo); ok {
			n, err := body.WriteTo(c.Conn)
			l.N -= n
			return n, err
		}
	}
	return io.Copy(c.Conn, r)
}

// notPassed is the answer of a proxy that does not let a connection through.
type notPassed struct{ status int }

func (e *notPassed) Error() string {
	return "proxy: " + strconv.Itoa(e.status) + " " + http.StatusText(e.status)
}

func passed(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return &notPassed{answer.StatusCode}
	}
	return nil
}

func verify(s tls.ConnectionState, roots *x509.CertPool, vouched *pins) error {
	if vouched == nil {
		return nil
	}
	if len(s.PeerCertificates) == 0 {
		return &untrusted{errors.New("there is none")}
	}
	o := x509.VerifyOptions{Roots: roots, DNSName: s.ServerName, Intermediates: x509.NewCertPool()}
	for _, c := range s.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(o)
	if err == nil || vouched.has(s.PeerCertificates[0]) {
		return nil
	}
	return &untrusted{err}
}

// rootsWith are the machine's authorities and those in ca; nil = the machine's.
func rootsWith(ca []byte) (*x509.CertPool, error) {
	if len(ca) == 0 {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fault.New(fault.Invalid, "wire: authorities", "the file of authorities holds no certificate in PEM")
	}
	return roots, nil
}

// proxyOf says which proxy a request takes.
func proxyOf(setting string) (func(*http.Request) (*url.URL, error), error) {
	switch setting {
	case "direct":
		return nil, nil
	case "":
		return systemProxy(), nil
	}
	u, err := url.Parse(setting)
	if err != nil || u.Host == "" {
		return nil, fault.New(fault.Invalid, "wire: proxy", "the proxy is no address like http://user:password@proxy.example.com:3128")
	}
	return http.ProxyURL(u), nil
}

// Way says which proxy leads to the gateway, for people; empty = none.
func (c *Client) Way() string {
	t, ok := c.verified.Transport.(*http.Transport)
	if !ok || t.Proxy == nil {
		return ""
	}
	u, err := t.Proxy(&http.Request{URL: c.base})
	if err != nil || u == nil {
		return ""
	}
	return u.Redacted()
}
