package httpd_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/httpd"
	"sealgate/internal/portal/httpd/certs"
)

// memory keeps a certificate for as long as a test runs.
type memory struct {
	certificate []byte
	key         crypto.Signer
}

func (m *memory) TLS() ([]byte, crypto.Signer, error) {
	if m.key == nil {
		return nil, nil, fault.New(fault.NotFound, "test", "none yet")
	}
	return m.certificate, m.key, nil
}

func (m *memory) SetTLS(certificate []byte, key crypto.Signer) error {
	m.certificate, m.key = certificate, key
	return nil
}

// door is an HTTPS door that runs.
type door struct {
	t      *testing.T
	addr   string
	pool   *x509.CertPool
	ca     string // PEM file of the certificate
	stop   context.CancelFunc
	ended  chan error
	log    *lines
	client *http.Client // HTTP/2
	old    *http.Client // HTTP/1.1
}

// lines is a log that a test may read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func open(t *testing.T, opt httpd.Options) *door {
	t.Helper()
	d := &door{t: t, pool: x509.NewCertPool(), ended: make(chan error, 1), log: &lines{}}
	opt.Log = slog.New(slog.NewTextHandler(d.log, nil))
	own, err := certs.OpenOwn(&memory{}, "gw.example.com", time.Now, opt.Log)
	d.check(err)
	opt.Certificates = own
	shown, err := own.Certificate(nil)
	d.check(err)
	d.pool.AddCert(shown.Leaf)
	d.ca = filepath.Join(t.TempDir(), "ca.pem")
	d.check(os.WriteFile(d.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: shown.Certificate[0]}), 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	d.check(err)
	d.addr = l.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	d.stop = stop
	server := httpd.New(opt)
	go func() { d.ended <- server.Run(ctx, l) }()
	d.client = d.newClient(true)
	d.old = d.newClient(false)
	t.Cleanup(func() {
		stop()
		d.client.CloseIdleConnections()
		d.old.CloseIdleConnections()
		if err, running := <-d.ended; running && err != nil {
			t.Errorf("the door ended with %v", err)
		}
	})
	return d
}

// end ends the door and waits for it.
func (d *door) end() {
	d.t.Helper()
	d.stop()
	d.check(<-d.ended)
	close(d.ended)
}

func (d *door) check(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *door) newClient(http2 bool) *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: d.pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: http2}
	if !http2 {
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// dial returns a TLS connection on which a test speaks HTTP/1.1 itself.
func (d *door) dial() *tls.Conn {
	d.t.Helper()
	c, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: d.pool})
	d.check(err)
	d.t.Cleanup(func() { c.Close() })
	d.check(c.SetDeadline(time.Now().Add(time.Minute)))
	return c
}

func (d *door) request(method, path string, body io.Reader) *http.Request {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, "https://"+d.addr+path, body)
	d.check(err)
	return r
}

// header sets one on a request, written as "Name: value"; none when it is empty.
func header(r *http.Request, text string) {
	name, value, _ := strings.Cut(text, ": ")
	switch name {
	case "":
	case "Host":
		r.Host = value
	default:
		r.Header.Set(name, value)
	}
}

// answered is an answer, read to its end.
type answered struct {
	*http.Response
	body string
}

func (d *door) do(c *http.Client, r *http.Request) answered {
	d.t.Helper()
	resp, err := c.Do(r)
	d.check(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	d.check(err)
	return answered{resp, string(b)}
}

// wantProblem wants a problem object with this status.
func wantProblem(t *testing.T, a answered, status int, kind string) {
	t.Helper()
	var p portal.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("status %d, no problem object: %q", a.StatusCode, a.body)
	}
	if a.StatusCode != status || p.Status != status || p.Type != portal.ProblemType+kind || p.Detail == "" ||
		a.Header.Get("Content-Type") != "application/problem+json" || p.Request == "" || p.Request != a.Header.Get("X-Request-Id") {
		t.Errorf("status %d %s: %+v, want %d %s", a.StatusCode, a.Header.Get("Content-Type"), p, status, kind)
	}
}

func long(n int) string { return strings.Repeat("x", n) }
