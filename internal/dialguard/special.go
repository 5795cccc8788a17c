package dialguard

import (
	"encoding/binary"
	"net/netip"
)

// metadata are addresses of the hosts that clouds put beside each machine: AWS, GCP,
// Azure and most others; AWS by IPv6; Azure's second one, which is a public address;
// Alibaba; Oracle.
var metadata = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"),
	netip.MustParseAddr("169.254.170.2"),
	netip.MustParseAddr("169.254.170.23"),
	netip.MustParseAddr("fd00:ec2::254"),
	netip.MustParseAddr("fd00:ec2::23"),
	netip.MustParseAddr("fd20:ce::254"),
	netip.MustParseAddr("168.63.129.16"),
	netip.MustParseAddr("100.100.100.200"),
	netip.MustParseAddr("192.0.0.192"),
}

func isMetadata(addr netip.Addr) bool {
	for _, m := range metadata {
		if m == addr {
			return true
		}
	}
	return false
}

// network is one that is not public, and what to call it.
type network struct {
	prefix netip.Prefix
	what   string
}

// nets are the special-purpose networks (IANA's registries, RFC 6890). Of two that
// hold an address the earlier counts.
var nets = []network{
	{netip.MustParsePrefix("127.0.0.0/8"), "the gateway's own machine"},
	{netip.MustParsePrefix("::1/128"), "the gateway's own machine"},
	{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified address"},
	{netip.MustParsePrefix("::/128"), "an unspecified address"},
	{netip.MustParsePrefix("10.0.0.0/8"), "a private network"},
	{netip.MustParsePrefix("172.16.0.0/12"), "a private network"},
	{netip.MustParsePrefix("192.168.0.0/16"), "a private network"},
	{netip.MustParsePrefix("fc00::/7"), "a private network"},
	{netip.MustParsePrefix("fec0::/10"), "a private network"},
	{netip.MustParsePrefix("100.64.0.0/10"), "a network inside a provider's"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
	{netip.MustParsePrefix("192.0.0.0/24"), "a reserved network"},
	{netip.MustParsePrefix("192.0.2.0/24"), "a reserved network"},
	{netip.MustParsePrefix("192.31.196.0/24"), "a reserved network"},
	{netip.MustParsePrefix("192.52.193.0/24"), "a reserved network"},
	{netip.MustParsePrefix("192.88.99.0/24"), "a reserved network"},
	{netip.MustParsePrefix("192.175.48.0/24"), "a reserved network"},
	{netip.MustParsePrefix("198.18.0.0/15"), "a reserved network"},
	{netip.MustParsePrefix("198.51.100.0/24"), "a reserved network"},
	{netip.MustParsePrefix("203.0.113.0/24"), "a reserved network"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved network"},
	{netip.MustParsePrefix("2001::/32"), "an address that carries another one"}, // Teredo
	{netip.MustParsePrefix("2002::/16"), "an address that carries another one"}, // 6to4
	{netip.MustParsePrefix("2001::/23"), "a reserved network"},
	{netip.MustParsePrefix("2001:db8::/32"), "a reserved network"},
	{netip.MustParsePrefix("3fff::/20"), "a reserved network"},
	{netip.MustParsePrefix("2620:4f:8000::/48"), "a reserved network"},
}

// publicV6 is what IANA has given out for public unicast; all else is refused.
var publicV6 = netip.MustParsePrefix("2000::/3")

// special says what is not public about an address; "" = it is.
func special(addr netip.Addr) string {
	for _, n := range nets {
		if n.prefix.Contains(addr) {
			return n.what
		}
	}
	switch {
	case addr.Is6() && !publicV6.Contains(addr):
		return "a reserved network"
	case addr.Is6() && isISATAP(addr):
		return "an address that carries another one"
	}
	return ""
}

// isISATAP tells by the third group of 32 bits (RFC 5214, 6.1) whether a machine that
// has such an interface would send to the IPv4 address in the fourth.
func isISATAP(addr netip.Addr) bool {
	b := addr.As16()
	mark := binary.BigEndian.Uint32(b[8:12])
	return mark == 0x00005efe || mark == 0x02005efe
}

// nat64 is how machines without IPv4 reach it (RFC 6052): the public part of it must
// work for them.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// behindNAT64 returns the IPv4 address that packets to a NAT64 address end up at.
func behindNAT64(addr netip.Addr) (netip.Addr, bool) {
	if !nat64.Contains(addr) {
		return netip.Addr{}, false
	}
	b := addr.As16()
	return netip.AddrFrom4([4]byte(b[12:])), true
}
