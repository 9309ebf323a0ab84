package gate

import (
	"strings"
	"testing"
	"time"

	"github.com/pairloom/pairloom/crawl/optout"
)

func TestRobotsAllowed(t *testing.T) {
	const all = "User-agent: *\n"
	for _, tt := range []struct {
		name, file, path string
		want             bool
	}{
		{"empty file", "", "/a", true},
		{"longest rule wins", all + "Disallow: /a\nAllow: /a/b", "/a/b/c", true},
		{"longest rule wins, whatever the order", all + "Allow: /a/b\nDisallow: /a", "/a/b/c", true},
		{"allow wins a tie", all + "Disallow: /a\nAllow: /a", "/a", true},
		{"query keeps its order", all + "Disallow: /p?b=1", "/p?b=1&a=2", false},
		{"bare question mark", all + "Disallow: /p?", "/p?", false},
		{"robots.txt itself", all + "Disallow: /", "/robots.txt", true},
		{"empty disallow", all + "Disallow:", "/a", true},
		{"own group beats all", all + "Disallow: /\nUser-agent: pairloom\nDisallow: /x", "/a", true},
		{"own group's rule", all + "Allow: /\nUser-agent: PairLoom/1.0\nDisallow: /x", "/x", false},
		{"own groups are one", "User-agent: pairloom\nDisallow: /x\n\nUser-agent: b\nDisallow: /z\n\nUser-agent: pairloom\nDisallow: /y", "/x", false},
		{"agents share a group", "User-agent: b\nUser-agent: pairloom\nDisallow: /x", "/x", false},
		{"another's group", "User-agent: pairloomer\nDisallow: /", "/a", true},
		{"own empty group", all + "Disallow: /\nUser-agent: pairloom\n", "/a", true},
		{"sitemap does not end the agents", "User-agent: pairloom\nSitemap: /s\nUser-agent: b\nDisallow: /x", "/x", false},
		{"rule before any group", "Disallow: /x\n" + all + "Disallow: /y", "/x", true},
		{"a colon left out", all + "Disallow /x", "/x", false},
		{"bad lines are skipped", all + "Disallow /x y\n\x00\xff\n: :\nDisallow: /y", "/y", false},
		{"comment and spaces", " USER-AGENT : * # all\n  disallow :  /y # no", "/y", false},
		{"byte order mark", "\xef\xbb\xbf" + all + "Disallow: /y", "/y", false},
		{"carriage returns", "User-agent: *\rDisallow: /x\r\nDisallow: /y", "/y", false},
		{"star", all + "Disallow: /*.png", "/a/b.png?x", false},
		{"star matches nothing", all + "Disallow: /a*b", "/ab", false},
		{"end", all + "Disallow: /*.png$", "/a.png?x", true},
		{"end holds", all + "Disallow: /*.png$", "/a.png.png", false},
		{"only star", all + "Disallow: *", "/a", false},
		{"escaped equals plain", all + "Disallow: /%7Ejoe", "/~joe/x", false},
		{"plain equals escaped", all + "Disallow: /~joe", "/%7ejoe/x", false},
		{"octets equal their escapes", all + "Disallow: /ö", "/%C3%B6", false},
		{"escaped slash is no slash", all + "Disallow: /a%2Fb", "/a/b", true},
		{"escaped star is literal", all + "Disallow: /a%2A", "/ab", true},
		{"escaped star meets its octet", all + "Disallow: /a-%2A.html", "/a-*.html", false},
		{"escaped star meets its escape", all + "Disallow: /a-%2a.html", "/a-%2A.html", false},
		{"escaped dollar is literal", all + "Disallow: /foo-%24", "/foo-$x", false},
		{"escaped dollar is no end", all + "Disallow: /foo-%24", "/foo-", true},
		{"dollar in the middle is literal", all + "Disallow: /a$b", "/a$bc", false},
		{"what a URL cannot hold", all + "Disallow: /a/*{", "/a/b%7Bc", false},
		{"bar", all + "Disallow: /a|b", "/a%7Cb", false},
		{"backslash", all + `Disallow: /a\b`, "/a%5Cb", false},
		{"escaped dots in a path", all + "Disallow: /private", "/a/%2e%2e/private", false},
		{"escaped dots in a rule", all + "Disallow: /a/%2e%2e/private", "/private/x", false},
		{"dots do not reach over the root", all + "Disallow: /private", "/../../private", false},
		{"what dots leave is judged", all + "Disallow: /a/", "/a/../b", true},
		{"case of the path counts", all + "Disallow: /A", "/a", true},
		{"case of the keys does not", "user-AGENT: *\nDISallow: /a", "/a", false},
		{"case of our name does not", "User-agent: PAIRLOOM\nDisallow: /a", "/a", false},
		{"our name with more words", "User-agent: Pairloom (images)\nDisallow: /a", "/a", false},
		{"our name within another's", "User-agent: a pairloom\nDisallow: /a", "/a", true},
		{"spaces before the colon", "User-agent \t: *\nDisallow \t: /a", "/a", false},
		{"a key spelt wrong", "Useragent: *\nDissallow: /a", "/a", false},
		{"a fragment is a comment", all + "Disallow: /a#b", "/ab", false},
		{"CR alone ends lines", "User-agent: *\rDisallow: /a\rDisallow: /b", "/b", false},
		{"mixed ends of lines", "User-agent: *\n\rDisallow: /a\r\n\r\nDisallow: /b", "/b", false},
		{"a long line", all + "Disallow: /" + strings.Repeat("x", 1<<16) + "\nDisallow: /b", "/b", false},
		{"a rule in another script", all + "Disallow: /лиса/*.png", "/%D0%BB%D0%B8%D1%81%D0%B0/a.png", false},
		{"groups are one wherever they stand", all + "Disallow: /x\nUser-agent: b\nDisallow: /z\nUser-agent: *\nDisallow: /y", "/y", false},
		{"empty lines end no group", "User-agent: *\n\nDisallow: /x\n\n\nDisallow: /y", "/y", false},
		{"a query allowed", all + "Disallow: /\nAllow: /*?x", "/a/b?x=1", true},
		{"another query", all + "Disallow: /\nAllow: /*?x", "/a/b?y=1", false},
		{"a slash in the query", all + "Disallow: /*/c", "/a?b=/c", false},
		{"a query's escapes", all + "Disallow: /a?b=https://c.org", "/a?b=https%3A%2F%2Fc.org", false},
		{"many stars", all + "Disallow: /" + strings.Repeat("*a", 1000) + "$", "/" + strings.Repeat("a", 1999) + "b", true},
		{"one byte of a mark", "\xef" + all + "Disallow: /y", "/y", false},
		{"two bytes of a mark", "\xef\xbb" + all + "Disallow: /y", "/y", false},
		{"other bytes are no mark", "\xfe" + all + "Disallow: /y", "/y", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, line := ParseRobots([]byte(tt.file), "pairloom").Allowed(tt.path)
			if got != tt.want {
				t.Errorf("Allowed(%q) = %v by %q, want %v", tt.path, got, line, tt.want)
			}
			if !got && line == "" {
				t.Error("refused without a line to name")
			}
		})
	}
}

