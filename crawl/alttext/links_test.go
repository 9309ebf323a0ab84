package alttext

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLinkTexts(t *testing.T) {
	for _, tt := range []struct{ name, page, want string }{
		{"text", "<a href=a> Red\n <b>f</b>ox </a>", "a=Red fox"},
		{"blocks part words", "<a href=a><div>Red</div>fox<br>runs</a>", "a=Red fox runs"},
		{"references once", "<a href=a>Tom &amp;amp; Co</a>", "a=Tom &amp; Co"},
		{"alt when there is no text", "<a href=a><img src=i alt='Red &amp; fox'> </a>", "a=Red & fox"},
		{"text before alt", "<a href=a><img src=i alt=icon>Red fox</a>", "a=Red fox"},
		{"the first that has one", "<a href=a></a><a href=b>B</a><a href=a>A</a><a href=a>other</a>", "a=A b=B"},
		{"area", "<map><area href=a alt='Red fox'><area href=a alt=other></map>", "a=Red fox"},
		{"not closed", "<a href=a>A<a href=b>B<p>more", "a=A b=B more"},
		{"what is not seen", "<a href=a><script>x</script><style>y</style><!-- z --><template>t</template>A</a>", "a=A"},
		{"no link", "<a name=x>text</a><a href=a>A</a>", "a=A"},
		{"not to be followed", "<a href=b rel=nofollow>B</a><a href=a>A</a>", "a=A"},
		{"frames have none", "<iframe src=a>text</iframe>", "a="},
		{"brackets that are text", "<a href=a>1 < 2</a>", "a=1 < 2"},
	} {
		var got []string
		for _, l := range page(t, tt.page).Links {
			got = append(got, strings.TrimPrefix(l.URL, "http://x.org/d/")+"="+l.Text)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, strings.Join(got, " "), tt.want)
		}
	}
}

func TestLinkTextIsShort(t *testing.T) {
	for _, word := range []string{"word ", "é", "狐", "&eacute;"} {
		p := page(t, "<a href=a>"+strings.Repeat(word, 1000)+"</a>")
		got := p.Links[0].Text
		if len(got) > maxLinkText || len(got) < maxLinkText-4 || !utf8.ValidString(got) {
			t.Errorf("%s: %d bytes, %q", word, len(got), got)
		}
	}
}

func TestFeeds(t *testing.T) {
	for _, tt := range []struct{ name, page, want string }{
		{"rss and atom", `<link rel=alternate type=application/rss+xml href=/rss><link rel="Alternate home" type="Application/Atom+XML; charset=x" href=atom>`, "[http://x.org/rss http://x.org/d/atom]"},
		{"by the base", `<base href=/e/><link rel=alternate type=application/rss+xml href=f>`, "[http://x.org/e/f]"},
		{"once", strings.Repeat(`<link rel=alternate type=application/rss+xml href=/rss>`, 3), "[http://x.org/rss]"},
		{"other alternates", `<link rel=alternate hreflang=de href=/de><link rel=alternate type=application/json href=/j><link rel=stylesheet type=application/rss+xml href=/s><a rel=alternate type=application/rss+xml href=/a>`, "[]"},
		{"not to be followed", `<link rel=alternate type=application/rss+xml href=/rss><meta name=robots content=nofollow>`, "[]"},
		{"in a template", `<template><link rel=alternate type=application/rss+xml href=/rss></template>`, "[]"},
	} {
		if got := fmt.Sprint(page(t, tt.page).Feeds); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestNoLinks(t *testing.T) {
	x := Extractor{NoLinks: true, Agent: "otherbot"}
	p, err := x.Extract([]byte(`<link rel=canonical href=/c><link rel=alternate type=application/rss+xml href=/r><meta http-equiv=refresh content=0;b>
		<meta name=pairloom content=noindex><meta name=OtherBot content=noai><a href=a rel=license>t</a><iframe src=f></iframe><img src=i alt=x>`), "", address(t, "http://x.org/"))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Links)+len(p.Feeds) > 0 || p.Canonical != "http://x.org/c" || p.Wishes.Words() != "noai" || p.Candidates[0].License != "http://x.org/a" {
		t.Errorf("%+v", p)
	}
}
