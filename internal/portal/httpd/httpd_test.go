package httpd_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sealgate/internal/portal/httpd"
)

func TestOnlyTLS13IsSpoken(t *testing.T) {
	d := open(t, httpd.Options{})
	c, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: d.pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12})
	if err == nil {
		c.Close()
		t.Error("TLS 1.2 is spoken")
	}
	plain, err := net.Dial("tcp", d.addr)
	d.check(err)
	defer plain.Close()
	_, err = fmt.Fprintf(plain, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	d.check(err)
	if said, _ := io.ReadAll(plain); !strings.HasPrefix(string(said), "HTTP/1.0 400 ") {
		t.Errorf("plain HTTP is answered with %q", said)
	}
	for client, proto := range map[*http.Client]string{d.client: "HTTP/2.0", d.old: "HTTP/1.1"} {
		if a := d.do(client, d.request("GET", "/healthz", nil)); a.Proto != proto || a.StatusCode != 200 || a.TLS.Version != tls.VersionTLS13 {
			t.Errorf("got %s %d with TLS %x, want %s", a.Proto, a.StatusCode, a.TLS.Version, proto)
		}
	}
}

// What is refused before anybody looks at it, and what the door answers itself. Each
// of the answers has all headers.
func TestTheDoorAnswersAndRefuses(t *testing.T) {
	d := open(t, httpd.Options{
		Host: "gw.example.com",
		API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/v1/panic" {
				panic("a bug")
			}
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusTeapot)
		}),
		Streams:  []string{"/api/v1/uploads", "PUT /api/v1/files/{name...}"},
		Identity: httpd.Identity{Fingerprint: "SHA256:abc", Key: "sealgate+1+2", Version: "v1"},
	})
	const passed = http.StatusTeapot
	for _, c := range []struct {
		method, path string
		header       string
		body         string
		status       int
		problem      string // "" = none
	}{
		{"GET", "/healthz", "", "", 200, ""},
		{"GET", "/readyz", "", "", 200, ""},
		{"HEAD", "/healthz", "", "", 200, ""},
		{"GET", "/healthz", "Host: 10.0.0.1", "", 200, ""}, // a probe
		{"GET", "/.well-known/sealgate.json", "", "", 200, ""},
		{"GET", "/", "", "", 404, "not-found"},
		{"GET", "/api", "", "", 404, "not-found"},
		{"GET", "/debug/pprof/", "", "", 404, "not-found"},
		{"GET", "/metrics", "", "", 404, "not-found"},
		{"POST", "/healthz", "", "", 404, "not-found"},
		{"GET", "/api/v1/accounts", "", "", passed, ""},
		{"GET", "/api/v1", "", "", passed, ""},
		{"TRACE", "/", "", "", 404, "not-found"},

		{"GET", "//", "", "", 400, "invalid"},
		{"GET", "/api/v1//accounts", "", "", 400, "invalid"},
		{"GET", "/healthz/../api/v1/accounts", "", "", 400, "invalid"},
		{"GET", "/healthz/%2e%2e/api/v1/accounts", "", "", 400, "invalid"},
		{"PUT", "/api/v1/files/a%2F..%2Fb", "", "", 400, "invalid"},
		{"PUT", "/api/v1/files/a%2Fb", "", "", passed, ""},
		{"GET", "/api/v1/./accounts", "", "", 400, "invalid"},

		{"GET", "/api/v1/accounts", "Host: evil.example.com", "", 421, "invalid"},
		{"GET", "/api/v1/accounts", "Host: 127.0.0.1", "", 421, "invalid"},
		{"GET", "/api/v1/accounts", "Host: GW.example.com:8443", "", passed, ""},
		{"GET", "/", "Host: gw.example.com.evil.com", "", 421, "invalid"},

		{"POST", "/api/v1/accounts", "Content-Encoding: gzip", "x", 415, "invalid"},
		{"POST", "/api/v1/accounts", "Content-Encoding: identity", "x", passed, ""},
		{"PUT", "/api/v1/files/a", "Content-Encoding: br", "x", 415, "invalid"},
		{"POST", "/api/v1/accounts", "Sec-Fetch-Site: cross-site", "x", 403, "denied"},
		{"POST", "/api/v1/accounts", "Origin: https://evil.example.com", "x", 403, "denied"},
		{"POST", "/api/v1/accounts", "Origin: https://gw.example.com", "x", passed, ""},
		{"GET", "/api/v1/accounts", "Sec-Fetch-Site: cross-site", "", passed, ""},
		{"PUT", "/api/v1/files/a", "Origin: null", "x", 403, "denied"},

		{"POST", "/api/v1/accounts", "", long(1 << 20), passed, ""},
		{"POST", "/api/v1/accounts", "", long(1<<20 + 1), 413, "too-large"},
		{"POST", "/api/v1/files/a", "", long(1<<20 + 1), 413, "too-large"}, // only PUT is a stream here
		{"PUT", "/api/v1/files/a", "", long(1<<20 + 1), passed, ""},
		{"POST", "/api/v1/uploads", "", long(1<<20 + 1), passed, ""},

		{"GET", "/api/v1/panic", "", "", 500, "internal"},
	} {
		for version, client := range map[string]*http.Client{"h2": d.client, "h1": d.old} {
			t.Run(fmt.Sprintf("%s %s %s %s %d", version, c.method, c.path, c.header, len(c.body)), func(t *testing.T) {
				r := d.request(c.method, c.path, strings.NewReader(c.body))
				r.Host = "gw.example.com"
				header(r, c.header)
				if c.method == "GET" || c.method == "HEAD" || c.method == "TRACE" {
					r.Body, r.ContentLength = nil, 0
				}
				a := d.do(client, r)
				if a.StatusCode != c.status {
					t.Errorf("status %d, want %d: %s", a.StatusCode, c.status, a.body)
				}
				if c.problem != "" {
					wantProblem(t, a, c.status, c.problem)
				}
				for name, value := range map[string]string{
					"Cache-Control":                "no-store",
					"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
					"Cross-Origin-Opener-Policy":   "same-origin",
					"Cross-Origin-Resource-Policy": "same-origin",
					"Referrer-Policy":              "no-referrer",
					"Strict-Transport-Security":    "max-age=31536000; includeSubDomains",
					"X-Content-Type-Options":       "nosniff",
					"Server":                       "",
					"Access-Control-Allow-Origin":  "",
					"Set-Cookie":                   "",
				} {
					if got := a.Header.Get(name); got != value {
						t.Errorf("%s: %q, want %q", name, got, value)
					}
				}
			})
		}
	}
	if !strings.Contains(d.log.String(), "a bug") {
		t.Error("the panic is not in the log")
	}
	if a := d.do(d.client, d.hosted("GET", "/.well-known/sealgate.json")); a.body != `{"identity":"SHA256:abc","key":"sealgate+1+2","version":"v1"}`+"\n" {
		t.Errorf("well-known: %s", a.body)
	}
}

