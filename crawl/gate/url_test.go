package gate

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestCheckURL(t *testing.T) {
	for _, tt := range []struct{ address, reason, rule string }{
		{"http://example.org/", "", ""},
		{"https://EXAMPLE.org.:443/", "", ""},
		{"https://a_b.example.org/", "", ""},
		{"https://bücher.example/", "", ""},
		{"http://例え.jp/", "", ""},
		{"http://localhost/", "", ""}, // the guard's to refuse
		{"http://1.2.3.4:65535/", "", ""},
		{"http://[2606:2800:220:1::1]/", "", ""},
		{"ftp://example.org/", SchemeRefused, "ftp"},
		{"http:///", AddressRefused, "no host"},
		{"https://&shy;/", AddressRefused, "&shy;"},
		{"https://\u00ad/", AddressRefused, "no host name"},
		{"https://\u00ad.a/", AddressRefused, "no host name"},
		{"http://a..b/", AddressRefused, "a..b"},
		{"http://.a/", AddressRefused, ".a"},
		{"http://a,b/", AddressRefused, "a,b"},
		{"http://$a/", AddressRefused, "$a"},
		{"http://*.example.org/", AddressRefused, "*.example.org"},
		{"http://a%20b/", AddressRefused, "no host name"},
		{"http://" + strings.Repeat("a", 64) + ".org/", AddressRefused, "no host name"},
		{"http://" + strings.Repeat("a.", 127) + "org/", AddressRefused, "no host name"},
		{"http://127.1/", AddressRefused, "127.1"},
		{"http://2130706433/", AddressRefused, "2130706433"},
		{"http://0x7f000001/", AddressRefused, "0x7f000001"},
		{"http://0177.0.0.1/", AddressRefused, "0177.0.0.1"},
		{"http://1.2.3.4.5/", AddressRefused, "1.2.3.4.5"},
		{"http://a.256/", AddressRefused, "a.256"},
		{"http://f:999999/", PortRefused, "999999"},
		{"http://f:65536/", PortRefused, "65536"},
		{"http://f:0/", PortRefused, "port 0"},
	} {
		u, err := url.Parse(tt.address)
		if err != nil {
			u = &url.URL{Scheme: "http", Host: strings.TrimSuffix(strings.TrimPrefix(tt.address, "http://"), "/"), Path: "/"}
		}
		reason, rule := Reason(checkURL(u))
		if reason != tt.reason || !strings.Contains(rule, tt.rule) {
			t.Errorf("%s: %q (%s), want %q (... %s)", tt.address, reason, rule, tt.reason, tt.rule)
		}
	}
}

func TestHostKey(t *testing.T) {
	for raw, want := range map[string]string{
		"http://Example.ORG./a":         "example.org:80",
		"https://example.org":           "example.org:443",
		"http://example.org:080/":       "example.org:80",
		"http://example.org:/":          "example.org:80",
		"http://[::1]:8080/":            "[::1]:8080",
		"http://[0:0:0:0:0:0:0:1]/":     "[::1]:80",
		"https://BÜCHER.example/":       "xn--bcher-kva.example:443",
		"https://xn--bcher-kva.example": "xn--bcher-kva.example:443",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := hostKey(u); got != want {
			t.Errorf("hostKey(%s) = %s, want %s", raw, got, want)
		}
	}
}

// What is asked for is what was judged: segments that servers take away are gone
// before robots.txt is asked.
func TestDotsAreGoneBeforeTheRequest(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{
		"/robots.txt": text("User-agent: *\nDisallow: /private"),
		"/":           func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(r.RequestURI)) },
	})
	g := newGate(t, quick())
	for path, want := range map[string]string{
		"/a/%2e%2e/private":      RobotsDisallowed,
		"/a/.%2E/private/b":      RobotsDisallowed,
		"/%2e/private":           RobotsDisallowed,
		"/a/../../private":       RobotsDisallowed,
		"/private/%2e%2e/b":      "/b",
		"/a/%2E./c%2Fd/%2e?x=/.": "/c%2Fd/?x=/.",
		"/a/b/..":                "/a/",
		"/a/..b/%2ec":            "/a/..b/%2ec",
	} {
		// As a redirect would have it: http.Client resolves what is plain.
		u, err := url.Parse(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := g.RoundTrip(&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}})
		got, _ := Reason(err)
		if err == nil {
			b := make([]byte, 100)
			n, _ := resp.Body.Read(b)
			got = string(b[:n])
			resp.Body.Close()
			if resp.Request.URL != u {
				t.Errorf("%s: the response is of %s", path, resp.Request.URL)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
