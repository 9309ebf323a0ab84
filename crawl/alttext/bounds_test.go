package alttext

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Pages made to cost much. Each is read twice, once half as long: the work may
// grow no faster than the page, counted in bytes allocated. The time is the process's own.
func TestPagesMadeToCostMuch(t *testing.T) {
	many := func(n int, each string) string { return strings.Repeat(each, n) }
	numbered := func(n int, each string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, each, i)
		}
		return b.String()
	}
	long := strings.Repeat("long/", 800)
	for _, tt := range []struct {
		name string
		page func(n int) string
		n    int
		mib  uint64 // allocated at most
	}{
		{"sources and images of one picture", func(n int) string {
			return "<picture>" + many(n, `<source srcset="data:,">`) + many(n, "<img src=a alt=b>")
		}, 8_000, 4},
		{"sources that grow", func(n int) string {
			return "<picture>" + numbered(n, `<source srcset="/%[1]d 1%05[1]dw">`) + many(n, "<img src=a alt=b>")
		}, 8_000, 8},
		{"images that share a caption", func(n int) string {
			return "<figure>" + numbered(n, "<img src=%d>") + "<figcaption>" + many(800, "word ") + "</figcaption></figure>"
		}, 100_000, 64},
		{"links against a long base", func(n int) string {
			return "<base href=/" + long + ">" + numbered(n, "<a href=%d>x</a>")
		}, 100_000, 200},
		{"images against a long base", func(n int) string {
			return "<base href=/" + long + ">" + numbered(n, "<img src=%d alt=x>")
		}, 100_000, 200},
		{"entries of a srcset", func(n int) string {
			return `<img alt=x srcset="` + numbered(n, "%[1]d %[1]dw,") + `">`
		}, 300_000, 16},
		{"odd entries of many srcsets", func(n int) string {
			return many(n, `<img alt=x srcset="\a 1w,\b 2w,\c 3w,\d 4w">`)
		}, 30_000, 200},
		{"attributes of one tag", func(n int) string {
			return "<img alt=x " + numbered(n, "data-%[1]d=/%[1]d.jpg ") + ">"
		}, 100_000, 16},
		{"open figures", func(n int) string { return many(n, "<figure><img src=a><figcaption>x") }, 50_000, 64},
		{"open languages", func(n int) string { return many(n, "<p lang=de><b lang=en>") + "<img src=a alt=b>" }, 50_000, 4},
		{"end tags of nothing", func(n int) string {
			return many(300, "<b lang=de><i lang=en>") + many(n, "</u></div>") + "<img src=a alt=b>"
		}, 100_000, 4},
		{"dashes in a comment", func(n int) string { return "<!--" + many(n, "-<!--") }, 500_000, 4},
		{"comments", func(n int) string { return many(n, "<!--->") }, 500_000, 4},
		{"scripts that never end", func(n int) string { return many(n, "<script><!--<script></script>") }, 100_000, 4},
		{"open quotes", func(n int) string { return many(n, `<p a="'>`) }, 300_000, 4},
		{"references that are none", func(n int) string { return `<img src=a alt="` + many(n, "&a") + `">` }, 300_000, 64},
		{"odd bytes in an address", func(n int) string { return many(n, `<a href="`+strings.Repeat("é", 2000)+`">`) }, 400, 16},
		{"pictures of JSON-LD against a long base", func(n int) string {
			return "<base href=/" + long + "><script type=application/ld+json>[" + numbered(n, `{"@type":"ImageObject","url":"%[1]d","license":"l%[1]d","name":"n"},`) + "0]</script>"
		}, 60_000, 300},
		{"nested JSON-LD", func(n int) string {
			return "<script type=application/ld+json>" + many(n, `{"@type":"ImageObject","image":[`) + many(n, "]}") + "</script>"
		}, 4_000, 32},
		{"placeholders with the same alt", func(n int) string { return numbered(n, "<img src=/%d/blank.gif alt=x>") + "<img src=a alt=x>" }, 20_000, 64},
		{"feeds", func(n int) string { return numbered(n, "<link rel=alternate type=application/rss+xml href=%d>") }, 50_000, 8},
		{"opt-outs", func(n int) string {
			return numbered(n, `<meta name=robots content="noai, unavailable_after: %d Jan 2020">`) + numbered(n, "<img src=%d alt=b>")
		}, 20_000, 64},
		{"a base after all", func(n int) string {
			return numbered(n, "<a href=%d>x</a>") + "<base href=/b/>" + many(n, "<base href=/c/>")
		}, 50_000, 32},
	} {
		t.Run(tt.name, func(t *testing.T) {
			half, _ := spent(t, tt.page(tt.n/2))
			whole, took := spent(t, tt.page(tt.n))
			if whole > tt.mib<<20 || whole > 3*half+(1<<20) {
				t.Errorf("%d bytes allocated, half the page %d; at most %d MiB, and in proportion", whole, half, tt.mib)
			}
			if took > 2*time.Second && !testing.Short() {
				t.Errorf("read in %v", took)

			}
		})
	}
}

// spent reads a page and tells what it cost.
func spent(t *testing.T, page string) (bytes uint64, took time.Duration) {
	t.Helper()
	body, base := []byte(page), address(t, "http://x.org/d/p.html")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := used(t)
	if _, err := Extract(body, "text/html; charset=utf-8", base); err != nil {
		t.Fatal(err)
	}
	took = used(t) - start
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, took
}

