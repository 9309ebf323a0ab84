package crawl

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func urlset(addresses ...string) string {
	b := "<urlset>"
	for _, a := range addresses {
		b += "<url><loc>" + a + "</loc></url>"
	}
	return b + "</urlset>"
}

// mapped is a host whose pages are found through its lists alone.
func mapped(t *testing.T) *web {
	w := newWeb(t, "127.0.0.1")
	w.set("/robots.txt", "User-agent: *\nDisallow: /secret\nSitemap: "+w.URL+"/index.xml\nSitemap: /more.txt\nSitemap: /secret.xml\nSitemap: http://other.example/map.xml\nSitemap: /page.xml")
	w.set("/index.xml", "<sitemapindex><sitemap><loc>"+w.URL+"/one.xml</loc></sitemap><sitemap><loc>/missing.xml</loc></sitemap></sitemapindex>")
	w.set("/one.xml", urlset(w.URL+"/a", w.URL+"/b", "http://other.example/c", w.URL+"/photo.jpg"))
	w.set("/more.txt", w.URL+"/c\n"+w.URL+"/a\n")
	w.set("/secret.xml", urlset(w.URL+"/never"))
	w.set("/page.xml", "<html>no list")
	w.set("/", img("home", "/inner")+`<link rel=alternate type="application/rss+xml" href=/feed>`)
	w.set("/inner", img("inner")+`<link rel=alternate type="application/atom+xml" href=/comments>`)
	w.set("/feed", `<rss><channel><item><link>`+w.URL+`/news</link></item></channel></rss>`)
	w.set("/comments", `<feed><entry><link href=/comment></entry></feed>`)
	for _, p := range []string{"/a", "/b", "/c", "/news", "/never", "/comment"} {
		w.set(p, img(p))
	}
	return w
}

// Pages that only a sitemap or feed names are read, in scope and by robots.txt.
func TestSitemapsAndFeeds(t *testing.T) {
	w := mapped(t)
	c := newCrawling(t, w.URL+"/")
	r := c.run()
	if got, want := w.take(), "/ /a /b /c /feed /index.xml /inner /missing.xml /more.txt /news /one.xml /page.xml"; got != want {
		t.Errorf("asked for %s\nwant %s", got, want)
	}
	slices.Sort(c.texts)
	if got := strings.Join(c.texts, " "); got != "/a /b /c /news home inner" {
		t.Errorf("candidates %s", got)
	}
	if r.Tally.Dropped[IsSitemap] != 3 || r.Tally.Dropped[IsFeed] != 1 {
		t.Errorf("%+v", r.Tally)
	}
	for _, tt := range []struct {
		path, kind, reason, rule, referrer string
		hops                               int
	}{
		{"/index.xml", "sitemap", IsSitemap, "sitemap index of 2 addresses", "/", 0},
		{"/one.xml", "sitemap", IsSitemap, "sitemap of 4 addresses, 1 of them out of scope", "/index.xml", 0},
		{"/missing.xml", "sitemap", "http_404", "Not Found", "/index.xml", 0},
		{"/secret.xml", "sitemap", "robots_disallowed", "Disallow: /secret", "/", 0},
		{"/page.xml", "sitemap", NoList, "neither a sitemap nor a feed", "/", 0},
		{"/feed", "feed", IsFeed, "RSS feed of 1 addresses", "/", 0},
		{"/photo.jpg", "page", NotHTML, ".jpg", "/one.xml", 1},
		{"/b", "page", "", "", "/one.xml", 1},
	} {
		got, ok, err := Explain(c.dir, w.URL+tt.path)
		if err != nil || !ok || got.Kind != tt.kind || got.Reason != tt.reason || !strings.Contains(got.Rule, tt.rule) || got.Referrer != w.URL+tt.referrer || got.Hops != tt.hops {
			t.Errorf("%s: %+v, %v, %v; want %+v", tt.path, got, ok, err, tt)
		}
	}
	c = newCrawling(t, w.URL+"/")
	c.options.Sitemaps = false
	c.run()
	if got := w.take(); got != "/ /inner" {
		t.Errorf("without sitemaps: asked for %s", got)
	}
}