// hosted is a request for the name that the door's certificate is for.
func (d *door) hosted(method, path string) *http.Request {
	r := d.request(method, path, nil)
	r.Host = "gw.example.com"
	return r
}

func TestWithoutAnAPINobodyIsLetIn(t *testing.T) {
	d := open(t, httpd.Options{})
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		a := d.do(d.client, d.request(method, "/api/v1/accounts", nil))
		wantProblem(t, a, 401, "sign-in")
		if a.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("WWW-Authenticate: %q", a.Header.Get("WWW-Authenticate"))
		}
	}
}

func TestAnAnswerThatBreaksHalfwayIsCut(t *testing.T) {
	d := open(t, httpd.Options{API: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "half of ")
		_ = http.NewResponseController(w).Flush()
		panic("a bug")
	})})
	for _, client := range []*http.Client{d.client, d.old} {
		resp, err := client.Do(d.request("GET", "/api/v1/x", nil))
		d.check(err)
		if got, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("%s: half an answer looks whole: %q", resp.Proto, got)
		}
		resp.Body.Close()
	}
}

func TestReadinessIsAskedOnceInAWhile(t *testing.T) {
	now, asked, sick := time.Now(), 0, false
	d := open(t, httpd.Options{
		Now: func() time.Time { return now },
		Ready: func(context.Context) error {
			asked++
			if sick {
				return errors.New("no disk")
			}
			return nil
		},
	})
	get := func() answered { return d.do(d.client, d.request("GET", "/readyz", nil)) }
	for range 3 {
		if a := get(); a.StatusCode != 200 {
			t.Errorf("status %d: %s", a.StatusCode, a.body)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times within a moment", asked)
	}
	sick, now = true, now.Add(5*time.Second)
	a := get()
	wantProblem(t, a, 503, "try-later")
	if asked != 2 || strings.Contains(a.body, "no disk") {
		t.Errorf("asked %d times; %s", asked, a.body)
	}
	sick, now = false, now.Add(-time.Hour) // the clock was set back
	if a := get(); a.StatusCode != 200 {
		t.Errorf("does not recover: %d", a.StatusCode)
	}
}
