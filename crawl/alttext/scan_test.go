package alttext

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// tokens lists the tags of a page as the scanner finds them.
func tokens(page []byte) []string {
	var list []string
	s := scanner{text: page}
	for {
		_, what := s.next()
		switch what {
		case end:
			return list
		case declaration:
			s.skipDeclaration(false)
		case endTag:
			if s.tag.what.marks&raw == 0 { // others belong to their start tags
				list = append(list, "/"+show(s.tag.name))
			}
		case startTag:
			t := s.tag
			whole, selfClosing := s.readAttributes()
			if !whole {
				return list
			}
			line := show(t.name)
			for i, a := range s.attrs {
				if slices.ContainsFunc(s.attrs[:i], func(b attribute) bool { return string(a.name) == string(b.name) }) {
					continue // the first of a name counts
				}
				line += fmt.Sprintf(" %q=%q", a.name, newlines(string(appendValue(nil, a.value))))
			}
			if selfClosing {
				line += " /"
			}
			list = append(list, line)
			if t.what.marks&raw != 0 {
				s.rawText(t.what)
			}
		}
	}
}

func show(name []byte) string { return fmt.Sprintf("%q", bytes.Map(asciiLower, name)) }

func asciiLower(c rune) rune {
	if c < 0x80 {
		return rune(lower(byte(c)))
	}
	return c
}

func newlines(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// reference lists them as the tokenizer of golang.org/x/net/html does.
func reference(page []byte) []string {
	var list []string
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return list
		case html.EndTagToken:
			name, _ := z.TagName()
			if s := (scanner{text: name}); true {
				if s.readName(); s.tag.what.marks&raw != 0 {
					continue
				}
			}
			list = append(list, "/"+show(name))
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			if string(name) == "noscript" {
				z.NextIsNotRawText()
			}
			line := show(name)
			for more {
				var key, value []byte
				key, value, more = z.TagAttr()
				line += fmt.Sprintf(" %q=%q", key, newlines(string(value)))
			}
			if kind == html.SelfClosingTagToken {
				line += " /"
			}
			list = append(list, line)
		}
	}
}

func TestTags(t *testing.T) {
	for _, page := range []string{
		`<p>a<b class=x>c</b></p>`,
		`<IMG SRC="a>b" Alt='it"s' data-x=1/2 hidden><br/><br / ><a b=c/>`,
		`<a href="?a=1&copy=2&amp;b=&copy;&notit;&not it&#65;&#x42">`,
		`<a =x ==y "q" 'r'<s /t/u=v>`,
		`<!-- <img> --><!--><p><!---><p><!-- --!><p><!-- -- > --><p>`,
		`<!doctype html><?php <img> ?><!foo><//p><p></ p></p x=">">`,
		`<script>"<img>"</script><script><!--<script></script>--></script><p>`,
		`<script><!-- </script><p><script><!--><script></script><p>`,
		`<style><img></style ><title><img></title/><textarea><img></textarea><xmp><img></xmp x=y><p>`,
		`<iframe><img></iframe><noembed><img></noembed><noframes><img></noframes><p>`,
		`<script></scripty><p></script><p>`,
		`<p>1 < 2 <3 <p <q`,
		`<p a='`, `<p a="b`, `<p a`, `<`, `</`, `<!`, `<!-`, `<!--`, `<p/`, `<plaintext><p>`,
		"<p\na\r=\f'\r\n'\tb><p a=\x00>",
		`<noscript><img src=a></noscript><template><p></template>`,
		`<svg><image/></svg><math><mi/></math>`,
	} {
		got, want := tokens([]byte(page)), reference([]byte(page))
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s\ngot\n%s\nwant\n%s", page, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// FuzzTags holds the scanner to another tokenizer's tags and attributes.
func FuzzTags(f *testing.F) {
	f.Add([]byte(`<img src=a alt="b&amp;c"><!-- --><script><!--<script></script>--></script><p a/>`))
	f.Fuzz(func(t *testing.T, page []byte) {
		if len(page) > 1<<12 || bytes.IndexByte(page, 0) >= 0 || bytes.Contains(page, []byte("<!--")) && indexFold(page, "<script") >= 0 {
			return // where the reference is not the standard: NUL, and what a comment in a script holds
		}
		// It also takes the slash of a repeated attribute's value for the tag's.
		got := strings.ReplaceAll(strings.Join(tokens(page), "\n"), " /\n", "\n")
		want := strings.ReplaceAll(strings.Join(reference(page), "\n"), " /\n", "\n")
		if strings.TrimSuffix(got, " /") != strings.TrimSuffix(want, " /") {
			t.Errorf("%q\ngot\n%s\nwant\n%s", page, got, want)
		}
	})
}