// used is the time that the process had on the cores.
func used(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// What is beyond the bounds is left out, and what is within them is not.
func TestBounds(t *testing.T) {
	var b strings.Builder
	for i := range maxLinks + 10 {
		fmt.Fprintf(&b, "<a href=/%d><img src=%d alt=x title=y>", i, i)
	}
	p, err := Extract([]byte(b.String()), "", address(t, "http://x.org/"))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Links) != maxLinks || len(p.Candidates) != maxCandidates {
		t.Errorf("%d links and %d candidates", len(p.Links), len(p.Candidates))
	}
}

// What is beyond the bounds is counted.
func TestCut(t *testing.T) {
	numbered := func(n int, each string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, each, i)
		}
		return b.String()
	}
	for _, tt := range []struct {
		name, page string
		want       Cut
	}{
		{"all there may be", numbered(maxLinks, "<a href=/%[1]d><img src=%[1]d alt=x>") + `<img src=last>`, Cut{}},
		{"links", numbered(maxLinks+7, "<a href=/%[1]d>") + "<area href=/a><iframe src=/b></iframe><a href=/c rel=nofollow>", Cut{Links: 9}},
		{"links of a page that asks for none", "<meta name=robots content=nofollow>" + numbered(maxLinks+7, "<a href=/%[1]d>"), Cut{}},
		{"pictures", numbered(maxCandidates+7, "<img src=%[1]d alt=x>") + "<img src=none>", Cut{Candidates: 7}},
		{"texts of a picture", numbered(maxCandidates-1, "<img src=%[1]d alt=x>") + "<img src=a alt=x title=y aria-label=z>", Cut{Candidates: 2}},
		{"captions", "<figure>" + numbered(maxCandidates+7, "<img src=%[1]d>") + "<figcaption>x</figcaption></figure>", Cut{Candidates: 7}},
		{"alts and captions together", "<figure>" + numbered(maxCandidates, "<img src=%[1]d alt=x>") + "<figcaption>y</figcaption></figure>", Cut{Candidates: maxCandidates}},
		{"JSON-LD", "<script type=application/ld+json>[" + numbered(maxCandidates+7, `{"@type":"ImageObject","url":"%[1]d","name":"n"},`) + "0]</script>", Cut{Candidates: 7}},
		{"feeds", numbered(maxFeeds+7, "<link rel=alternate type=application/rss+xml href=/%d>"), Cut{Links: 7}},
		{"a srcset", `<img alt=x srcset="` + numbered(maxSources+7, "%[1]d 1w,") + `">`, Cut{Sources: 7}},
		{"a srcset for lazy loading", `<img alt=x src=blank.gif data-srcset="` + numbered(maxSources+7, "%[1]d.jpg, ") + `">`, Cut{Sources: 7}},
		{"a srcset of another name", `<img alt=x src=blank.gif data-my-srcset="` + numbered(maxSources+7, "%[1]d.jpg, ") + `">`, Cut{Sources: 7}},
		{"sources", `<picture><source srcset="` + numbered(maxSources+7, "%[1]d 1w,") + `"><img alt=x>`, Cut{Sources: 7}},
		{"read twice, counted once", numbered(maxLinks+7, "<a href=/%[1]d>") + "<base href=/b/>", Cut{Links: 7}},
	} {
		p, err := Extract([]byte(tt.page), "", address(t, "http://x.org/"))
		if err != nil {
			t.Fatal(err)
		}
		if p.Cut != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, p.Cut, tt.want)
		}
	}
	if got, want := (Cut{Candidates: 3, Sources: 2}).String(), "3 candidates more than a page may have, 2 entries of srcsets more than a page may have"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// An extractor that has room reads a page with an allocation for a few kilobytes
// of strings each, and one for the candidates.
func TestAllocations(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, `<p class="a b">some text<a href="page%d.html?a=1&amp;b=2" title=x>to page</a><img src="../img/%d.png" alt="number %[1]d">`, i, i)
	}
	body, base := []byte(b.String()), address(t, "http://x.org/d/p.html")
	var x Extractor
	got := testing.AllocsPerRun(20, func() {
		if _, err := x.Extract(body, "text/html; charset=utf-8", base); err != nil {
			t.Fatal(err)
		}
	})
	if got > 40 {
		t.Errorf("%v allocations for 100 links and 100 images", got)
	}
}

// The same page gives the same from an extractor that has read others.
func TestExtractorIsReused(t *testing.T) {
	base := address(t, "http://x.org/d/p.html")
	pages := []string{
		`<html lang=de><base href=/e/><meta name=robots content=none><figure><img src=a alt=b><figcaption>c`,
		`<figure><picture><source srcset="b 9w"><p lang=fr><a href=c>text <img src=a alt=b>`,
		`<svg><template><script>`,
		"<meta charset=windows-1251><a href='?\xeb'><img src=a alt='\xeb\xe8'>",
		`<img src=a alt=b title=c><a href=d>e</a><link rel=license href=l><script type=application/ld+json>{"@type":"ImageObject","url":"a","name":"n","license":"/m"}</script>`,
		strings.Repeat("<a href=x>y<img src=a alt=z>", 3) + numberedLinks(2000),
	}
	var x Extractor
	for round := range 3 {
		for i, page := range pages {
			want, err := Extract([]byte(page), "", base)
			if err != nil {
				t.Fatal(err)
			}
			got, err := x.Extract([]byte(page), "", base)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
				t.Errorf("round %d, page %d: got\n%+v\nwant\n%+v", round, i, got, want)
			}
		}
	}
}

func numberedLinks(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "<a href=/%d>%d</a>", i, i)
	}
	return b.String()
}