func TestCrawlDelay(t *testing.T) {
	for file, want := range map[string]time.Duration{
		"User-agent: *\nCrawl-delay: 2.5":                             2500 * time.Millisecond,
		"User-agent: *\nCrawl-delay: -1":                              0,
		"User-agent: *\nCrawl-delay: NaN":                             0,
		"User-agent: *\nCrawl-delay: 1e300":                           1e6 * time.Second,
		"User-agent: *\nCrawl-delay: 9\nUser-agent: pairloom\nAllow:": 0,
	} {
		if got := ParseRobots([]byte(file), "pairloom").CrawlDelay(); got != want {
			t.Errorf("%q: %v, want %v", file, got, want)
		}
	}
}

// FuzzRobots checks matching against a regular expression made from the rule.
func FuzzRobots(f *testing.F) {
	f.Add("User-agent: *\nDisallow: /a*b$\n", "/a*b$", "/axxb")
	f.Add("User-agent: pairloom\nCrawl-delay: 1\nContent-Signal: ai-train=no", "/*/*/x", "/1/2/x?y")
	f.Add("\xef\xbb\xbf:::\r\r\n", "*$", "")
	f.Fuzz(func(t *testing.T, file, pattern, path string) {
		if len(file)+len(pattern)+len(path) > 1<<12 {
			return
		}
		r := ParseRobots([]byte(file), "pairloom")
		ok, line := r.Allowed(path)
		if !ok && line == "" {
			t.Error("refused without a line to name")
		}
		r.Wishes(path)
		// A file with one more rule for all agents forbids what that rule is on,
		// unless a longer rule or a group of our own says otherwise.
		only := ParseRobots([]byte("User-agent: *\nDisallow: "+pattern), "pairloom")
		if ok, _ := only.Allowed(path); ok != (len(only.rules) == 0 || optout.NormalPath(path) == "/robots.txt" || !only.rules[0].pattern.Matches(optout.NormalPath(path))) {
			t.Errorf("rule %q, path %q: allowed %v", pattern, path, ok)
		}
	})
}
