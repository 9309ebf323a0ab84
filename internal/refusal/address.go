package refusal

import (
	"strconv"
	"strings"
)

// address is an absolute http or https address, cut up without a copy.
type address struct {
	scheme int    // length of what goes before the host or the user
	host   string // without user, port, brackets and last dot
	port   string // "" where the address has none
	rest   string // from the path on, without fragment
	tail   string // from the port on, without fragment
	key    string // all behind the scheme; only when plain
	plain  bool   // key is what is compared, to the byte
	secure bool
}

// cutScheme cuts http:// or https:// off.
func cutScheme(s string) (rest string, ok bool) {
	for _, scheme := range []string{"https://", "http://"} {
		if len(s) > len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) {
			return s[len(scheme):], true
		}
	}
	return s, false
}

func split(s string) (a address, ok bool) {
	rest, ok := cutScheme(s)
	if !ok {
		return a, false
	}
	a.scheme, a.secure = len(s)-len(rest), len(s)-len(rest) == len("https://")
	if i := strings.IndexByte(rest, '#'); i >= 0 {
		rest = rest[:i]
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	authority := rest[:end]
	a.rest = rest[end:]
	a.plain = true
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority, a.plain = authority[i+1:], false
	}
	a.host = authority
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && strings.IndexByte(authority[i:], ']') < 0 {
		a.host, a.port = authority[:i], authority[i+1:]
	}
	a.tail = rest[end-(len(authority)-len(a.host)):]
	a.key = rest
	if name := strings.TrimRight(a.host, "."); name != "" && name != a.host {
		a.host, a.plain = name, false
	}
	if n := len(a.host); n > 1 && a.host[0] == '[' && a.host[n-1] == ']' {
		a.host = a.host[1 : n-1]
	}
	for i := range len(a.host) {
		if c := a.host[i]; c >= 'A' && c <= 'Z' {
			a.plain = false
		}
	}
	if a.rest == "" || a.rest[0] != '/' || !isFolded(a.rest) {
		a.plain = false
	}
	return a, true
}

// appendKey appends what is compared of an address, where it is not plain.
func (a *address) appendKey(b []byte) []byte { return appendFolded(a.appendAuthority(b), a.rest) }

// appendAuthority appends the host and what makes of the rest an absolute path.
func (a *address) appendAuthority(b []byte) []byte {
	six := strings.IndexByte(a.host, ':') >= 0
	if six {
		b = append(b, '[')
	}
	if b = appendLower(b, a.host); six {
		b = append(b, ']')
	}
	if a.port != "" {
		b = append(append(b, ':'), a.port...)
	}
	if a.rest == "" || a.rest[0] != '/' {
		b = append(b, '/')
	}
	return b
}

func appendLower(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// portNumber is the port that a request for the address goes to; 0 for one that is none.
func (a *address) portNumber() uint16 {
	switch {
	case a.port != "":
		n, err := strconv.ParseUint(a.port, 10, 16)
		if err != nil {
			return 0
		}
		return uint16(n)
	case a.secure:
		return 443
	}
	return 80
}
