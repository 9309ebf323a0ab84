package gate

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// checkURL refuses what no request can be made for.
func checkURL(u *url.URL) error {
	refuse := func(reason, rule string) error { return &Refusal{URL: u.String(), Reason: reason, Rule: rule} }
	if u.Scheme != "http" && u.Scheme != "https" {
		return refuse(SchemeRefused, "scheme "+strconv.Quote(u.Scheme)+" is not http or https")
	}
	if u.Hostname() == "" {
		return refuse(AddressRefused, "no host")
	}
	if !validHost(u.Hostname()) {
		return refuse(AddressRefused, strconv.Quote(OneLine(u.Hostname()))+" is no host name or address")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return refuse(PortRefused, "port "+OneLine(port)+" is not between 1 and 65535")
		}
	}
	return nil
}

// validHost tells whether a name can be one of DNS (RFC 1123, 2.1, with the _
// that is seen), or is an address. A name that ends in a number is an address in
// browsers, and is refused unless it is written as four.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	name, err := asciiHost(host)
	if err != nil || len(name) > 253 {
		return false
	}
	label := ""
	for label = range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	if _, err := strconv.ParseUint(label, 0, 64); err == nil || strings.Trim(label, "0123456789") == "" {
		_, err := netip.ParseAddr(name)
		return err == nil
	}
	return true
}

// asciiHost is a host in the one spelling that it is looked up by: lower case,
// without a last dot, other scripts as xn--.
func asciiHost(host string) (string, error) {
	host = strings.TrimSuffix(host, ".")
	plain := true
	for i := range len(host) {
		c := host[i]
		plain = plain && c < 0x80
		if c >= 'A' && c <= 'Z' {
			return asciiHost(strings.ToLower(host))
		}
	}
	if plain {
		return host, nil
	}
	name, err := idna.Lookup.ToASCII(host)
	return strings.TrimSuffix(name, "."), err
}

// hostKey names a host and port in one spelling.
func hostKey(u *url.URL) string {
	host := u.Hostname()
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.String()
	} else if name, err := asciiHost(host); err == nil {
		host = name
	}
	port := strings.TrimLeft(u.Port(), "0")
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	return net.JoinHostPort(host, port)
}

// requestPath is the path and query as the request line has them.
func requestPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" || u.ForceQuery {
		path += "?" + u.RawQuery
	}
	return path
}

// withoutDots is req, or a copy of it whose path has no segments . and .. in any
// spelling (URL standard, 4.4): servers take them away, so that what is asked for
// would be another path than the one that robots.txt was asked about.
func withoutDots(req *http.Request) *http.Request {
	path := req.URL.EscapedPath()
	if !strings.Contains(path, "/.") && !strings.Contains(path, "/%2") {
		return req
	}
	var kept []string
	changed := false
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, part := range parts {
		plain := strings.ReplaceAll(strings.ReplaceAll(part, "%2e", "."), "%2E", ".")
		if plain != "." && plain != ".." {
			kept = append(kept, part)
			continue
		}
		changed = true
		if plain == ".." && len(kept) > 0 {
			kept = kept[:len(kept)-1]
		}
		if i == len(parts)-1 {
			kept = append(kept, "")
		}
	}
	if !changed {
		return req
	}
	u, again := *req.URL, *req
	u.RawPath = "/" + strings.Join(kept, "/")
	u.Path, _ = url.PathUnescape(u.RawPath) // its escapes were read before
	again.URL = &u
	return &again
}
