package dialguard

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sealgate/internal/fault"
)

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, t := range texts {
		list = append(list, netip.MustParsePrefix(t))
	}
	return list
}

// notPublic are addresses that no customer may make the gateway connect to.
var notPublic = []string{
	"127.0.0.1", "127.255.255.254", "::1", "0.0.0.0", "0.1.2.3", "::",
	"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fdff:ffff::1", "fec0::1",
	"100.64.0.1", "100.127.255.255",
	"169.254.0.1", "fe80::1", "fe80::1%eth0", "fe80::1%25eth0",
	"224.0.0.1", "239.255.255.255", "ff02::1", "ff05::1%lo",
	"169.254.169.254", "169.254.170.2", "fd00:ec2::254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd20:ce::254",
	"192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "192.88.99.1", "240.0.0.1", "255.255.255.255",
	"2001:db8::1", "3fff::1", "100::1", "4000::1",
	// IPv4 inside IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP.
	"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::ffff:0:127.0.0.1",
	"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::7f00:1", "64:ff9b:1:7f00:0:100::",
	"2002:7f00:1::1", "2002:a9fe:a9fe::", "2002:c000:204::", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:0:7f00:1::",
	"2a00:1450::5efe:127.0.0.1", "2a00:1450::200:5efe:10.0.0.1",
}

func TestDialerDenies(t *testing.T) {
	g := New(nil)
	for _, text := range notPublic {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		err = g.Control("tcp", netip.AddrPortFrom(addr, 443).String(), nil)
		if !fault.Is(err, fault.Denied) {
			t.Errorf("%s: %v, want denied", text, err)
		}
		if m := fault.Message(err); !strings.Contains(m, "remotes.allow") || strings.Contains(m, text) {
			t.Errorf("%s: the sentence %q should say what to change, and not the address", text, m)
		}
		if err != nil && !strings.Contains(err.Error(), addr.WithZone("").Unmap().String()) && !strings.HasPrefix(text, "64:ff9b::") {
			t.Errorf("%s: the log says %q, without the address", text, err)
		}
	}
}

