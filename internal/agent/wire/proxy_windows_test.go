package wire

import "testing"

// As the Internet settings of Windows have it.
func TestServerFor(t *testing.T) {
	for _, c := range []struct{ scheme, server, want string }{
		{"https", "proxy:3128", "http://proxy:3128"},
		{"https", "http=proxy:3128;https=proxy:3129", "http://proxy:3129"},
		{"https", "http=proxy:3128", ""},
		{"http", "http=https://proxy:3128", "https://proxy:3128"},
	} {
		if got := serverFor(c.scheme, c.server); got != c.want {
			t.Errorf("%s of %q: %q, want %q", c.scheme, c.server, got, c.want)
		}
	}
	for host, want := range map[string]bool{"gateway": true, "gateway.example.com": false, "a.office.example": true, "10.1.2.3": true} {
		if bypassed(host, "<local>;*.office.example;10.*") != want {
			t.Errorf("%s past the proxy: want %v", host, want)
		}
	}
}
