package httpd_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"sealgate/internal/portal/httpd"
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
