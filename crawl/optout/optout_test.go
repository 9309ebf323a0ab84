package optout

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// said are wishes as the records have them, one a line.
func said(w Wishes) string { return w.From() }

// now lies after 2010 and before 2030.
var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestHeaders(t *testing.T) {
	const tag = "X-Robots-Tag"
	for _, tt := range []struct{ name, key, value, want string }{
		{"none", "", "", ""},
		{"all agents", tag, "noai, noimageai", "noai: X-Robots-Tag: noai\nnoimageai: X-Robots-Tag: noimageai"},
		{"case and spaces", tag, " NoIndex ,NOAI", "noindex: X-Robots-Tag: NoIndex\nnoai: X-Robots-Tag: NOAI"},
		{"ours", tag, "Pairloom: noindex", "noindex: X-Robots-Tag: Pairloom: noindex"},
		{"ours with a version", tag, "pairloom/1.0: noai", "noai: X-Robots-Tag: pairloom/1.0: noai"},
		{"another's", tag, "otherbot: noindex, noai", ""},
		{"another's, whose name starts like ours", tag, "pairloomer: noai", ""},
		{"all, then another's", tag, "noai, otherbot: noindex", "noai: X-Robots-Tag: noai"},
		{"another's, then ours", tag, "otherbot: noindex, pairloom: noai, noimageai", "noai: X-Robots-Tag: pairloom: noai\nnoimageai: X-Robots-Tag: pairloom: noimageai"},
		{"another's, then all", tag, "otherbot: noindex, *: noai", "noai: X-Robots-Tag: *: noai"},
		{"none means noindex", tag, "NONE", "noindex: X-Robots-Tag: NONE"},
		{"sizes are no agents", tag, "max-image-preview:large, noai", "noai: X-Robots-Tag: noai"},
		{"past", tag, "unavailable_after: 25 Jun 2010 15:00:00 PST, noimageindex", "unavailable_after: X-Robots-Tag: unavailable_after: 25 Jun 2010 15:00:00 PST\nnoimageindex: X-Robots-Tag: noimageindex"},
		{"to come", tag, "unavailable_after: 25 Jun 2030 15:00:00 PST, noimageindex", "noimageindex: X-Robots-Tag: noimageindex"},
		{"dates hold commas", tag, "unavailable_after: Friday, 25-Jun-10 15:00:00 GMT, noai", "unavailable_after: X-Robots-Tag: unavailable_after: Friday, 25-Jun-10 15:00:00 GMT\nnoai: X-Robots-Tag: noai"},
		{"no date", tag, "unavailable_after: soon, noai", "noai: X-Robots-Tag: noai"},
		{"another's date", tag, "otherbot: unavailable_after: Fri, 25 Jun 2010 15:00:00 GMT", ""},
		{"our date", tag, "pairloom: unavailable_after: 2010-06-25", "unavailable_after: X-Robots-Tag: pairloom: unavailable_after: 2010-06-25"},
		{"reserved", "Tdm-Reservation", " 1", "tdm-reservation: tdm-reservation header: 1"},
		{"granted", "Tdm-Reservation", "0", ""},
		{"usage", "Content-Usage", "search=y, train-ai=n", "content-usage: Content-Usage header: search=y, train-ai=n"},
		{"usage with parameters", "Content-Usage", "train-ai=n;exp=1", "content-usage: Content-Usage header: train-ai=n;exp=1"},
		{"usage granted", "Content-Usage", "search=n, train-ai=y", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			if tt.key != "" {
				h.Set(tt.key, tt.value)
			}
			if got := said(Headers(h, "pairloom").At(now)); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	h := http.Header{"X-Robots-Tag": {"otherbot: noindex", "noai"}, "Tdm-Reservation": {"1"}, "Tdm-Policy": {"https://example.org/p"}, "Content-Usage": {"train-ai=y", "train-ai=n"}}
	want := "noai: X-Robots-Tag: noai\ntdm-reservation: tdm-reservation header: 1, tdm-policy: https://example.org/p\ncontent-usage: Content-Usage header: train-ai=y, train-ai=n"
	if got := said(Headers(h, "pairloom")); got != want {
		t.Errorf("several headers: %q, want %q", got, want)
	}
}

func TestNoFollow(t *testing.T) {
	for value, want := range map[string]bool{"": false, "noindex": false, "nofollow": true, "none": true, "otherbot: nofollow": false, "otherbot: noai, pairloom: NoFollow": true} {
		if got := NoFollow(http.Header{"X-Robots-Tag": {value}}, "pairloom"); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestMeta(t *testing.T) {
	for _, tt := range []struct {
		name, content, want string
		nofollow            bool
	}{
		{"robots", "noai, NOIMAGEAI", "noai: meta robots: noai\nnoimageai: meta robots: NOIMAGEAI", false},
		{"ROBOTS", "none", "noindex: meta robots: none", true},
		{"robots", "noindex nofollow", "noindex: meta robots: noindex", true},
		{"PairLoom", "noai", "noai: meta robots: noai", false},
		{"otherbot", "noindex, nofollow", "", false},
		{"robots", "unavailable_after: 25 Jun 2010 15:00:00 EST, noai", "unavailable_after: meta robots: unavailable_after: 25 Jun 2010 15:00:00 EST\nnoai: meta robots: noai", false},
		{"robots", "unavailable_after: Friday, 25-Jun-10 15:00:00 EST", "unavailable_after: meta robots: unavailable_after: Friday, 25-Jun-10 15:00:00 EST", false},
		{"robots", "unavailable_after: 2030-06-25", "", false},
		{"robots", "max-snippet:20, noindex", "noindex: meta robots: noindex", false},
		{"tdm-reservation", "1", "tdm-reservation: meta tdm-reservation: 1", false},
		{"TDM-Reservation", "0", "", false},
		{"tdm-policy", "https://example.org/", "", false},
	} {
		w, nofollow := Meta(tt.name, tt.content, "pairloom")
		if got := said(w.At(now)); got != tt.want || nofollow != tt.nofollow {
			t.Errorf("%s=%q: %q, nofollow %v; want %q, %v", tt.name, tt.content, got, nofollow, tt.want, tt.nofollow)
		}
	}
}

func TestParseDate(t *testing.T) {
	for s, want := range map[string]string{
		"25 Jun 2010 15:00:00 PST":        "2010-06-25T23:00:00Z",
		"25-Jun-2010 15:00:00 EST":        "2010-06-25T20:00:00Z",
		"Friday, 25-Jun-10 15:00:00 GMT":  "2010-06-25T15:00:00Z", // RFC 850
		"Fri, 25 Jun 2010 15:00:00 GMT":   "2010-06-25T15:00:00Z", // RFC 1123
		"Fri, 25 Jun 10 15:00 PDT":        "2010-06-25T22:00:00Z", // RFC 822
		"Fri, 25 Jun 2010 15:00:00 +0200": "2010-06-25T13:00:00Z",
		"Fri Jun 25 15:00:00 2010":        "2010-06-25T15:00:00Z", // asctime
		"2010-06-25T15:00:00+02:00":       "2010-06-25T13:00:00Z", // ISO 8601
		"2010-06-25T15:00:00.250Z":        "2010-06-25T15:00:00Z",
		"20100625T150000Z":                "2010-06-25T15:00:00Z",
		"2010-06-25 15:00:00":             "2010-06-25T15:00:00Z",
		"2010-06-25":                      "2010-06-25T00:00:00Z",
		"June 25, 2010 3:00 PM CEST":      "2010-06-25T13:00:00Z",
		"25 June 2010":                    "2010-06-25T00:00:00Z",
		"soon":                            "",
		"31 Feb 2010":                     "",
		"":                                "",
	} {
		got := ""
		if date, ok := parseDate(s); ok {
			got = date.Truncate(time.Second).Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
}

func TestTraining(t *testing.T) {
	for dictionary, want := range map[string]string{
		"":                            "unstated",
		"search=yes":                  "unstated",
		"search=yes, ai-train=no":     "denied",
		"ai-train=no,search=yes":      "denied",
		"AI-Train = NO":               "denied",
		"ai-train=yes":                "allowed",
		"train-ai=n":                  "denied",
		"train-ai=y, train-genai=n":   "denied",
		"train-ai=?0":                 "denied",
		"train-ai=n, train-ai=y":      "allowed",
		"bots=n":                      "denied",
		"bots=n, train-ai=y":          "allowed",
		"bots=y":                      "allowed",
		"train-ai=maybe":              "unstated",
		`train-ai="n"`:                "denied",
		"train-ai=n;note=\"x\", q=\"": "denied",
	} {
		denied, stated := Training(dictionary)
		got := map[bool]string{true: "denied", false: "allowed"}[denied]
		if !stated {
			got = "unstated"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", dictionary, got, want)
		}
	}
}

func TestTDMRep(t *testing.T) {
	const list = `[{"location":"/free/","tdm-reservation":0},
		{"location":"/free/not/","tdm-reservation":1},
		{"location":"/pictures/*.jpg$","tdm-reservation":1,"tdm-policy":"https://example.org/policy.json"},
		{"location":"/text","tdm-reservation":"1"},
		17, {"location":4}, {"location":"/maybe","tdm-reservation":2}, {"location":"/d%C3%B6","tdm-reservation":true}]`
	for _, tt := range []struct{ name, file, path, want string }{
		{"no match", list, "/", ""},
		{"a policy", list, "/pictures/a.jpg", "tdm-reservation: tdmrep.json: location /pictures/*.jpg$: 1, tdm-policy: https://example.org/policy.json"},
		{"$ is the end", list, "/pictures/a.jpg?x", ""},
		{"a location is a prefix", list, "/textile?x", "tdm-reservation: tdmrep.json: location /text: 1"},
		{"the first match decides", list, "/free/not/a", ""},
		{"neither 0 nor 1", list, "/maybe", ""},
		{"what makes no sense voids only itself", list, "/dö", "tdm-reservation: tdmrep.json: location /d%C3%B6: 1"},
		{"whole site", `[{"location": "/", "tdm-reservation": 1}]`, "/x", "tdm-reservation: tdmrep.json: location /: 1"},
		{"star", `[{"location": "*", "tdm-reservation": 1}]`, "/x", "tdm-reservation: tdmrep.json: location *: 1"},
		{"without its slash", `[{"location": "a/", "tdm-reservation": 1}]`, "/a/b", "tdm-reservation: tdmrep.json: location a/: 1"},
		{"without its list", `{"location": "/", "tdm-reservation": 1}`, "/x", "tdm-reservation: tdmrep.json: location /: 1"},
		{"a byte order mark", "\xef\xbb\xbf[{\"location\": \"/\", \"tdm-reservation\": 1}]", "/x", "tdm-reservation: tdmrep.json: location /: 1"},
		{"cut off", `[{"location": "/a", "tdm-reservation": 1}, {"location": "/", "tdm-res`, "/a", "tdm-reservation: tdmrep.json: location /a: 1"},
		{"what was cut off", `[{"location": "/a", "tdm-reservation": 1}, {"location": "/", "tdm-res`, "/x", ""},
		{"no list", `"[1]"`, "/x", ""},
		{"a page instead", "<!doctype html><title>Not found</title>", "/x", ""},
		{"empty", "", "/x", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := said(ParseTDMRep([]byte(tt.file)).Wishes(tt.path)); got != tt.want {
				t.Errorf("%s: %q, want %q", tt.path, got, tt.want)
			}
		})
	}
}

func TestAITxt(t *testing.T) {
	const all = "# made for us\nUser-Agent: *\n"
	for _, tt := range []struct{ name, file, path, want string }{
		{"empty", "", "/a.jpg", ""},
		{"everything", all + "Disallow: /", "/a.jpg", "ai.txt: ai.txt line 3: Disallow: /"},
		{"star", all + "Disallow: *", "/a.jpg", "ai.txt: ai.txt line 3: Disallow: *"},
		{"by name", all + "Disallow: *.jpg\nDisallow: *.png", "/x/A.JPG?width=100", "ai.txt: ai.txt line 3: Disallow: *.jpg"},
		{"by name, with slash and end", all + "Disallow: /*.jpg$", "/x/a.jpg?width=100", "ai.txt: ai.txt line 3: Disallow: /*.jpg$"},
		{"another name", all + "Disallow: *.jpg", "/a.jpgx", ""},
		{"a name within the query", all + "Disallow: *.jpg", "/a.png?from=b.jpg", ""},
		{"allowed by name", all + "Allow: *.jpg\nDisallow: /", "/a.jpg", ""},
		{"others are not", all + "Allow: *.jpg\nDisallow: /", "/a.png", "ai.txt: ai.txt line 4: Disallow: /"},
		{"a folder", all + "Disallow: /art/\n", "/art/a.jpg", "ai.txt: ai.txt line 3: Disallow: /art/"},
		{"allow wins a tie", all + "Disallow: /a\nAllow: /a", "/a.jpg", ""},
		{"our group beats all", all + "Disallow: /\nUser-Agent: pairloom\nDisallow: *.gif", "/a.jpg", ""},
		{"our group's rule", all + "Allow: /\nUser-Agent: Pairloom/1.0\nDisallow: *.gif", "/a.gif", "ai.txt: ai.txt line 5: Disallow: *.gif"},
		{"another's group", "User-Agent: otherbot\nDisallow: /", "/a.gif", ""},
		{"no group", "Disallow: /", "/a.gif", "ai.txt: ai.txt line 1: Disallow: /"},
		{"a page instead", "<!doctype html>\n<title>Not found: sorry</title>", "/a.jpg", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := said(ParseAITxt([]byte(tt.file), "pairloom").Wishes(tt.path)); got != tt.want {
				t.Errorf("%s: %q, want %q", tt.path, got, tt.want)
			}
		})
	}
}

func TestAt(t *testing.T) {
	w := Wishes{{Word: NoAI}, {Word: UnavailableAfter, After: now}}
	for _, tt := range []struct {
		at   time.Time
		want string
	}{{now.Add(-time.Second), NoAI}, {now, "noai,unavailable_after"}} {
		if got := w.At(tt.at).Words(); got != tt.want {
			t.Errorf("at %v: %q, want %q", tt.at, got, tt.want)
		}
	}
}

// Rules and paths are spelt alike before they are compared.
func TestPattern(t *testing.T) {
	for _, tt := range []struct {
		pattern, path string
		want          bool
	}{
		{"/a/*{", "/a/b%7B", true},
		{"/a/*{", "/a/b{", true},
		{"/a/*%7b", "/a/b{c", true},
		{"/a|b", "/a%7Cb", true},
		{`/a\b`, "/a%5cb", true},
		{"/foo-%24", "/foo-$", true},
		{"/foo-%24", "/foo-%24x", true},
		{"/foo-%24", "/foo-", false},
		{"/foo-$", "/foo-$", false}, // a last $ is the end
		{"/foo-$", "/foo-", true},
		{"/a$b", "/a$bc", true}, // and one in the middle is itself
		{"/a$b", "/a%24b", true},
		{"/a-%2A.html", "/a-*.html", true},
		{"/a-%2A.html", "/a-b.html", false},
		{"/a-*.html", "/a-*.html", true},
		{"/private", "/a/%2e%2e/private", true},
		{"/private", "/a/.%2E/private", true},
		{"/private", "/a/b/../.././private/x", true},
		{"/private", "/../private", true},
		{"/a/%2e%2e/private", "/private", true},
		{"/a/./b", "/a/b", true},
		{"/a/..", "/x", false}, // the start of a name such as ..b
		{"/a/..", "/a/..b", true},
		{"/*/../b", "/b", false},
		{"/../", "/b", false}, // or it would be on all
		{"/a/./../", "/b", false},
		{"/a/", "/a/b/..", true},
		{"/a/b", "/a/b/..", false},
		{"/a", "/a?b=/../x", true},
		{"/ö", "/%C3%B6", true},
		{"/%c3%b6", "/ö", true},
		{"/~joe", "/%7ejoe", true},
		{"/a(b)!", "/a%28b%29%21", true},
		{"/a%2Fb", "/a/b", false},
		{"/a/b", "/a%2Fb", false},
		{"/a%3Fb", "/a?b", false},
		{"/a?b=https://c.org/", "/a?b=https%3A%2F%2Fc.org%2F", true},
		{"/*?b", "/a?x?b", true},
		{"/*/c", "/a?b=/c", true},
		{"/a b", "/a%20b", true},
		{"/a%", "/a%25", true},
		{"/a%zz", "/a%25zz", true},
		{"/***x", "/abx", true},
		{"*", "/a", true},
		{"*$", "/a", true},
		{"/*a*b$", "/ab/ab", true},
		{"/*ab$", "/b", false},
		{"/a*a$", "/a", false}, // one octet is not both ends
		{"/*aa*aa$", "/aaa", false},
		{"/*aa*aa$", "/aaaa", true},
	} {
		if got := NewPattern(tt.pattern).Matches(NormalPath(tt.path)); got != tt.want {
			t.Errorf("%q matches %q: %v, want %v (%q, %q)", tt.pattern, tt.path, got, tt.want, NewPattern(tt.pattern).parts, NormalPath(tt.path))
		}
	}
}

func TestLines(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"ends of all kinds", "a: 1\rb: 2\r\nc: 3\n\nd: 4", "1 a=1,2 b=2,3 c=3,5 d=4,"},
		{"comments, spaces, case", " User-Agent :  x y # z\n# a: b\nnothing", "1 user-agent=x y,"},
		{"a byte order mark", "\xef\xbb\xbfa: 1", "1 a=1,"},
		{"two bytes of it", "\xef\xbba: 1", "1 a=1,"},
		{"one byte of it", "\xefa: 1", "1 a=1,"},
		{"UTF-16", "\xff\xfea\x00:\x00 \x001\x00\n\x00b\x00:\x00\x1b\x04", "1 a=1,2 b=Л,"},
		{"UTF-16, the other way round", "\xfe\xff\x00a\x00:\x00 \x001", "1 a=1,"},
		{"without a colon", "a 1 # x\nb 2 3\nc\td", "1 a=1,3 c=d,"},
		{"only before the first line", "a: 1\n\xef\xbb\xbfb: 2", "1 a=1,2 \ufeffb=2,"},
		{"a value with colons", "sitemap: https://x.org:1/#y", "1 sitemap=https://x.org:1/,"},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got strings.Builder
			for l := range Lines([]byte(tt.file)) {
				fmt.Fprintf(&got, "%d %s=%s,", l.Number, l.Key, l.Value)
			}
			if got.String() != tt.want {
				t.Errorf("%q, want %q", got.String(), tt.want)
			}
		})
	}
}

