package wire_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/agent/agenttest"
	"sealgate/internal/agent/home"
	"sealgate/internal/agent/sealing"
	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
	"sealgate/internal/seal"
)

// client makes one for an agent that was enrolled.
func client(t *testing.T, g *agenttest.Gateway, h home.Home, url, proxy string) *wire.Client {
	t.Helper()
	e, err := h.Enrolled()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := h.Keys(e)
	if err != nil {
		t.Fatal(err)
	}
	c, err := wire.New(wire.Options{
		Gateway: url, Proxy: proxy, Pinned: connect.IdentityOf(e.Identity), Now: g.Clock.Now,
		Peer: &connect.Peer{Agent: e.Agent, Keys: keys, Gateway: e.Identity},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func account(t *testing.T, c *wire.Client) (*connect.Account, error) {
	t.Helper()
	a := new(connect.Account)
	return a, c.Call(t.Context(), connect.PathAccount, wire.Say(connect.Nothing{}), nil, a)
}

// office is a corporate proxy: CONNECT for https, forwarding for http, with a password.
func office(t *testing.T, used *atomic.Int32) *httptest.Server {
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("erp:s3cret"))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != want {
			w.Header().Set("Proxy-Authenticate", "Basic")
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		used.Add(1)
		if r.Method != http.MethodConnect {
			r.RequestURI = ""
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			defer resp.Body.Close()
			for k, v := range resp.Header {
				w.Header()[k] = v
			}
			w.WriteHeader(resp.StatusCode)
			_, _ = io.Copy(w, resp.Body)
			return
		}
		there, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		here, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			there.Close()
			return
		}
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(there, here); there.Close() }()
		go func() { _, _ = io.Copy(here, there); here.Close() }()
	}))
	t.Cleanup(s.Close)
	return s
}

func TestThroughAnOfficeProxy(t *testing.T) {
	g := agenttest.New(t)
	h := g.Enrol(g.Plain.URL)
	var used atomic.Int32
	p := office(t, &used)
	with := strings.Replace(p.URL, "http://", "http://erp:s3cret@", 1)
	for _, url := range []string{g.TLS.URL, g.Plain.URL} {
		used.Store(0)
		if a, err := account(t, client(t, g, h, url, with)); err != nil || a.Name != "acme" || used.Load() == 0 {
			t.Errorf("%s: %v, through the proxy %d times", url, err, used.Load())
		}
		c := client(t, g, h, url, p.URL)
		_, err := account(t, c)
		if err == nil {
			t.Fatalf("%s: a proxy without its password let something through", url)
		}
		why := c.Explain(err)
		if url == g.TLS.URL && why.Code != wire.CodeProxy || url == g.Plain.URL && why.Code != wire.CodeUnsigned || strings.Contains(why.Sentence, "s3cret") {
			t.Errorf("%s: %+v", url, why)
		}
	}
}

// A certificate that neither an authority nor the gateway's identity vouches for is
// refused, though what is said would be safe all the same.
func TestACertificateThatNobodyVouchesFor(t *testing.T) {
	g := agenttest.New(t)
	h := g.Enrol(g.Plain.URL)
	if _, err := account(t, client(t, g, h, g.TLS.URL, "direct")); err != nil {
		t.Fatalf("its own, which it vouches for: %v", err)
	}
	between := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Scheme, r.URL.Host, r.RequestURI = "http", strings.TrimPrefix(g.Plain.URL, "http://"), ""
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		for k, v := range resp.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	between.TLS = &tls.Config{Certificates: []tls.Certificate{stranger(t)}}
	between.StartTLS()
	defer between.Close()
	c := client(t, g, h, between.URL, "direct")
	_, err := account(t, c)
	if why := c.Explain(err); why.Code != wire.CodeCertificate {
		t.Errorf("%+v", why)
	}
}

