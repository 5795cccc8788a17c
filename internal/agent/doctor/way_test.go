package doctor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"sealgate/internal/agent/agenttest"
	"sealgate/internal/agent/control"
	"sealgate/internal/agent/doctor"
	"sealgate/internal/agent/home"
	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
)

// patient is an agent that is well, and what a test makes of it.
type patient struct {
	g        *agenttest.Gateway
	home     home.Home
	settings *home.Settings
	now      func() time.Time
	running  error
}

func newPatient(t *testing.T, g *agenttest.Gateway) *patient {
	t.Helper()
	return &patient{g: g, home: g.Enrol(g.TLS.URL), now: g.Clock.Now, settings: &home.Settings{Proxy: "direct", Parallel: 4, Gateway: g.TLS.URL, Folders: []home.Folder{{Path: t.TempDir(), After: home.Move}}}}
}

// look returns what the doctor finds, by name.
func (p *patient) look(t *testing.T) map[string]doctor.Finding {
	t.Helper()
	found := map[string]doctor.Finding{}
	for _, f := range doctor.Look(t.Context(), doctor.Patient{
		Home: p.home, Settings: func() (*home.Settings, error) { return p.settings, nil },
		Dial: func(s *home.Settings) (home.Enrolment, *wire.Client, error) {
			e, err := p.home.Enrolled()
			if err != nil {
				return e, nil, err
			}
			keys, err := p.home.Keys(e)
			if err != nil {
				return e, nil, err
			}
			c, err := wire.New(wire.Options{
				Gateway: s.Gateway, Pinned: connect.IdentityOf(e.Identity), Proxy: s.Proxy, Now: p.now,
				Peer: &connect.Peer{Agent: e.Agent, Keys: keys, Gateway: e.Identity},
			})
			return e, c, err
		},
		Running: func(context.Context) error { return p.running },
	}) {
		found[f.Name] = f
	}
	return found
}

// says wants a finding of this state whose sentence has all these words.
func says(t *testing.T, f doctor.Finding, state string, words ...string) {
	t.Helper()
	t.Logf("%s: %s: %s", f.State, f.Name, f.Sentence)
	if f.State != state {
		t.Errorf("%q is %q, want %q", f.Sentence, f.State, state)
	}
	for _, w := range words {
		if !strings.Contains(f.Sentence, w) {
			t.Errorf("%q does not say %q", f.Sentence, w)
		}
	}
	for _, w := range []string{"dial tcp", "s3cret", "lookup ", "proxyconnect", "syscall", "EOF", "x509:", "wire:"} { // nobody but a programmer knows these
		if strings.Contains(f.Sentence, w) {
			t.Errorf("%q says %q", f.Sentence, w)
		}
	}
}

func TestAPatientThatIsWell(t *testing.T) {
	p := newPatient(t, agenttest.New(t))
	for name, f := range p.look(t) {
		if f.State != doctor.OK {
			t.Errorf("%s: %+v", name, f)
		}
	}
	p.running = control.ErrStopped
	says(t, p.look(t)["service"], doctor.Failure, "not running", "connect service start")
}

