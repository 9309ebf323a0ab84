package sitemap

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/unicode"
)

const head = `<?xml version="1.0" encoding="UTF-8"?>`

// read says what Read gives: kind, entries, and why it ended early.
func read(document string, l Limits) string {
	var b strings.Builder
	kind, err := Read(strings.NewReader(document), l, func(e Entry) {
		b.WriteString(" " + strings.Join(append(e.Bases, e.URL), ">"))
		if !e.Modified.IsZero() {
			b.WriteString(e.Modified.UTC().Format("@2006-01-02T15:04"))
		}
		if e.Every > 0 {
			fmt.Fprintf(&b, "/%v", e.Every)
		}
	})
	if errors.Is(err, ErrNoList) {
		return "no list" + b.String()
	}
	text := string(kind) + ":" + b.String()
	if err != nil {
		text += " (" + err.Error() + ")"
	}
	return text
}

func zip(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	return b.String()
}

func TestRead(t *testing.T) {
	wide, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().String(`<?xml version="1.0" encoding="UTF-16"?><urlset><url><loc>http://x/ü</loc></url></urlset>`)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, document, want string }{
		{"a sitemap", head + `<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc> http://x/a?b=1&amp;c=2 </loc><lastmod>2024-05-06</lastmod><changefreq>Weekly</changefreq><priority>0.5</priority></url>
			<url><loc>http://x/b</loc><lastmod>2024-05-06T07:08:09+02:00</lastmod></url></urlset>`, "sitemap: http://x/a?b=1&c=2@2024-05-06T00:00/168h0m0s http://x/b@2024-05-06T05:08"},
		{"pictures of a sitemap are no pages", `<urlset xmlns:image="i"><url><loc>http://x/a</loc><image:image><image:loc>http://x/a.jpg</image:loc></image:image></url></urlset>`, "sitemap: http://x/a"},
		{"an index", `<sitemapindex><sitemap><loc>http://x/1.xml.gz</loc><lastmod>2024-05</lastmod></sitemap><sitemap><loc>http://x/2.xml</loc></sitemap></sitemapindex>`, "sitemap index: http://x/1.xml.gz@2024-05-01T00:00 http://x/2.xml"},
		{"a prefix", `<sm:urlset xmlns:sm="s"><sm:url><sm:loc>http://x/a</sm:loc></sm:url></sm:urlset>`, "sitemap: http://x/a"},
		{"compressed", zip(`<urlset><url><loc>http://x/a</loc></url></urlset>`), "sitemap: http://x/a"},
		{"lines", "http://x/a\n\n https://x/b \r\n", "sitemap: http://x/a https://x/b"},
		{"lines, and a mark of their encoding", "\xef\xbb\xbfhttp://x/a\n", "sitemap: http://x/a"},
		{"lines that end as lines of addresses", "http://x/a\nover\n", "sitemap: http://x/a (line 2 is no address)"},
		{"RSS", head + `<rss version="2.0"><channel><link>http://x/</link><item><title>T</title><link>http://x/a</link><guid>http://x/?p=1</guid><pubDate>Mon, 06 May 2024 07:08:09 +0000</pubDate></item>
			<item><guid isPermaLink="false">http://x/no</guid></item><item><guid>http://x/b</guid></item></channel></rss>`, "RSS feed: http://x/a@2024-05-06T07:08 http://x/b"},
		{"RSS with an atom:link", `<rss><channel><atom:link rel="self" href="http://x/feed"/><item><atom:link href="http://x/no"/><link>http://x/a</link></item></channel></rss>`, "RSS feed: http://x/a"},
		{"RSS 1.0", `<rdf:RDF xmlns:rdf="r"><channel rdf:about="http://x/"><link>http://x/</link></channel><item rdf:about="http://x/a"><link>http://x/a</link><dc:date>2024-05-06T07:08Z</dc:date></item></rdf:RDF>`, "RSS feed: http://x/a@2024-05-06T07:08"},
		{"Atom", `<feed xmlns="http://www.w3.org/2005/Atom"><link href="http://x/"/><entry><link rel="edit" href="http://x/no"/><link rel="alternate" href="/a"/><link href="/b"/><updated>2024-05-06T07:08:09Z</updated><content type="html">&lt;a href="/c"></content></entry></feed>`, "Atom feed: /a@2024-05-06T07:08"},
		{"bases, each of the elements within its own", `<feed xml:base="http://x/s/"><entry xml:base="a/"><link xml:base="b/" href="1"/></entry><entry><link href="2"/></entry></feed>`,
			"Atom feed: http://x/s/>a/>b/>1 http://x/s/>2"},
		{"the base of an RSS item", `<rss><channel xml:base="http://x/s/"><item xml:base="a/"><link>1</link></item><item base="no/"><link>2</link></item></channel></rss>`, "RSS feed: http://x/s/>a/>1 http://x/s/>2"},
		{"the base of an element left open", `<feed><entry xml:base="a/"><link href="1"/><author xml:base="no/"></entry><entry><link href="2"/></entry></feed>`, "Atom feed: a/>1 2"},
		{"CDATA", `<rss><channel><item><link><![CDATA[http://x/a?b&c]]></link></item></channel></rss>`, "RSS feed: http://x/a?b&c"},
		{"another encoding", "<?xml version='1.0' encoding='windows-1252'?><urlset><url><loc>http://x/\xfc</loc></url></urlset>", "sitemap: http://x/ü"},
		{"UTF-16", wide, "sitemap: http://x/ü"},
		{"an entity of HTML", `<urlset><url><loc>http://x/&uuml;</loc></url></urlset>`, "sitemap: http://x/ü"},
		{"an element left open", `<urlset><url><loc>http://x/a</url><url><loc>http://x/b</loc></url></urlset>`, "sitemap: http://x/b"},
		{"an end without a beginning", `<urlset></loc><url><loc>http://x/a</loc></url></urlset>`, "sitemap: http://x/a"},
		{"cut off", `<urlset><url><loc>http://x/a</loc></url><url><loc>http://x/b`, "sitemap: http://x/a (unexpected EOF)"},
		{"compressed and cut off", zip("http://x/a\nhttp://x/b\n")[:30], "sitemap: http://x/a http://x/b (unexpected EOF)"},
		{"compressed and damaged", "\x1f\x8bxxxxxxxxxxxx", "no list"},
		{"no entries", `<urlset/>`, "sitemap:"},
		{"an entry without an address", `<urlset><url><lastmod>2024</lastmod></url></urlset>`, "sitemap:"},
		{"an address that is too long", `<urlset><url><loc>http://x/` + strings.Repeat("a", maxURL) + `</loc></url></urlset>`, "sitemap:"},
		{"a web page", `<!doctype html><html><head><title>Not found</title></head></html>`, "no list"},
		{"another document", `<svg><url><loc>http://x/a</loc></url></svg>`, "no list"},
		{"text", "Not found\n", "no list"},
		{"nothing", " \n", "no list"},
		{"entities that a document declares", `<!DOCTYPE urlset [<!ENTITY a "http://x/a"><!ENTITY b "&a;&a;&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>`, "sitemap: &b;"},
		{"another document's content", `<!DOCTYPE urlset [<!ENTITY a SYSTEM "file:///etc/passwd">]><urlset><url><loc>&a;</loc></url></urlset>`, "sitemap: &a;"},
		{"deep", "<urlset>" + strings.Repeat("<a>", 1000), "sitemap: (nested deeper than 64 elements)"},
	} {
		if got := read(tt.document, Protocol); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// What is over the limits is left, what is before them counts.
func TestLimits(t *testing.T) {
	list := "<urlset>" + strings.Repeat("<url><loc>http://x/a</loc></url>", 10) + "</urlset>"
	for _, tt := range []struct {
		name, document string
		limits         Limits
		entries        int
		err            error
	}{
		{"within both", list, Limits{int64(len(list)) + 1, 10}, 10, nil},
		{"entries", list, Limits{1 << 20, 3}, 3, errEntries},
		{"entries of lines", strings.Repeat("http://x/a\n", 10), Limits{1 << 20, 3}, 3, errEntries},
		{"bytes", list, Limits{100, 100}, 2, errBytes},
		{"bytes once decompressed", zip(list), Limits{100, 100}, 2, errBytes},
		{"a text without end", "<urlset><url><loc>" + strings.Repeat("x", 2*maxToken), Protocol, 0, errToken},
		{"a tag without end", "<urlset " + strings.Repeat("x", 2*maxToken), Protocol, 0, errToken},
		{"white space without end", strings.Repeat(" ", 2*maxToken) + list, Protocol, 0, nil},
	} {
		n := 0
		_, err := Read(strings.NewReader(tt.document), tt.limits, func(Entry) { n++ })
		if n != tt.entries || tt.err != nil && !errors.Is(err, tt.err) || tt.err == nil && err != nil && !errors.Is(err, ErrNoList) {
			t.Errorf("%s: %d entries, %v; want %d, %v", tt.name, n, err, tt.entries, tt.err)
		}
	}
}

// A bomb of 50 MB that comes as 50 kB is read in little memory.
func TestBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("50 MB")
	}
	bomb := zip("<urlset>" + strings.Repeat("<url><loc>http://x/a</loc></url>", 50<<20/32))
	n := 0
	if kind, err := Read(strings.NewReader(bomb), Protocol, func(Entry) { n++ }); n != Protocol.Entries || !errors.Is(err, errEntries) || kind != URLs {
		t.Errorf("%s, %d entries, %v", kind, n, err)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"http://x/a\nhttp://x/b", `<urlset><url><loc>http://x/</loc><lastmod>2024-05-06</lastmod></url></urlset>`,
		`<sitemapindex><sitemap><loc>x</loc></sitemap></sitemapindex>`, `<rss><channel><item><link>x</link><guid isPermaLink="false">y</guid></item></channel></rss>`,
		`<feed><entry><link href="x"/><updated>2024-05-06T07:08:09Z</updated></entry></feed>`, "\xff\xfe<\x00r\x00s\x00s\x00>\x00", zip("http://x/a")} {
		f.Add([]byte(s))
	}
	limits := Limits{Bytes: 1 << 16, Entries: 100}
	f.Fuzz(func(t *testing.T, document []byte) {
		n := 0
		kind, err := Read(bytes.NewReader(document), limits, func(e Entry) {
			n++
			if e.URL == "" || e.URL != strings.TrimSpace(e.URL) || len(e.URL) > maxURL || e.Every < 0 || e.Modified.After(time.Unix(1<<40, 0)) {
				t.Errorf("entry %+v", e)
			}
		})
		if n > limits.Entries {
			t.Errorf("%d entries", n)
		}
		if errors.Is(err, ErrNoList) != (kind == "") {
			t.Errorf("kind %q, %v", kind, err)
		}
	})
}