// stranger is a certificate that somebody made.
func stranger(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<33, 0), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Whatever is not signed is not believed, however it looks.
func TestWhatIsNotSignedIsNotBelieved(t *testing.T) {
	g := agenttest.New(t)
	h := g.Enrol(g.Plain.URL)
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"type":"urn:sealgate:problem:revoked","title":"revoked","status":403,"detail":"go away"}`)
	}))
	defer liar.Close()
	c := client(t, g, h, liar.URL, "direct")
	_, err := account(t, c)
	if why := c.Explain(err); why.Code != wire.CodeUnsigned || why.Stop {
		t.Errorf("%+v", why)
	}
	if errors.As(err, new(*connect.Problem)) {
		t.Error("an unsigned refusal was believed")
	}
	g.Fates(func(*http.Request) agenttest.Fate { return agenttest.Mangled })
	c = client(t, g, h, g.Plain.URL, "direct")
	if _, err := account(t, c); err == nil {
		t.Error("a changed answer was believed")
	}
}

// A gateway that was started anew says so, and the call is made again.
func TestAGatewayThatWasStartedAnew(t *testing.T) {
	g := agenttest.New(t)
	h := g.Enrol(g.Plain.URL)
	c := client(t, g, h, g.Plain.URL, "direct")
	if _, err := account(t, c); err != nil {
		t.Fatal(err)
	}
	epoch := c.Epoch()
	g.StartAnew()
	if _, err := account(t, c); err != nil || c.Epoch() == epoch {
		t.Errorf("%v, epoch %s", err, c.Epoch())
	}
}

func TestBackoff(t *testing.T) {
	last := time.Duration(0)
	for tries := range 40 {
		d := wire.Backoff(tries)
		if d < last/4 || d > 5*time.Minute || d < 500*time.Millisecond {
			t.Errorf("after %d tries: %v, then %v", tries, last, d)
		}
		last = d
	}
	if wire.Backoff(30) < 2*time.Minute {
		t.Error("after many tries it is asked too often")
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	g := agenttest.New(t)
	h := g.Enrol(g.Plain.URL)
	c := client(t, g, h, g.Plain.URL, "direct")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Call(ctx, connect.PathAccount, wire.Say(connect.Nothing{}), nil, new(connect.Account)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A part that was changed on its way is sent once more, signed byte for byte: the gateway
// can tell then that it was not sealed wrongly. One that was hears so.
func TestAPartThatIsNotBelievedIsSignedByteForByte(t *testing.T) {
	g := agenttest.New(t)
	h := g.Enrol(g.Plain.URL)
	spoil, signed := true, []string{}
	there, err := url.Parse(g.Plain.URL)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(there)
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			if spoil && len(signed) == 0 {
				body[1000] ^= 1
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			signed = append(signed, r.Header.Get("Content-Digest"))
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(between.Close)
	c := client(t, g, h, between.URL, "direct")
	a, err := account(t, c)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := sealing.NewLock(a)
	if err != nil {
		t.Fatal(err)
	}
	begin := func() (*sealing.Plan, []byte) {
		t.Helper()
		content := make([]byte, 20*seal.SlotSize)
		plan, err := lock.New(uuid.Must(uuid.NewV7()))
		if err != nil {
			t.Fatal(err)
		}
		object, err := plan.Whole(content, seal.Trailer{Name: "pay.xml", ReceivedAt: g.Clock.Now()})
		if err != nil {
			t.Fatal(err)
		}
		err = c.Call(t.Context(), connect.PathDeliveries, func(k wire.Ingest) (any, error) {
			grant, err := plan.Grant(k.Key)
			return connect.Begin{
				File: plan.File, Name: "pay.xml", Size: int64(len(content)), ObjectSize: int64(len(object)), Header: plan.Header, Grant: grant, IngestKey: k.Fingerprint,
			}, err
		}, nil, new(connect.Progress))
		if err != nil {
			t.Fatal(err)
		}
		return plan, object[len(plan.Header):]
	}
	plan, body := begin()
	var p connect.Progress
	if err := c.Put(t.Context(), connect.PathParts(plan.File), int64(len(plan.Header)), body, &p); err != nil || int(p.Offset) != len(plan.Header)+len(body) {
		t.Errorf("%+v, %v", p, err)
	}
	if len(signed) != 2 || signed[0] != "" || signed[1] == "" {
		t.Errorf("signed by %q", signed)
	}
	spoil, signed = false, nil
	plan, body = begin()
	body[1000] ^= 1
	var refused *connect.Problem
	if err := c.Put(t.Context(), connect.PathParts(plan.File), int64(len(plan.Header)), body, &p); !errors.As(err, &refused) || refused.Reason() != connect.Damaged || len(signed) != 2 {
		t.Errorf("sealed wrongly: %v, signed by %q", err, signed)
	}
}