// Each trouble on the way to the gateway is named, with what to change.
func TestTheWayToTheGateway(t *testing.T) {
	g := agenttest.New(t)
	for _, c := range []struct {
		name, finding string
		words         []string
		make          func(t *testing.T, p *patient)
	}{
		{"no such name", "gateway", []string{"no-such-gateway.invalid", "cannot be found", "address", "name server"}, func(_ *testing.T, p *patient) {
			p.settings.Gateway = "https://no-such-gateway.invalid"
		}},
		{"nobody listens", "gateway", []string{"Nothing listens at 127.0.0.1:", "firewall"}, func(t *testing.T, p *patient) {
			p.settings.Gateway = "https://" + closedPort(t)
		}},
		{"another program answers", "gateway", []string{"speaks no TLS", "https", "port"}, func(_ *testing.T, p *patient) {
			p.settings.Gateway = strings.Replace(g.Plain.URL, "http:", "https:", 1)
		}},
		{"a web page answers", "gateway", []string{"not signed by the gateway", "another program"}, func(t *testing.T, p *patient) {
			p.settings.Gateway = served(t, http.NotFoundHandler()).URL
		}},
		{"who says nothing", "gateway", []string{"broke", "closed", "firewall"}, func(t *testing.T, p *patient) {
			p.settings.Gateway = served(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })).URL
		}},
		{"no proxy there", "gateway", []string{"The proxy http://127.0.0.1:", "nothing listens", "connect.yaml"}, func(t *testing.T, p *patient) {
			p.settings.Proxy = "http://" + closedPort(t)
		}},
		{"a proxy without a name", "gateway", []string{"The proxy http://no-such-proxy.invalid:3128", "cannot be found", "connect.yaml", "proxy: direct"}, func(_ *testing.T, p *patient) {
			p.settings.Proxy = "http://no-such-proxy.invalid:3128"
		}},
		{"a proxy that wants a password", "gateway", []string{"The proxy http://127.0.0.1:", "wants a user and password", "connect.yaml", "proxy: http://user:password@"}, func(t *testing.T, p *patient) {
			p.settings.Proxy = proxy(t, http.StatusProxyAuthRequired)
		}},
		{"a proxy that wants another password", "gateway", []string{"does not take the user and password"}, func(t *testing.T, p *patient) {
			p.settings.Proxy = strings.Replace(proxy(t, http.StatusProxyAuthRequired), "//", "//erp:s3cret@", 1)
		}},
		{"a proxy that refuses", "gateway", []string{"The proxy http://127.0.0.1:", "403 Forbidden", "let connections to 127.0.0.1:"}, func(t *testing.T, p *patient) {
			p.settings.Proxy = proxy(t, http.StatusForbidden)
		}},
		{"a proxy that does not reach it", "gateway", []string{"The proxy http://127.0.0.1:", "502 Bad Gateway", "connect.yaml"}, func(t *testing.T, p *patient) {
			p.settings.Proxy = proxy(t, http.StatusBadGateway)
		}},
		{"a proxy that opens TLS", "standing", []string{"certificate", "unknown authority", "proxy", "ca: FILE"}, func(t *testing.T, p *patient) {
			p.settings.Gateway = between(t, g, time.Now().Add(time.Hour))
		}},
		{"a certificate that is over", "standing", []string{"certificate", "expired", "clock"}, func(t *testing.T, p *patient) {
			p.settings.Gateway = between(t, g, time.Now().Add(-time.Hour))
		}},
		{"another gateway", "gateway", []string{"another gateway", "enrolled", "address", "enroll again"}, func(t *testing.T, p *patient) {
			p.settings.Gateway = agenttest.New(t).TLS.URL
		}},
		{"a clock that is wrong", "clock", []string{"2h0m0s behind", "set the clock"}, func(_ *testing.T, p *patient) {
			p.now = func() time.Time { return g.Clock.Now().Add(-2 * time.Hour) }
		}},
		{"revoked", "standing", []string{"revoked", "new code", "connect enroll"}, func(t *testing.T, p *patient) {
			e, err := p.home.Enrolled()
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Agents.Revoke(t.Context(), "operator:test", "acme", e.Agent.String()); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPatient(t, g)
			c.make(t, p)
			state := doctor.Failure
			if c.finding == "clock" {
				state = doctor.Warning
			}
			says(t, p.look(t)[c.finding], state, c.words...)
		})
	}
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func served(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// proxy refuses everything.
func proxy(t *testing.T, status int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if status == http.StatusProxyAuthRequired {
			w.Header().Set("Proxy-Authenticate", "Basic")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "no")
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// between is a proxy that opens TLS, with a certificate of its own.
func between(t *testing.T, g *agenttest.Gateway, until time.Time) string {
	t.Helper()
	to, err := url.Parse(g.Plain.URL)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "office proxy"}, NotBefore: until.Add(-24 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, made, made, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}})
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}