// one tells whether a record may hold s.
func one(s string) bool { return len(s) <= 400 && !strings.ContainsAny(s, "\r\n\x00") }

// FuzzPattern checks matching against a regular expression made from the rule,
// and that a spelling that is normal stays as it is.
func FuzzPattern(f *testing.F) {
	f.Add("/a*b$", "/axxb")
	f.Add("/*/../%2e%24", "/1/%2e%2e/x?y=/../z")
	f.Add("*$", "")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if len(pattern)+len(path) > 1<<12 {
			return
		}
		p, s := NewPattern(pattern), NormalPath(path)
		if again := NormalPath(s); again != s {
			t.Errorf("NormalPath(%q) = %q, and of that %q", path, s, again)
		}
		expr := "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(strings.Join(p.parts, "*")), `\*`, ".*")
		if p.anchored {
			expr += "$"
		}
		if got, want := p.Matches(s), regexp.MustCompile(expr).MatchString(s); got != want {
			t.Errorf("%q matches %q: %v, want %v", pattern, s, got, want)
		}
	})
}

// FuzzWishes holds that wishes of any input have a known word and fit a record.
func FuzzWishes(f *testing.F) {
	f.Add("otherbot: noindex, pairloom: unavailable_after: Friday, 25-Jun-10 15:00:00 GMT, noai", "/a")
	f.Add(`[{"location":"/*.jpg$","tdm-reservation":1,"tdm-policy":"x"},{"location":"/","tdm-reservation":0}]`, "/x/y.jpg?z")
	f.Add("User-Agent: *\nDisallow: *.jpg\nAllow: /", "/A.JPG")
	f.Add("\xef\xbbuser-agent: pairloom\rdisallow: /\x00", "/%zz")
	f.Fuzz(func(t *testing.T, text, path string) {
		if len(text) > 1<<14 || len(path) > 1<<12 {
			return
		}
		h := http.Header{"X-Robots-Tag": {text, path}, "Tdm-Reservation": {"1"}, "Tdm-Policy": {text}, "Content-Usage": {text}}
		all := Headers(h, "pairloom")
		meta, _ := Meta("robots", text, "pairloom")
		all = append(all, meta...)
		all = append(all, ParseTDMRep([]byte(text)).Wishes(path)...)
		all = append(all, ParseAITxt([]byte(text), "pairloom").Wishes(path)...)
		for _, w := range all {
			if !strings.Contains(","+strings.Join(Words(), ",")+",", ","+w.Word+",") || !one(w.Source) || len(w.Value) > 700 || strings.ContainsAny(w.Value, "\r\n\x00") {
				t.Errorf("%+v", w)
			}
			if (w.Word == UnavailableAfter) == w.After.IsZero() && w.After.Year() != 1 {
				t.Errorf("%+v", w)
			}
		}
	})
}
