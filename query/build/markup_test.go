package build

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pairloom/pairloom/internal/fold"
)

// words is the prose of a page as words, with a bar where a phrase cannot go on.
func words(p *parser, page string) string {
	var out []string
	for _, line := range strings.FieldsFunc(string(p.Text([]byte(page))), func(r rune) bool { return r == '\n' || r == '|' }) {
		if f := strings.Fields(line); len(f) > 0 {
			out = append(out, strings.Join(f, " "))
		}
	}
	return strings.Join(out, " | ")
}

func TestText(t *testing.T) {
	var p parser
	for _, tt := range []struct{ name, page, want string }{
		{"plain", "A red fox.", "A red fox."},
		{"bold", "'''Bold''' and ''italic'' don't", "Bold and italic don't"},
		{"link", "a [[dog]] runs", "a dog runs"},
		{"link with label", "a [[dog|hound]] runs", "a hound runs"},
		{"link with a tail", "two [[dog]]s", "two dogs"},
		{"pipe trick", "[[Dog (pet)|]] x", "Dog (pet) x"},
		{"file with links in its caption", "a [[File:Fox.jpg|thumb|a [[red fox|fox]] in snow]] b", "a b"},
		{"category", "a\n[[Category:Foxes]]", "a"},
		{"visible category", "a [[:Category:Foxes]]", "a Category:Foxes"},
		{"another language", "a [[de:Fuchs]]", "a"},
		{"a title with a colon", "[[Alien: Covenant]] is", "Alien: Covenant is"},
		{"template", "a {{cite|x=[[y]]}} b", "a | b"},
		{"nested templates", "a {{x|{{y|z}}|{{w}}}} b", "a | b"},
		{"parameter", "a {{{1|b}}} c", "a | } c"},
		{"table", "a\n{| class=x\n! h\n|-\n| {{y}} || [[z]]\n|}\nb", "a | b"},
		{"nested tables", "a\n{|\n|\n{|\n| q\n|}\n| r\n|}\nb", "a | b"},
		{"unclosed template is text", "a {{b c", "a {{b c"},
		{"unclosed link is text", "a [[b c", "a b c"},
		{"reference", "a<ref name=x>not this</ref> b", "a | b"},
		{"reference in capitals", "a<REF>no</REF>b", "a | b"},
		{"empty reference", "a<ref name=x /> b", "a | b"},
		{"reference never closed", "a<ref>b", "a | b"},
		{"comment", "a<!-- [[no]] -->b", "ab"},
		{"comment never closed", "a <!-- b", "a"},
		{"math", "x <math>\\frac{a}{b}</math> y", "x | y"},
		{"nowiki", "a <nowiki>[[b]] {{c}}</nowiki> d", "a [[b]] {{c}} d"},
		{"heading", "== History ==\nIt began", "History | It began"},
		{"list", "* one\n# two", "* one | # two"},
		{"address", "see http://a.b/c?d and", "see | and"},
		{"external link", "see [http://a.b/c the page] and", "see [ | the page] and"},
		{"entity", "a&nbsp;b &amp; c&shy;d", "a b & cd"},
		{"switch", "__NOTOC__a", "a"},
		{"line break", "a<br />b", "a | b"},
		{"inline tag", "<i>photo</i>graph", "photograph"},
		{"not a tag", "1 < 2", "1 | 2"},
		{"crossed brackets", "a {{b [[c}} d]] e", "a | d]] e"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := words(&p, tt.page); got != tt.want {
				t.Errorf("Text(%q) gives %q, want %q", tt.page, got, tt.want)
			}
		})
	}
}

// TestTextIsLinear holds that hostile pages take time in proportion to their
// size, whatever the machine's speed is.
func TestTextIsLinear(t *testing.T) {
	const size, times = 64 << 10, 8
	var p parser
	took := func(piece string, size int) time.Duration {
		page := []byte(strings.Repeat(piece, size/len(piece)))
		start := time.Now()
		p.Text(page)
		return time.Since(start)
	}
	for _, piece := range []string{"{{", "}}", "[[", "[[a|", "{|", "<ref>", "<!--", "<nowiki>", "<", "&", "'", "[http://", "__A", "[[a]]", "{{a}}", "[[a|[[b|", "<ref", "|}", "=", "http://"} {
		// What is quadratic takes 64 times as long, each time it is measured; what
		// is linear may be disturbed, but not each time.
		longer := math.Inf(1)
		for try := 0; try < 20 && longer > 3*times; try++ {
			longer = min(longer, float64(took(piece, times*size))/float64(took(piece, size)))
		}
		if longer > 3*times {
			t.Errorf("%d times as many of %q take %.0f times as long", times, piece, longer)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"a [[b|c]] {{d|{{e}}}} <ref>f</ref>", "{|\n|[[File:x|y]]\n|}", "<nowiki>[[", "&#x;&lt;__A__", "'''''a", "[[|]]", "[[:]]", "<!---->", "</ref><ref/>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, page string) {
		var p parser
		out := p.Text([]byte(page))
		if len(out) > 4*len(page)+8 {
			t.Errorf("%d bytes of markup gave %d of text", len(page), len(out))
		}
		if utf8.ValidString(page) && !utf8.Valid(out) {
			t.Errorf("valid markup %q gave invalid text %q", page, out)
		}
		if plain := fold.Text(page); !strings.ContainsAny(page, "<{}|[]'&/_=") && fold.Text(string(out)) != plain {
			t.Errorf("text without markup %q became %q", page, out)
		}
	})
}
