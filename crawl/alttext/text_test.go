package alttext

import (
	"testing"

	"golang.org/x/text/unicode/norm"
)

func TestClean(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{" a \t\n b ", "a b"},
		{"a\u00a0\u3000b", "a b"},
		{"a\u200bb\u00adc\ufeffd\x00e\x7f", "abcde"},
		{"Cafe\u0301", "Caf\u00e9"},
		{"e\u200b\u0301", "\u00e9"},
		{"a\xffb", "a\uFFFDb"},
		{"\u1100\u1161", "\uac00"},
		{"\u304b\u3099", "\u304c"},
		{"\u212b", "\u00c5"},
	} {
		if got := Clean(tt.in); got != tt.want {
			t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// Texts of inert characters are composed, whatever follows what.
func TestInertCharacters(t *testing.T) {
	for c := rune(0); c < 0x20000; c++ {
		if !inert(c) || c >= 0xd800 && c < 0xe000 {
			continue
		}
		p := norm.NFC.PropertiesString(string(c))
		if !norm.NFC.IsNormalString(string(c)) || p.CCC() != 0 || !p.BoundaryBefore() {
			t.Errorf("%U", c)
		}
	}
}

func TestValues(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"a=1&amp;b=2", "a=1&b=2"},
		{"a=1&copy=2&reg;&copyx&copy", "a=1&copy=2®&copyx©"},
		{"&notit; &not it &notin;", "&notit; ¬ it ∉"},
		{"&#65;&#x42&#x43g&#0;", "AB\u0043g\uFFFD"},
		{"&", "&"}, {"&;", "&;"}, {"&&amp;", "&&"}, {"&semi;", ";"}, {"&AMP", "&"},
		{"a\x00b", "a\uFFFDb"},
	} {
		if got := string(appendValue(nil, []byte(tt.in))); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}
