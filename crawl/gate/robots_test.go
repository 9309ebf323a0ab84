package gate

import (
	"regexp"
	"strings"
	"testing"
	"time"
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
		{"bad lines are skipped", all + "Disallow /x\n\x00\xff\n: :\nDisallow: /y", "/y", false},
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
		{"case of the path counts", all + "Disallow: /A", "/a", true},
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
		r.OptOut(path)
		if again := normalPath(normalPath(path)); again != normalPath(path) {
			t.Errorf("normalPath of %q is not stable", path)
		}
		p, s := normalPattern(pattern), normalPath(path)
		expr, anchored := strings.CutSuffix(p, "$")
		expr = "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(expr), `\*`, ".*")
		if anchored {
			expr += "$"
		}
		if got, want := matches(p, s), regexp.MustCompile(expr).MatchString(s); got != want {
			t.Errorf("matches(%q, %q) = %v, want %v", p, s, got, want)
		}
	})
}