func TestPublicAddressesAreReached(t *testing.T) {
	g := New(nil)
	for _, text := range []string{
		"1.1.1.1", "9.255.255.255", "11.0.0.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "192.167.0.1", "223.255.255.254",
		"2a00:1450:400f:80b::200e", "2600::", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808",
	} {
		if err := g.Check(netip.MustParseAddr(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAllowedNetworks(t *testing.T) {
	for _, c := range []struct {
		allow, addr string
		want        bool
	}{
		{"127.0.0.0/8", "127.0.0.1", true},
		{"127.0.0.0/8", "::ffff:127.0.0.1", true},
		{"::ffff:127.0.0.0/104", "127.0.0.1", true},
		{"127.0.0.0/8", "::1", false},
		{"10.1.0.0/16", "10.1.2.3", true},
		{"10.1.0.0/16", "10.2.0.1", false},
		{"10.1.0.0/16", "64:ff9b::10.1.2.3", true},
		{"10.1.0.0/16", "64:ff9b::10.2.0.1", false},
		{"fe80::/10", "fe80::1%eth0", true},
		{"2002::/16", "2002:7f00:1::1", true},
		{"0.0.0.0/0", "192.168.0.1", true},
		{"0.0.0.0/0", "fd00::1", false},
		// Credentials of a cloud need an entry of their own.
		{"0.0.0.0/0", "169.254.169.254", false},
		{"169.254.0.0/16", "169.254.169.254", false},
		{"fd00::/8", "fd00:ec2::254", false},
		{"169.254.169.254/32", "169.254.169.254", true},
		{"169.254.169.254/32", "64:ff9b::a9fe:a9fe", true},
		{"64:ff9b::/96", "64:ff9b::a9fe:a9fe", false},
	} {
		err := New(prefixes(c.allow)).Check(netip.MustParseAddr(c.addr))
		if (err == nil) != c.want {
			t.Errorf("%s with %s allowed: %v", c.addr, c.allow, err)
		}
	}
}

func TestInnerReachesWhatIsAllowedOnly(t *testing.T) {
	g := New(prefixes("10.0.0.0/8", "8.8.8.8/32")).Inner()
	for text, want := range map[string]bool{"10.0.0.1": true, "8.8.8.8": true, "1.1.1.1": false, "127.0.0.1": false, "64:ff9b::101:101": false} {
		if err := g.Check(netip.MustParseAddr(text)); (err == nil) != want || err != nil && !fault.Is(err, fault.Denied) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestControlRefusesWhatIsNoTCPAddress(t *testing.T) {
	g := New(prefixes("0.0.0.0/0", "::/0"))
	for _, c := range [][2]string{
		{"udp", "1.1.1.1:53"}, {"unix", "/run/docker.sock"}, {"tcp", "localhost:80"}, {"tcp", ":80"}, {"tcp", ""}, {"tcp", "1.1.1.1"}, {"ip4:icmp", "1.1.1.1"},
	} {
		if err := g.Control(c[0], c[1], nil); !fault.Is(err, fault.Denied) {
			t.Errorf("%s %q: %v", c[0], c[1], err)
		}
	}
	if err := g.Check(netip.Addr{}); !fault.Is(err, fault.Denied) {
		t.Errorf("no address: %v", err)
	}
}

// A name whose answer changes after it was checked (DNS rebinding) reaches nothing:
// what counts is the address that the socket connects to.
func TestRebinding(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the inner server was reached") }))
	defer srv.Close()
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	for _, host := range []string{"localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433", "0x7f000001", "[::]"} {
		client := &http.Client{Transport: New(nil).Transport(time.Second)}
		resp, err := client.Get("http://" + host + ":" + port)
		if err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s was reached", host)
		}
	}
	client := &http.Client{Transport: New(nil).Transport(time.Second)}
	if _, err := client.Get("http://localhost:" + port); !fault.Is(err, fault.Denied) { //nolint:bodyclose // there is none
		t.Errorf("the client's error %v is not the guard's", err)
	}
}

func TestTheTransportReachesWhatIsAllowedAndHeedsNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer srv.Close()
	tr := New(prefixes("127.0.0.0/8", "::1/128")).Transport(5 * time.Second)
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusTeapot {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestResolveTellsEarly(t *testing.T) {
	ctx := context.Background()
	if err := New(nil).Resolve(ctx, "localhost"); !fault.Is(err, fault.Denied) {
		t.Errorf("localhost: %v", err)
	}
	if err := New(prefixes("127.0.0.0/8", "::1/128")).Resolve(ctx, "localhost"); err != nil {
		t.Errorf("localhost, allowed: %v", err)
	}
	if err := New(nil).Resolve(ctx, "host.invalid"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a name that is not there: %v", err)
	}
}

// Whatever an address looks like: what is let through is public unicast, in
// its plain form and as Go's own idea of it.
func FuzzCheck(f *testing.F) {
	for _, text := range notPublic {
		a := netip.MustParseAddr(text).As16()
		f.Add(a[:])
	}
	g, all := New(nil), New(prefixes("0.0.0.0/0", "::/0"))
	f.Fuzz(func(t *testing.T, b []byte) {
		addr, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		if g.Check(addr) == nil {
			u := addr.Unmap()
			if !u.IsGlobalUnicast() || u.IsPrivate() || u.IsLoopback() || u.IsLinkLocalUnicast() || u.IsUnspecified() || u.IsMulticast() {
				t.Errorf("%s was let through", addr)
			}
			if all.Check(addr) != nil {
				t.Errorf("%s is reached, but not when more is allowed", addr)
			}
		}
		if mapped := netip.AddrFrom16(addr.As16()); (g.Check(addr) == nil) != (g.Check(mapped) == nil) {
			t.Errorf("%s and %s are judged differently", addr, mapped)
		}
	})
}