// A seed that is a sitemap or a feed is read as what it is, whatever its server calls
// it, and is one at its next visit. What a page links to is a page.
func TestSeedsThatAreLists(t *testing.T) {
	w := newWeb(t, "127.0.0.1")
	w.set("/map", urlset(w.URL+"/a", w.URL+"/linked"))
	w.header("/map", "Content-Type", "application/xml")
	w.header("/map", "ETag", `"1"`)
	w.set("/lines", w.URL+"/b\n")
	w.header("/lines", "Content-Type", "text/plain")
	w.set("/feed", `<rss><channel><item><link>`+w.URL+`/c</link></item></channel></rss>`) // as text/html
	w.set("/linked", urlset(w.URL+"/never"))
	w.header("/linked", "Content-Type", "text/xml")
	w.set("/other", "just text")
	w.header("/other", "Content-Type", "text/plain")
	for _, p := range []string{"/a", "/b", "/c", "/never"} {
		w.set(p, img(p))
	}
	c := newCrawling(t, w.URL+"/map", w.URL+"/lines", w.URL+"/feed", w.URL+"/other")
	c.options.Sitemaps = false
	c.options.RevisitAfter = day
	for _, when := range []string{"first", "again"} {
		c.run()
		asked := w.take()
		if want := "/a /b /c /feed /lines /linked /map /other"; when == "again" && asked != want {
			t.Errorf("%s: asked for %s, want %s", when, asked, want)
		}
		slices.Sort(c.texts)
		if got := strings.Join(c.texts, " "); got != "/a /b /c" {
			t.Errorf("%s: candidates %s", when, got)
		}
		for _, tt := range []struct{ path, kind, reason string }{
			{"/map", "sitemap", IsSitemap}, {"/lines", "sitemap", IsSitemap}, {"/feed", "feed", IsFeed},
			{"/linked", "page", NotHTML}, {"/other", "page", NotHTML}, {"/a", "page", ""},
		} {
			got, ok, err := Explain(c.dir, w.URL+tt.path)
			if err != nil || !ok || got.Kind != tt.kind || got.Reason != tt.reason {
				t.Errorf("%s: %s: %+v, %v, %v; want %+v", when, tt.path, got, ok, err, tt)
			}
		}
		c.now = c.now.Add(2 * day)
	}
}

// A budget cuts at the same place with any number of workers, lists and all.
func TestBudgetsWithSitemaps(t *testing.T) {
	w := mapped(t)
	for budget := int64(1); budget <= 13; budget++ {
		var first string
		for _, workers := range []int{1, 8} {
			c := newCrawling(t, w.URL+"/")
			c.options.MaxPages, c.options.Workers = budget, workers
			c.run()
			got := w.take()
			if first == "" {
				first = got
			}
			if got != first {
				t.Errorf("budget %d: 8 workers ask for %s, 1 for %s", budget, got, first)
			}
		}
	}
}

// Indexes are followed three deep.
func TestIndexDepth(t *testing.T) {
	w := newWeb(t, "127.0.0.1")
	w.set("/robots.txt", "Sitemap: /1")
	w.set("/", img("home"))
	for _, n := range []string{"1", "2", "3", "4", "5", "6"} {
		w.set("/"+n, "<sitemapindex><sitemap><loc>/"+string(n[0]+1)+"</loc></sitemap></sitemapindex>")
	}
	c := newCrawling(t, w.URL+"/")
	c.run()
	if got := w.take(); got != "/ /1 /2 /3 /4" {
		t.Errorf("asked for %s", got)
	}
}

// What a list says of a page's changes only brings a visit forward.
func TestListsHint(t *testing.T) {
	w := newWeb(t, "127.0.0.1")
	w.set("/robots.txt", "Sitemap: /map.xml")
	w.set("/", img("home"))
	entry := func(page, more string) string { return "<url><loc>" + w.URL + page + "</loc>" + more + "</url>" }
	lists := func(lastmod string) {
		w.set("/map.xml", "<urlset>"+entry("/modified", "<lastmod>"+lastmod+"</lastmod>")+entry("/daily", "<changefreq>hourly</changefreq>")+entry("/plain", "")+"</urlset>")
	}
	for _, p := range []string{"/modified", "/daily", "/plain"} {
		w.set(p, img(p))
	}
	c := newCrawling(t, w.URL+"/")
	c.options.RevisitAfter = 30 * day
	lists("2023-01-01")
	c.run()
	w.take()
	for _, tt := range []struct {
		name    string
		after   time.Duration
		lastmod string
		want    string
	}{
		{"half a day later nothing is due", day / 2, "2023-01-01", ""},
		{"hourly is once a day at most", day, "2023-01-01", "/daily"},
		{"the list itself is due with the rest", 29 * day, "2023-11-20", "/ /daily /map.xml /modified /plain"},
		// The list has changed, and comes back after 24 days; the pages, which have
		// not, after 42, but for what it says has changed.
		{"modified since", 25 * day, "2024-01-01", "/daily /map.xml /modified"},
		{"modified in the future", 20 * day, "2999-01-01", "/ /daily /map.xml /plain"},
	} {
		lists(tt.lastmod)
		c.now = c.now.Add(tt.after)
		c.run()
		if got := w.take(); got != tt.want {
			t.Errorf("%s: asked for %q, want %q", tt.name, got, tt.want)
		}
	}
}
