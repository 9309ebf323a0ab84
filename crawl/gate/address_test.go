package gate

import (
	"net/netip"
	"testing"
)

func TestGuard(t *testing.T) {
	allowed, err := parseAllowed([]string{"127.0.0.1:8080", "10.1.0.0/16", "::1", "::ffff:192.168.7.0/120"})
	if err != nil {
		t.Fatal(err)
	}
	g := guard{allowed, specialAddresses()}
	for _, tt := range []struct{ addr, want string }{
		{"93.184.216.34:80", ""},
		{"93.184.216.34:443", ""},
		{"93.184.216.34:22", PortRefused},
		{"[2606:2800:220:1::1]:443", ""},
		{"127.0.0.1:8080", ""},
		{"127.0.0.1:80", AddressRefused},
		{"[::ffff:127.0.0.1]:8080", ""},
		{"[::ffff:127.0.0.1]:80", AddressRefused},
		{"10.1.2.3:9000", ""},
		{"10.2.0.1:80", AddressRefused},
		{"[::1]:81", ""},
		{"192.168.7.9:81", ""},
		{"192.168.8.9:81", AddressRefused},
		{"0.0.0.0:80", AddressRefused},
		{"[::]:80", AddressRefused},
		{"100.64.0.1:80", AddressRefused},
		{"169.254.169.254:80", AddressRefused},
		{"172.16.0.1:80", AddressRefused},
		{"192.0.0.8:80", AddressRefused},
		{"192.168.1.1:80", AddressRefused},
		{"198.18.0.1:80", AddressRefused},
		{"224.0.0.1:80", AddressRefused},
		{"255.255.255.255:80", AddressRefused},
		{"[64:ff9b::7f00:1]:80", AddressRefused},
		{"[2002:7f00:1::]:80", AddressRefused},
		{"[fe80::1%eth0]:80", AddressRefused},
		{"[fd00::1]:80", AddressRefused},
		{"[ff02::1]:80", AddressRefused},
		{"[::7f00:1]:80", AddressRefused},
		{"[100:0:0:1::1]:80", AddressRefused},
		{"[1fff::1]:80", AddressRefused},
		{"[4000::1]:443", AddressRefused},
		{"[5f00::1]:443", AddressRefused},
		{"[fec0::1]:443", AddressRefused},
		{"[2001:0:7f00:1::]:80", AddressRefused},
		{"[2001:db8::1]:80", AddressRefused},
		{"[3fff::1]:80", AddressRefused},
		{"168.63.129.16:80", AddressRefused},          // Azure
		{"[::ffff:168.63.129.16]:80", AddressRefused}, // the same
		{"168.63.129.17:80", ""},
		{"100.100.100.200:80", AddressRefused}, // Alibaba
		{"169.254.169.253:80", AddressRefused}, // Amazon
		{"169.254.42.42:80", AddressRefused},   // Scaleway
		{"169.254.0.23:80", AddressRefused},    // Tencent
		{"192.0.0.192:80", AddressRefused},     // Oracle
		{"161.26.0.10:443", AddressRefused},    // IBM
		{"166.9.0.1:443", AddressRefused},      // IBM
		{"34.118.224.1:443", AddressRefused},   // Google's clusters
		{"[fd00:ec2::254]:80", AddressRefused}, // Amazon
		{"[fd20:ce::254]:80", AddressRefused},  // Google
		{"[fd00:42::42]:80", AddressRefused},   // Scaleway
	} {
		if got := g.check(netip.MustParseAddrPort(tt.addr)); got != tt.want {
			t.Errorf("check(%s) = %q, want %q", tt.addr, got, tt.want)
		}
	}
}
