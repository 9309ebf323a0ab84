package fold

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func words(s string) []string {
	folded := AppendText(nil, s)
	var out []string
	for _, w := range Words(nil, folded) {
		out = append(out, string(folded[w.Start:w.End]))
	}
	return out
}

func TestText(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"only space", " \t\n ", ""},
		{"case", "A Red FOX", "a red fox"},
		{"white space", "  red \r\n\t fox ", "red fox"},
		{"no-break space", "red\u00a0fox", "red fox"},
		{"composed and decomposed are one", "Cafe\u0301", "caf\u00e9"},
		{"sharp s", "Straße", "strasse"},
		{"greek final sigma", "ΟΔΟΣ", "οδοσ"},
		{"typographic apostrophe", "don’t", "don't"},
		{"invalid UTF-8", "a\xffb", "a\ufffdb"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Text(tt.in); got != tt.want {
				t.Errorf("Text(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestWords(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
	}{
		{"plain", "A photo of a red fox", "a photo of a red fox"},
		{"punctuation separates", "St. Louis, (vulpes) \"cat\" in-snow fox/dog", "st louis vulpes cat in snow fox dog"},
		{"inner apostrophe stays", "don't 'quoted' dogs'", "don't quoted dogs"},
		{"signs at the end stay", "C++ and C# but #fox and a+b", "c++ and c# but fox and a b"},
		{"numbers", "3.5 mm, 42nd", "3 5 mm 42nd"},
		{"han by character", "狗在跑 fast", "狗 在 跑 fast"},
		{"thai by character", "หมา", "ห ม า"},
		{"accents", "Cafe\u0301 crème", "café crème"},
		{"emoji separates", "red🦊fox", "red fox"},
		{"nothing", "!!! — …", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(words(tt.in), " "); got != tt.want {
				t.Errorf("words of %q are %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

// FuzzFold holds that folding twice is folding once, that composed and
// decomposed forms fold alike, and that words are in order, apart, not empty.
func FuzzFold(f *testing.F) {
	for _, s := range []string{"A photo", "Cafe\u0301", "狗在跑", "don’t c++ #x", "\xff\xfe", "ΟΔΟΣ\u00a0ß", "a\u0301\u0328"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Text(s)
		if !utf8.ValidString(once) {
			t.Fatalf("Text(%q) is not valid UTF-8", s)
		}
		if twice := Text(once); twice != once {
			t.Fatalf("Text(%q) = %q, but folded again %q", s, once, twice)
		}
		if utf8.ValidString(s) {
			if d := Text(norm.NFD.String(s)); d != once {
				t.Fatalf("decomposed %q folds to %q, composed to %q", s, d, once)
			}
		}
		last := 0
		for _, w := range Words(nil, []byte(once)) {
			if w.Start < last || w.End <= w.Start || w.End > len(once) {
				t.Fatalf("word %v after %d in %q", w, last, once)
			}
			last = w.End
		}
	})
}

func TestWordsAppend(t *testing.T) {
	got := Words([]Span{{9, 9}}, []byte("ab cd"))
	if want := []Span{{9, 9}, {0, 2}, {3, 5}}; !slices.Equal(got, want) {
		t.Errorf("Words = %v, want %v", got, want)
	}
}
