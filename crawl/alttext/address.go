package alttext

import (
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// Resolve makes ref absolute against base, as a browser would as far as it
// matters here: white space around it and line breaks inside are dropped, a
// percent sign that escapes nothing is itself. Scheme and host are lower case
// and ASCII, a default port and the fragment are gone. It reports false for anything but
// http and https, for data: above all.
func Resolve(base *url.URL, ref string) (string, bool) {
	ref = strings.Trim(ref, " \t\n\f\r\x00")
	if len(ref) > maxURLBytes {
		return "", false
	}
	if strings.ContainsAny(ref, "\t\n\r") {
		ref = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(ref)
	}
	if scheme, _, ok := strings.Cut(ref, ":"); ok && !strings.ContainsAny(scheme, "/?#") && !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", false
	}
	if i := strings.IndexByte(ref, '#'); i >= 0 {
		ref = ref[:i]
	}
	u, err := base.Parse(escapePercent(ref))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Opaque != "" {
		return "", false
	}
	host := strings.ToLower(u.Hostname())
	if host == "" || strings.ContainsAny(host, " <>\"'`{}|\\^%") {
		return "", false
	}
	host, err = idna.Lookup.ToASCII(host)
	if err != nil && strings.IndexFunc(u.Hostname(), func(c rune) bool { return c >= 0x80 }) >= 0 {
		return "", false
	} else if err != nil { // underscores and the like occur and resolve
		host = strings.ToLower(u.Hostname())
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && !(u.Scheme == "http" && port == "80") && !(u.Scheme == "https" && port == "443") {
		host += ":" + port
	}
	u.Host, u.User, u.Fragment, u.RawFragment = host, nil, "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	u.RawQuery = escapeQuery(u.RawQuery)
	s := u.String()
	if len(s) > maxURLBytes {
		return "", false
	}
	return s, true
}

// escapePercent writes %25 for a percent sign that no two hex digits follow.
func escapePercent(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteByte(s[i])
		if s[i] == '%' && (i+2 >= len(s) || !hexDigit(s[i+1]) || !hexDigit(s[i+2])) {
			b.WriteString("25")
		}
	}
	return b.String()
}

func hexDigit(c byte) bool {
	l := c | 0x20
	return c >= '0' && c <= '9' || l >= 'a' && l <= 'f'
}

// escapeQuery escapes the octets that may not stand in a request line.
func escapeQuery(q string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(q); i++ {
		switch c := q[i]; {
		case c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>':
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
