package sitemap

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
)

// A document's kind is told by how it begins, and nothing of it is taken.
func TestSniff(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, `<?xml version="1.0"?><urlset><url><loc>http://a.org/`+strings.Repeat("x", 9000))
	z.Close()
	for _, tt := range []struct {
		name, document string
		want           Kind
	}{
		{"sitemap", `<?xml version="1.0"?><!-- made by hand --><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url>`, URLs},
		{"index", "\xef\xbb\xbf \n<sitemapindex>", Index},
		{"longer than is looked at", "<urlset>" + strings.Repeat("<url><loc>http://a.org/</loc></url>", 1000), URLs},
		{"gzip", packed.String(), URLs},
		{"lines", "https://a.org/\nhttps://a.org/b\n", URLs},
		{"one line, long", "https://a.org/" + strings.Repeat("b", 9000), URLs},
		{"RSS", `<?xml version="1.0"?><?xml-stylesheet href="a"?><rss version="2.0"><channel>`, RSS},
		{"RDF", "<rdf:RDF>", RSS},
		{"Atom", `<feed xmlns="http://www.w3.org/2005/Atom">`, Atom},
		{"page", "<!doctype html><html><rss>", ""},
		{"XHTML", `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">`, ""},
		{"text", "see http://a.org/", ""},
		{"picture", "\x89PNG\r\n\x1a\n", ""},
		{"gzip of something else", "\x1f\x8b\x08 broken", ""},
		{"nothing", "", ""},
	} {
		in := bufio.NewReader(strings.NewReader(tt.document))
		if got := Sniff(in); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if rest, err := io.ReadAll(in); err != nil || string(rest) != tt.document {
			t.Errorf("%s: %d bytes are left of %d, %v", tt.name, len(rest), len(tt.document), err)
		}
	}
}
