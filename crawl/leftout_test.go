package crawl

import (
	"fmt"
	"strings"
	"testing"
)

// What a page says and is not among its candidates is counted in the run's result
// and told of the page, for as long as the page stays as it is.
func TestLeftOut(t *testing.T) {
	w := newWeb(t, "127.0.0.1")
	logos, entries := "", ""
	for i := range 12 {
		logos += fmt.Sprintf("<img src=/logo.png alt='By author %d'>", i)
	}
	for i := range 1030 {
		entries += fmt.Sprintf("/%d.png %dw, ", i, i+1)
	}
	w.set("/", img("home", "/logos", "/many", "/asks"))
	w.set("/logos", img("a picture")+logos)
	w.set("/many", "<img alt=fox srcset='"+entries+"'>")
	w.set("/asks", "<meta name=robots content=noai>"+img("mine")+logos)
	w.header("/many", "ETag", `"1"`)
	c := newCrawling(t, w.URL+"/")
	for _, when := range []string{"first", "again"} {
		r := c.run()
		if r.Placeholders != 12 || r.Cut != 6 || len(c.texts) != 3 {
			t.Errorf("%s: %d placeholders, %d beyond the bounds, candidates %q; want 12, 6 and those of three pages", when, r.Placeholders, r.Cut, c.texts)
		}
		for _, tt := range []struct {
			path              string
			placeholders, cut int
			rule              string
		}{
			{"/logos", 12, 0, ""},
			{"/many", 0, 6, "cut off: 6 entries of srcsets more than a page may have"},
			{"/asks", 0, 0, "noai: meta robots: noai"},
		} {
			got, ok, err := Explain(c.dir, w.URL+tt.path)
			if err != nil || !ok || got.Placeholders != tt.placeholders || got.Cut != tt.cut || got.Rule != tt.rule {
				t.Errorf("%s: %s: %+v, %v, %v; want %+v", when, tt.path, got, ok, err, tt)
			}
		}
		c.now = c.now.Add(day)
	}
}

// A sitemap brings a host to twice the pages that may be asked for there. The rest is
// counted, and looked at when the sitemap is read again.
func TestLongSitemap(t *testing.T) {
	w := newWeb(t, "127.0.0.1")
	w.set("/robots.txt", "Sitemap: /map.xml")
	w.set("/", img("home"))
	var pages []string
	for i := range 50 {
		pages = append(pages, fmt.Sprintf("%s/%d", w.URL, i))
		w.set(fmt.Sprintf("/%d", i), img(fmt.Sprintf("page %d", i)))
	}
	w.set("/map.xml", urlset(pages...))
	w.header("/map.xml", "ETag", `"1"`)
	c := newCrawling(t, w.URL+"/")
	for _, tt := range []struct {
		cap           int
		known, past   int64
		asked, capped int64
	}{
		{10, 20, 32, 10, 42},
		{20, 40, 12, 20, 32},
		{0, 52, 0, 52, 0},
	} {
		c.options.MaxPerHost = tt.cap
		r := c.run()
		if r.Known != tt.known || r.Past != tt.past || r.Tally.Dropped[HostCap] != tt.capped || r.Tally.In != 52 || r.Tally.Check() != nil {
			t.Errorf("cap %d: %d known, %d past; %+v; want %+v", tt.cap, r.Known, r.Past, r.Tally, tt)
		}
		if got := int64(len(strings.Fields(w.take()))); tt.cap == 10 && got != tt.asked {
			t.Errorf("cap %d: asked for %d pages, want %d", tt.cap, got, tt.asked)
		}
		c.now = c.now.Add(day)
	}
}
