package dialguard

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"sealgate/internal/fault"
)

// Ports that a firewall shuts for everybody outside are open to the machine itself, by
// its public address, too.
func TestTheMachinesOwnPublicAddress(t *testing.T) {
	mine, other := netip.MustParseAddr("8.8.4.4"), netip.MustParseAddr("8.8.4.5")
	own := func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.ParseIP("8.8.4.4"), Mask: net.CIDRMask(24, 32)}}, nil
	}
	g := New(nil)
	g.own = own
	if err := g.Check(mine); !fault.Is(err, fault.Denied) {
		t.Errorf("its own: %v", err)
	}
	if err := g.Check(netip.MustParseAddr("64:ff9b::808:404")); !fault.Is(err, fault.Denied) {
		t.Errorf("its own behind NAT64: %v", err)
	}
	if err := g.Check(other); err != nil {
		t.Errorf("beside it: %v", err)
	}
	g = New([]netip.Prefix{netip.MustParsePrefix("8.8.4.4/32")})
	g.own = own
	if err := g.Check(mine); err != nil {
		t.Errorf("allowed: %v", err)
	}
}

// Where the machine does not tell its addresses, no other is taken for somebody else's.
func TestAMachineThatDoesNotTellItsAddresses(t *testing.T) {
	public, near := netip.MustParseAddr("8.8.4.5"), netip.MustParseAddr("10.1.2.3")
	g := New([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")})
	g.own = func() ([]net.Addr, error) { return nil, errors.New("address family not supported") }
	if err := g.Check(public); !fault.Is(err, fault.Denied) || !strings.Contains(fault.Message(err), "AF_NETLINK") {
		t.Errorf("a public address: %v", err)
	}
	if err := g.Check(near); err != nil {
		t.Errorf("an allowed one: %v", err)
	}
}
