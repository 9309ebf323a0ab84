package alttext

import (
	"net/url"
	"strings"
)

const space = " \t\n\f\r"

// Refresh reads where a Refresh header or a meta element of that name leads, by
// the shared declarative refresh steps of the HTML standard, 4.2.5.3. It reports
// false when it only loads the page again.
func Refresh(base *url.URL, content string) (string, bool) {
	ref, ok := refreshTarget(content)
	if !ok {
		return "", false
	}
	return Resolve(base, ref)
}

// refreshTarget is the reference that a refresh leads to.
func refreshTarget(content string) (ref string, ok bool) {
	s := strings.TrimLeft(content, space)
	rest := strings.TrimLeft(s, "0123456789.")
	if rest == s || rest == "" || !strings.ContainsRune(";,"+space, rune(rest[0])) {
		return "", false
	}
	rest = strings.TrimLeft(rest, space)
	if rest != "" && (rest[0] == ';' || rest[0] == ',') {
		rest = strings.TrimLeft(rest[1:], space)
	}
	if len(rest) > 3 && strings.EqualFold(rest[:3], "url") {
		if after := strings.TrimLeft(rest[3:], space); strings.HasPrefix(after, "=") {
			rest = strings.TrimLeft(after[1:], space)
		}
	}
	if rest == "" {
		return "", false
	}
	if quote := rest[:1]; quote == `"` || quote == "'" {
		rest, _, _ = strings.Cut(rest[1:], quote)
	}
	return rest, true
}
