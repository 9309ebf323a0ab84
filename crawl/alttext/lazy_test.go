package alttext

import (
	"fmt"
	"strings"
	"testing"
)

// page reads one that came from http://x.org/d/p.html.
func page(t *testing.T, markup string) Page {
	t.Helper()
	p, err := Extract([]byte(markup), "text/html; charset=utf-8", address(t, "http://x.org/d/p.html"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLazyPictures(t *testing.T) {
	for _, tt := range []struct{ name, img, want string }{
		{"any attribute", `src=blank.gif data-zeen-src=real.jpg`, "/d/real.jpg"},
		{"no src", `data-foo-bar=real.jpg`, "/d/real.jpg"},
		{"empty src", `src="" data-foo=real.jpg`, "/d/real.jpg"},
		{"src of another scheme", `src="about:blank" data-foo=real.webp`, "/d/real.webp"},
		{"data: src", `src="data:image/gif;base64,R0" data-foo="/a/real.JPEG?w=1#x"`, "/a/real.JPEG?w=1"},
		{"svg placeholder", `src=/i/placeholder.svg data-foo=real.jpg`, "/d/real.jpg"},
		{"placeholder in a name", `src=/i/lazy-blank_16x9.png data-foo=real.jpg`, "/d/real.jpg"},
		{"letter of a name", `src=/i/s.gif data-foo=real.jpg`, "/d/real.jpg"},
		{"srcset", `src=spacer.png data-zeen-srcset="m.jpg 500w, l.jpg 900w"`, "/d/l.jpg"},
		{"srcset before src", `src=spacer.png data-zeen-src=s.jpg data-zeen-srcset="m.jpg 500w, l.jpg 900w"`, "/d/l.jpg"},
		{"srcset that is a placeholder", `srcset="blank.gif 1w" data-zeen-src=real.jpg`, "/d/real.jpg"},
		{"no ending, but a name", `src=blank.gif data-foo-src=/media/1234`, "/media/1234"},
		{"a script as src", `src=blank.gif data-img-foo=/thumb.php?id=7`, "/thumb.php?id=7"},
		{"the picture before its page", `src=blank.gif data-permalink=/photo/7/ data-image-title="a/b" data-orig-file=/7.jpg`, "/7.jpg"},
		{"the large one", `src=blank.gif data-src-small=/s.jpg data-src-medium=/m.jpg data-src-large=/l.jpg data-hover=/h.jpg`, "/l.jpg"},
		{"the only one", `src=blank.gif data-medium=/m.jpg`, "/m.jpg"},
		{"a known one wins over a small picture", `src=small.jpg data-src=large.jpg`, "/d/large.jpg"},

		{"a real src stays", `src=fox.jpg data-hover=/other.jpg data-zoom-image=/big.jpg`, "/d/fox.jpg"},
		{"a real srcset stays", `src=blank.gif srcset="fox.jpg 800w" data-hover=/other.jpg`, "/d/fox.jpg"},
		{"words in a real name", `src=grey-heron-pixel.jpg data-hover=/other.jpg`, "/d/grey-heron-pixel.jpg"},
		{"empty attribute", `src=fox.jpg data-src="" data-original=" "`, "/d/fox.jpg"},
		{"no address in it", `src=blank.gif data-id=7 data-image-id=1/2/3x data-width=1.5 data-x="{'a':'/b.jpg'}" data-page=/p.html data-src-page=/q.html`, "/d/blank.gif"},
		{"only a placeholder again", `src=blank.gif data-foo=/i/spacer.gif`, "/d/blank.gif"},
		{"tracking pixel", `src=/i.gif width=1 height=1`, ""},
		{"tracking pixel with data", `src=/i.gif width=1 height=1 data-foo=real.jpg`, "/d/real.jpg"},
		{"capitals", `SRC=blank.gif DATA-Zeen-SRC=Real.JPG`, "/d/Real.JPG"},
		{"the first of a name", `src=a.jpg src=b.jpg`, "/d/a.jpg"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := ""
			if tt.want != "" {
				want = "alt " + tt.want + " | Red fox\n"
			}
			if got := lines(page(t, `<img `+tt.img+` alt="Red fox">`)); got != want {
				t.Errorf("got %swant %s", got, want)
			}
		})
	}
}

// The names that were seen on saved pages.
func TestLazyNames(t *testing.T) {
	for name := range strings.FieldsSeq(`data-src data-original data-lazy-src data-lazy data-lazyload data-full-src data-img-src
		data-hi-res-src data-gt-lazy-src data-lsrc data-td-src-property data-delayed-url data-source-standard data-dejavu-src
		data-m-lazyloader-src data-swap data-pagespeed-lazy-src data-zeen-src data-src-medium data-src-large data-cfsrc
		data-img-url data-flickity-lazyload`) {
		for _, placeholder := range []string{"blank.gif", "data:image/gif;base64,R0", "", "/wp/1x1.trans.gif", "/img/pixel.png", "lazy_placeholder.gif"} {
			got := lines(page(t, fmt.Sprintf(`<img src="%s" %s="/up/real.jpg" alt="Red fox">`, placeholder, name)))
			if got != "alt /up/real.jpg | Red fox\n" {
				t.Errorf("%s over %q: got %q", name, placeholder, got)
			}
		}
	}
}

func TestPlaceholders(t *testing.T) {
	alts := func(src string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "<img src=%s alt='number %d'>", src, i)
		}
		return b.String()
	}
	for _, tt := range []struct {
		name, page    string
		kept, dropped int
	}{
		{"an address with three alts", alts("a.jpg", 3) + "<img src=b.jpg alt=x>", 4, 0},
		{"an address with four", alts("a.jpg", 4) + "<img src=b.jpg alt=x>", 1, 4},
		{"its other texts too", alts("a.jpg", 4) + "<img src=a.jpg title=t><img src=b.jpg alt=x>", 1, 5},
		{"the same alt again and again", strings.Repeat("<img src=a.jpg alt=x>", 9) + "<img src=b.jpg alt=x>", 2, 0},
		{"empty alts", alts("a.jpg", 3) + "<img src=a.jpg alt=''><img src=b.jpg alt=x>", 4, 0},
		{"titles", "<img src=a title=a><img src=a title=b><img src=a title=c><img src=a title=d><img src=b alt=x>", 5, 0},
		{"all that the page has", alts("a.jpg", 6), 6, 0},
		{"all that the page has, by a placeholder's name", alts("blank.gif", 6), 0, 6},
		{"two of them", alts("a.jpg", 4) + alts("b.jpg", 4), 0, 8},
		{"what noscript shows", "<img src=blank.gif alt=x><noscript><img src=a.jpg alt=x></noscript>", 1, 1},
		{"another alt", "<img src=blank.gif alt=x><img src=a.jpg alt=y>", 2, 0},
	} {
		p := page(t, tt.page)
		if len(p.Candidates) != tt.kept || p.Placeholders != tt.dropped {
			t.Errorf("%s: %d kept, %d dropped; want %d, %d", tt.name, len(p.Candidates), p.Placeholders, tt.kept, tt.dropped)
		}
	}
}

// The page shows that an address is a placeholder; what its data- attributes
// hold takes its place.
func TestPlaceholdersAreReplaced(t *testing.T) {
	var b, want strings.Builder
	for i := range manyAlts {
		fmt.Fprintf(&b, "<img src=/frame.jpg data-foo=/%d.jpg alt='number %[1]d'>", i)
		fmt.Fprintf(&want, "alt /%d.jpg | number %[1]d\n", i)
	}
	b.WriteString("<img src=/a.jpg data-foo=/b.jpg alt=x>")
	want.WriteString("alt /a.jpg | x\n")
	if p := page(t, b.String()); lines(p) != want.String() || p.Placeholders != 0 {
		t.Errorf("%d dropped; got\n%swant\n%s", p.Placeholders, lines(p), want.String())
	}
}
