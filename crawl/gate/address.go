package gate

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
)

// globalUnicast is all of IPv6 that IANA has given out as such. What lies outside
// leads inside or nowhere: NAT64, IPv4-compatible, unique local, discard.
var globalUnicast = netip.MustParsePrefix("2000::/3")

// specialAddresses are unicast addresses that net/netip takes for global and
// that still lead inside, or nowhere (IANA special-purpose registries).
func specialAddresses() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT
		netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
		netip.MustParsePrefix("192.0.2.0/24"),    // documentation
		netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
		netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
		netip.MustParsePrefix("198.51.100.0/24"), // documentation
		netip.MustParsePrefix("203.0.113.0/24"),  // documentation
		netip.MustParsePrefix("240.0.0.0/4"),     // reserved
		// Addresses of the public range that lead to the inside of a cloud.
		netip.MustParsePrefix("168.63.129.16/32"), // Azure: the host's agent
		netip.MustParsePrefix("161.26.0.0/16"),    // IBM: services
		netip.MustParsePrefix("166.8.0.0/14"),     // IBM: services
		netip.MustParsePrefix("34.118.224.0/20"),  // Google: a cluster's services
		netip.MustParsePrefix("2001::/23"),        // protocol assignments, Teredo
		netip.MustParsePrefix("2001:db8::/32"),    // documentation
		netip.MustParsePrefix("2002::/16"),        // 6to4: holds an IPv4 address
		netip.MustParsePrefix("3fff::/20"),        // documentation
	}
}

// allowed is one entry of Options.AllowAddresses; port 0 means any.
type allowed struct {
	prefix netip.Prefix
	port   uint16
}

func parseAllowed(entries []string) ([]allowed, error) {
	var list []allowed
	for _, e := range entries {
		e = strings.TrimSpace(e)
		if p, err := netip.ParsePrefix(e); err == nil {
			if p.Addr().Is4In6() && p.Bits() >= 96 { // addresses are compared as IPv4
				p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
			}
			list = append(list, allowed{prefix: p.Masked()})
			continue
		}
		if a, err := netip.ParseAddr(e); err == nil {
			a = a.Unmap()
			list = append(list, allowed{prefix: netip.PrefixFrom(a, a.BitLen())})
			continue
		}
		ap, err := netip.ParseAddrPort(e)
		if err != nil {
			return nil, fmt.Errorf("gate.allow_addresses %q is no IP, CIDR or IP:port (names are not accepted: they can point anywhere)", e)
		}
		a := ap.Addr().Unmap()
		list = append(list, allowed{prefix: netip.PrefixFrom(a, a.BitLen()), port: ap.Port()})
	}
	return list, nil
}

// guard decides on a resolved address, whatever name led to it.
type guard struct {
	allowed []allowed
	special []netip.Prefix
}

// check returns the reason to refuse ap, or "".
func (g guard) check(ap netip.AddrPort) string {
	addr := ap.Addr().Unmap().WithZone("")
	for _, a := range g.allowed {
		if a.prefix.Contains(addr) && (a.port == 0 || a.port == ap.Port()) {
			return ""
		}
	}
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.Is6() && !globalUnicast.Contains(addr) {
		return AddressRefused
	}
	for _, p := range g.special {
		if p.Contains(addr) {
			return AddressRefused
		}
	}
	if ap.Port() != 80 && ap.Port() != 443 {
		return PortRefused
	}
	return ""
}

// control is a net.Dialer.Control: it runs between resolving and connecting.
func (g guard) control(network, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") {
		return &Refusal{URL: address, Reason: AddressRefused, Rule: "no TCP address"}
	}
	switch reason := g.check(ap); reason {
	case "":
		return nil
	case PortRefused:
		return &Refusal{URL: address, Reason: reason, Rule: fmt.Sprintf("port %d is not 80 or 443; name %s in gate.allow_addresses to allow it", ap.Port(), address)}
	default:
		return &Refusal{URL: address, Reason: reason, Rule: fmt.Sprintf("%s is not a public address; name %s in gate.allow_addresses to allow it", ap.Addr(), address)}
	}
}
