package alttext

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

func address(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// lines shows candidates as "source image | text", with the site left out.
func lines(p Page) string {
	var b strings.Builder
	for _, c := range p.Candidates {
		fmt.Fprintf(&b, "%s %s | %s\n", c.TextSource, strings.TrimPrefix(c.ImageURL, "http://x.org"), c.Text)
	}
	return b.String()
}

func TestCandidates(t *testing.T) {
	for _, tt := range []struct{ name, page, want string }{
		{"alt", `<img src=a.png alt="A  red\tfox">`, "alt /d/a.png | A red\tfox\n"},
		{"all texts of one image", `<figure><img src=a.png alt=one title=two aria-label=three><figcaption>four <b>f</b>ive<br>six</figcaption></figure>`,
			"alt /d/a.png | one\ntitle /d/a.png | two\naria-label /d/a.png | three\nfigcaption /d/a.png | four five six\n"},
		{"decorative and missing alt", `<img src=a.png alt=""><img src=b.png>`, ""},
		{"largest of srcset", `<img src=s.png srcset="m.png 500w, l.png 900w, k.png 100w" alt=x>`, "alt /d/l.png | x\n"},
		{"density", `<img src=s.png srcset="m.png, l.png 2x" alt=x>`, "alt /d/l.png | x\n"},
		{"comma inside an address", `<img srcset="/w_100,h_50/a.png 100w,/w_200,h_90/a.png 200w" alt=x>`, "alt /w_200,h_90/a.png | x\n"},
		{"picture", `<picture><source type=image/avif srcset="a.avif 2000w"><source srcset="a.webp 900w"><img src=a.png alt=x></picture>`, "alt /d/a.webp | x\n"},
		{"placeholder", `<img src="data:image/gif;base64,R0" data-src=real.png alt=x>`, "alt /d/real.png | x\n"},
		{"placeholder of one pixel", `<img src=p.gif width=1 height=1 data-lazy-src=real.png alt=x>`, "alt /d/real.png | x\n"},
		{"lazy srcset", `<img src="data:," data-srcset="a.png 1x, b.png 2x" alt=x>`, "alt /d/b.png | x\n"},
		{"tracking pixel", `<img src=p.gif width=1 height=1px alt=x>`, ""},
		{"only data", `<img src="data:image/gif;base64,R0" alt=x>`, ""},
		{"no address", `<img src="" alt=x><img alt=y>`, ""},
		{"noscript", `<div><noscript><img src=a.png alt=x></noscript></div>`, "alt /d/a.png | x\n"},
		{"noscript repeats", `<img data-src=a.png alt=x><noscript><img src=a.png alt=x></noscript>`, "alt /d/a.png | x\n"},
		{"template", `<template><img src=a.png alt=x></template><img src=b.png alt=y>`, "alt /d/b.png | y\n"},
		{"first valid base", `<base href="data:,x"><base href=/e/><base href=/f/><img src=a.png alt=x>`, "alt /e/a.png | x\n"},
		{"entities once", `<img src="a.png?a=1&amp;b=2" alt="Tom &amp;amp; Co">`, "alt /d/a.png?a=1&b=2 | Tom &amp; Co\n"},
		{"composed", "<img src=a.png alt='Cafe\u0301\u200b'>", "alt /d/a.png | Caf\u00e9\n"},
		{"only invisible", "<img src=a.png alt='\u200b \u00a0'>", ""},
		{"open graph", `<meta property=og:image content=a.png><meta property=og:image:alt content=x><meta property=og:image content=b.png>`, "og:image:alt /d/a.png | x\n"},
		{"json-ld", `<script type="application/ld+json">{"@graph":[{"@type":"Article","image":{"@type":["Thing","ImageObject"],"contentUrl":"/a.png","url":"/page","caption":"x","name":"y"}}]}</script>`,
			"json-ld /a.png | x\njson-ld /a.png | y\n"},
		{"broken json-ld", `<script type="application/ld+json">{"@type":</script><img src=a.png alt=x>`, "alt /d/a.png | x\n"},
		{"other schemes", `<img src="ftp://x.org/a" alt=x><img src="//y.org/a" alt=x>`, "alt http://y.org/a | x\n"},
		{"odd percent and spaces", `<img src=" 100% a b.png " alt=x>`, "alt /d/100%25%20a%20b.png | x\n"},
		{"figure inside figure", `<figure><img src=a.png><figure><img src=b.png><figcaption>in</figcaption></figure><figcaption>out</figcaption></figure>`,
			"figcaption /d/a.png | out\nfigcaption /d/b.png | in\n"},
		{"too long a text", `<img src=a.png alt="` + strings.Repeat("word ", 1000) + `">`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Extract([]byte(strings.ReplaceAll(tt.page, `\t`, "&#9;")), "text/html; charset=utf-8", address(t, "http://x.org/d/p.html"))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := lines(p), strings.ReplaceAll(tt.want, "\t", " "); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestPageFacts(t *testing.T) {
	for _, tt := range []struct{ name, page, want string }{
		{"language", `<html lang=EN-us><img src=a alt=x><p lang=de><img src=b alt=y>`, "en-us [en-us de]"},
		{"licence of the page", `<a rel="license noopener" href=/cc><img src=a alt=x>`, "licences [http://x.org/cc]"},
		{"licence of one picture", `<link rel=license href=/cc><img src=/a alt=x><img src=/b alt=y><script type="application/ld+json">{"@type":"ImageObject","contentUrl":"/b","license":"https://l.org"}</script>`,
			"licences [http://x.org/cc https://l.org/]"},
		{"opt-outs", `<meta name=ROBOTS content="noai, NOIMAGEAI"><meta name=tdm-reservation content=1><meta name=otherbot content=noindex><img src=a alt=x>`, "optout noai,noimageai,tdm-reservation"},
		{"opt-out for us", `<meta name=pairloom content=none>`, "optout noindex nofollow"},
		{"links", `<a href="a#x"><a href="b" rel="nofollow ugc"><a href="mailto:a@b"><a href="a"><map><area href=c></map><link rel=canonical href=/canon>`,
			"links [http://x.org/canon http://x.org/d/a http://x.org/d/c]"},
		{"frames", `<frameset><frame src=a><frame src="b#x"><frame src=""><frame src="about:blank"></frameset>`, "links [http://x.org/d/a http://x.org/d/b]"},
		{"frames inside", `<iframe src=/a></iframe><iframe srcdoc="<p>"></iframe><template><iframe src=no></iframe></template>`, "links [http://x.org/a]"},
		{"refresh", `<meta http-equiv=Refresh content="0;url=b.html"><a href=c>`, "links [http://x.org/d/b.html http://x.org/d/c]"},
		{"refresh by base", `<base href=/e/><meta http-equiv=refresh content="5; URL='b.html'">`, "links [http://x.org/e/b.html]"},
		{"refresh without scripts", `<noscript><meta http-equiv=refresh content="0;url=plain"></noscript>`, "links [http://x.org/d/plain]"},
		{"refresh without follow", `<meta name=robots content=nofollow><meta http-equiv=refresh content="0;url=b"><iframe src=a></iframe>`, "links []"},
		{"page without follow", `<meta name=robots content=nofollow><a href=a>`, "optout  nofollow"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Extract([]byte(tt.page), "text/html", address(t, "http://x.org/d/p.html"))
			if err != nil {
				t.Fatal(err)
			}
			var langs, licences []string
			for _, c := range p.Candidates {
				langs, licences = append(langs, c.Language), append(licences, c.License)
			}
			var got string
			switch kind, _, _ := strings.Cut(tt.want, " "); kind {
			case "licences":
				got = fmt.Sprint("licences ", licences)
			case "optout":
				got = "optout " + p.Wishes.Words()
				if p.NoFollow {
					got += " nofollow"
				}
			case "links":
				var links []string
				for _, l := range p.Links {
					links = append(links, l.URL)
				}
				got = fmt.Sprint("links ", links)
			default:
				got = fmt.Sprint(p.Language, " ", langs)
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRefresh(t *testing.T) {
	for _, tt := range []struct{ content, want string }{
		{"0;url=b.html", "http://x.org/d/b.html"},
		{" 0 ; URL = /b ", "http://x.org/b"},
		{"0,b", "http://x.org/d/b"},
		{"1.5 b", "http://x.org/d/b"},
		{".5;b", "http://x.org/d/b"},
		{`0;url="b c"d`, "http://x.org/d/b%20c"},
		{"0;'b", "http://x.org/d/b"},
		{"0;url", "http://x.org/d/url"},
		{"0;urlist", "http://x.org/d/urlist"},
		{"300", ""},
		{"300;", ""},
		{"300;url=", ""},
		{"", ""},
		{"url=b", ""},
		{"0b", ""},
		{"0;url=javascript:alert(1)", ""},
	} {
		got, ok := Refresh(address(t, "http://x.org/d/p.html"), tt.content)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("Refresh(%q) = %q, %v; want %q", tt.content, got, ok, tt.want)
		}
	}
}

func TestDeepPage(t *testing.T) {
	page := `<html lang=en><base href=/e/><script>"<img src=no alt=no>"</script>` + strings.Repeat("<div><span>", 2000) +
		`<figure><picture><source srcset="big.png 9w"><img src=a.png alt="x &amp; y"></picture><figcaption>a<p>caption</figcaption></figure><template><img src=no alt=no></template><a href=next><meta http-equiv=refresh content="1;later"><frame src=beside><iframe src=within>no</iframe>` +
		strings.Repeat("<figure>", 1000) + `<img src=b.png alt=z>`
	p, err := Extract([]byte(page), "", address(t, "http://x.org/d/p.html"))
	if err != nil {
		t.Fatal(err)
	}
	want := "alt /e/big.png | x & y\nfigcaption /e/big.png | a caption\nalt /e/b.png | z\n"
	if got := lines(p); got != want || p.Language != "en" || len(p.Links) != 4 {
		t.Errorf("language %q, links %v; got\n%swant\n%s", p.Language, p.Links, got, want)
	}
}

func TestCharacterSets(t *testing.T) {
	const markup = `<meta charset=%s><img src=a.png alt="grüne Äpfel">`
	latin, err := charmap.Windows1252.NewEncoder().String(fmt.Sprintf(markup, "iso-8859-1"))
	if err != nil {
		t.Fatal(err)
	}
	wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(fmt.Sprintf(markup, "x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, body, header string }{
		{"meta", latin, "text/html"},
		{"header beats meta", fmt.Sprintf(markup, "iso-8859-1"), "text/html; charset=UTF-8"},
		{"byte order mark", wide, "text/html"},
		{"unstated UTF-8 past the first kilobyte", strings.Repeat(" ", 2000) + fmt.Sprintf(markup, "unheard-of"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Extract([]byte(tt.body), tt.header, address(t, "http://x.org/"))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := lines(p), "alt /a.png | grüne Äpfel\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestSrcset(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"a", "a 0w 1x; "},
		{" , a 1x,, b 2x ,", "a 0w 1x; b 0w 2x; "},
		{"a,b", "a,b 0w 1x; "},
		{"a, b", "a 0w 1x; b 0w 1x; "},
		{"a 100w 50h, b 50h", "a 100w 1x; "},
		{"a 1x 2x, b 1w 2x, c 0w, d -1x, e 1q, f 1.5x", "f 0w 1.5x; "},
		{"a calc(1, 2) , b 2x", "b 0w 2x; "},
		{"data:,x 1x, b 2x", "data:,x 0w 1x; b 0w 2x; "},
	} {
		var b strings.Builder
		for rest := []byte(tt.in); ; {
			s, after, ok := nextSource(rest)
			if !ok {
				break
			}
			rest = after
			fmt.Fprintf(&b, "%s %gw %gx; ", s.url, s.width, s.density)
		}
		if b.String() != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, b.String(), tt.want)
		}
	}
}

// TestGolden reads the pages of testdata and compares with the text beside
// each.
func TestGolden(t *testing.T) {
	pages, err := filepath.Glob("testdata/*.html")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages in testdata (%v)", err)
	}
	for _, name := range pages {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(strings.TrimSuffix(name, ".html") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		p, err := Extract(body, "text/html", address(t, "http://x.org/d/p.html"))
		if err != nil {
			t.Fatal(err)
		}
		if got := lines(p); got != string(want) {
			t.Errorf("%s: got\n%swant\n%s", name, got, want)
		}
	}
}
