package fold

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// cutWords and wordsOf list the words of a text by Cut and by Words.
func cutWords(s string) []string {
	b, edges := Cut(nil, nil, s)
	var out []string
	for i := 0; i < len(edges); i += 2 {
		out = append(out, string(b[edges[i]:edges[i+1]]))
	}
	return out
}

func checkCut(t *testing.T, s string) {
	t.Helper()
	got, want := strings.Join(cutWords(s), "\n"), strings.Join(words(s), "\n")
	if got != want {
		t.Fatalf("Cut(%q) gives the words %q, Words gives %q", s, got, want)
	}
	b, _ := Cut(nil, nil, s)
	for _, c := range b[len(b) : len(b)+Padding] {
		if c != 0 {
			t.Fatalf("Cut(%q) leaves %q behind the text", s, b[len(b):len(b)+Padding])
		}
	}
	if got, want := Text(s), string(appendInContext(nil, s)); got != want {
		t.Fatalf("Text(%q) = %q; folded with its context it is %q", s, got, want)
	}
}

func TestCutAgreesWithWords(t *testing.T) {
	for _, s := range []string{
		"", " ", "a", "A photo of a red fox", "C++", "c++'x", "c+'a", "'a'b'", "a''b", "5'a", "a'5", "#fox c# c#5 c#é",
		strings.Repeat("a", 63) + "'b", strings.Repeat("a", 62) + "++" + " b", strings.Repeat("a", 63) + "++x", strings.Repeat("a", 64),
		strings.Repeat("+", 70), "c" + strings.Repeat("+", 200), "c" + strings.Repeat("+", 200) + "d", "a/b/#c", "don’t", "a\x00b", "\x7f",
	} {
		checkCut(t, s)
	}
	const seed = 7
	r := rand.New(rand.NewPCG(seed, 0))
	ascii := []string{"a", "Z", "9", "'", "+", "#", "/", " ", "\t", "word", "-", "\x00", "@", "[", "`", "{", ":"}
	all := append([]string{"é", "e\u0301", "\u0301", "狗", "ß", "İ", "’", "\u00a0", "שלום", "\xff", "ﬃ", "Ⅷ", "ᾳ", "한", "\u1100\u1161", "が", "か\u3099", "\u2126"}, ascii...)
	texts := 20000
	if testing.Short() {
		texts = 500
	}
	for i := range texts {
		pieces := ascii
		if i%2 == 1 {
			pieces = all
		}
		var b strings.Builder
		for range r.IntN(150) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		checkCut(t, b.String())
	}
}

// TestEveryCharacter holds that a character folds by itself as it does in
// context, alone and between others.
func TestEveryCharacter(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts no goroutine")
	}
	for r := rune(0); r <= 0x1ffff; r++ {
		for _, s := range []string{string(r), "a" + string(r) + "b", string(r) + "\u0301"} {
			if got, want := Text(s), string(appendInContext(nil, s)); got != want {
				t.Fatalf("Text(%q) = %q, in context %q", s, got, want)
			}
		}
	}
}

func FuzzCut(f *testing.F) {
	for _, s := range []string{"A photo", "Cafe\u0301", "狗在跑", "don’t c++ #x", "\xff\xfe", "it's c#'s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkCut(t, s) })
}

func TestCutAllocatesNothing(t *testing.T) {
	var b []byte
	var edges []uint32
	for _, s := range []string{"The layers dialog's tabs", "the “Layers” café, 狗在跑"} {
		b, edges = Cut(b, edges[:0], s)
		if n := testing.AllocsPerRun(100, func() { b, edges = Cut(b, edges[:0], s) }); n != 0 {
			t.Errorf("Cut(%q) allocates %v times, want 0", s, n)
		}
	}
}

func BenchmarkCut(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"ascii", "A photo of a red fox in the snow, taken near the old railway station of St. Louis"},
		{"quotes", "A photo of a “red fox” in the snow, taken near the old railway station of St. Louis"},
		{"long", strings.Repeat("A photo of a red fox in the snow, taken near the old railway station of St. Louis. ", 100)},
	} {
		b.Run(c.name, func(b *testing.B) {
			var buf []byte
			var edges []uint32
			b.SetBytes(int64(len(c.text)))
			for b.Loop() {
				buf, edges = Cut(buf, edges[:0], c.text)
			}
		})
	}
}
