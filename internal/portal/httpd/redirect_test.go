package httpd_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sealgate/internal/portal/httpd"
	"sealgate/internal/portal/httpd/certs"
)

func TestPlainHTTPLeadsToTheOtherDoorAndTakesNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- httpd.Redirects{To: "https://gw.example.com:8443", Log: slog.New(slog.DiscardHandler)}.Run(ctx, l)
	}()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, c := range []struct {
		method, path, header, body string
		status                     int
		location                   string
	}{
		{"GET", "/", "", "", 308, "https://gw.example.com:8443/"},
		{"HEAD", "/files?state=held&x=%20", "", "", 308, "https://gw.example.com:8443/files?state=held&x=%20"},
		{"GET", "//evil.example.com/x", "", "", 308, "https://gw.example.com:8443//evil.example.com/x"},
		{"GET", "/%0d%0aSet-Cookie:%20a=b", "", "", 308, "https://gw.example.com:8443/%0d%0aSet-Cookie:%20a=b"},
		{"GET", "/", "Host: evil.example.com", "", 308, "https://gw.example.com:8443/"},
		{"POST", "/", "", "secret", 403, ""},
		{"PUT", "/api/v1/files/a", "", "secret", 403, ""},
		{"OPTIONS", "/", "", "", 403, ""},
		{"GET", "/", "Authorization: Bearer x", "", 403, ""},
		{"GET", "/", "Cookie: a=b", "", 403, ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+l.Addr().String()+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		header(r, c.header)
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status || resp.Header.Get("Location") != c.location || resp.Header.Get("Set-Cookie") != "" || c.status == 308 && len(body) > 0 {
			t.Errorf("%s %s %s: %d to %q, %q", c.method, c.path, c.header, resp.StatusCode, resp.Header.Get("Location"), body)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestPlainHTTPLetsAgentsInWhenItIsTold: at their paths, whatever the host is called,
// and nobody else.
func TestPlainHTTPLetsAgentsInWhenItIsTold(t *testing.T) {
	agents := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(append([]byte(r.URL.Path+" "), body...))
	})
	own, err := certs.OpenOwn(&memory{}, "gw.example.com", time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httpd.New(httpd.Options{Certificates: own, Host: "gw.example.com", Connect: agents, API: agents, Web: agents, Log: slog.New(slog.DiscardHandler)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- server.RunPlain(ctx, l, httpd.Redirects{To: "https://gw.example.com", Log: slog.New(slog.DiscardHandler)})
	}()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	large := strings.Repeat("x", 3<<20)
	for _, c := range []struct {
		method, path, body string
		status             int
		answer             string
	}{
		{"POST", "/connect/v1/heartbeat", "sealed", 200, "/connect/v1/heartbeat sealed"},
		{"PUT", "/connect/v1/deliveries/x/parts?offset=0", large, 200, "/connect/v1/deliveries/x/parts " + large},
		{"GET", "/connect/v1/gateway", "", 200, "/connect/v1/gateway "},
		{"GET", "/", "", 308, ""},
		{"GET", "/connect/v2/gateway", "", 308, ""},
		{"POST", "/api/v1/files", "secret", 403, ""},
		{"POST", "/connect/v1/../../api/v1/files", "secret", 400, ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+l.Addr().String()+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status || c.answer != "" && string(body) != c.answer || strings.Contains(string(body), "secret") {
			t.Errorf("%s %s: %d with %d bytes", c.method, c.path, resp.StatusCode, len(body))
		}
	}
	client.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
