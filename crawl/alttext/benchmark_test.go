package alttext

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding/htmlindex"
)

// BenchmarkExtract reads a page of 100 KB with 250 links and 250 pictures:
//
//	go test -run none -bench Extract -count 6 ./crawl/alttext
func BenchmarkExtract(b *testing.B) {
	var page strings.Builder
	page.WriteString(`<html lang=en><head><meta charset=utf-8><title>Birds</title><link rel=canonical href=/birds></head><body>`)
	for i := 0; page.Len() < 100_000; i++ {
		fmt.Fprintf(&page, `<div class="row gallery-row" id="row-%d"><h2 class="title">Bird number %[1]d</h2>
<p class="text">It stands in <em>shallow</em> water, and waits &amp; waits. See <a class="more" href="../birds/%[1]d.html?from=list&amp;n=%[1]d">its page</a>.</p>
<picture><source type="image/webp" srcset="/img/%[1]d-800.webp 800w, /img/%[1]d-1600.webp 1600w"><img class="lazy" src="/img/%[1]d.jpg" width="800" height="600" alt="Heron number %[1]d in shallow water"></picture></div>
`, i)
	}
	body, base := []byte(page.String()), address(b, "http://x.org/d/p.html")
	for _, noLinks := range []bool{false, true} {
		b.Run(fmt.Sprintf("links=%v", !noLinks), func(b *testing.B) {
			x := Extractor{NoLinks: noLinks}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.Extract(body, "text/html", base); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkUndeclared reads 100 KB of text that states no character set.
func BenchmarkUndeclared(b *testing.B) {
	for _, tt := range []struct{ charset, text string }{
		{"utf-8", "Рыжая лисица стоит на снегу. "},
		{"windows-1251", "Рыжая лисица стоит на снегу. "},
		{"shift_jis", "雪の上に立つ赤いきつね。"},
	} {
		b.Run("charset="+tt.charset, func(b *testing.B) {
			enc, err := htmlindex.Get(tt.charset)
			if err != nil {
				b.Fatal(err)
			}
			page := strings.Repeat("<p>"+tt.text+"<img src=a.png alt='"+tt.text+"'></p>\n", 100_000/(2*len(tt.text)+30))
			text, err := enc.NewEncoder().String(page)
			if err != nil {
				b.Fatal(err)
			}
			body, base := []byte(text), address(b, "http://x.org/d/p.html")
			var x Extractor
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := x.Extract(body, "text/html", base); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
