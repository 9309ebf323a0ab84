package token

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var corpus = []string{
	"A photo of a red fox", "the red fox's den", "a photo of the blue box, 2 bears!",
	"Don&amp;#39;t stop", "  Fotos   von Füchsen ", "日本語の写真", "photo photo photo",
	"</w></w></w></w> </w></w>", "aaa aaaa aaaaa aaaaaa",
}

func texts(list []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, s := range list {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func learn(t testing.TB, list []string, size int) *Vocabulary {
	t.Helper()
	v, err := Train(texts(list), size)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// cleaned is a text as encoding sees it.
func cleaned(text string) string {
	c := cleaner{plane: basicPlane()}
	return string(c.clean(text))
}

func TestClean(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"  A\tRed\n\nFox ", "a red fox"},
		{"salt &amp;amp; pepper", "salt & pepper"},
		{"caf\xc3", "caf\uFFFD"},
		{"&nbsp;x&nbsp;", "x"},
	} {
		if got := cleaned(tt.in); got != tt.want {
			t.Errorf("cleaned(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestWords(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"a photo of a red fox, 2 bears!", "a|photo|of|a|red|fox|,|2|bears|!"},
		{"don't we'll they'd", "don|'t|we|'ll|they|'d"},
		{"1999", "1|9|9|9"},
		{"!!'s", "!!'|s"},
		{"'sx", "'s|x"},
		{"x²½y", "x|²|½|y"},
		{"", ""},
	} {
		var words []string
		p := basicPlane()
		for from, to := p.word([]byte(tt.in), 0); from < to; from, to = p.word([]byte(tt.in), to) {
			words = append(words, tt.in[from:to])
		}
		if got := strings.Join(words, "|"); got != tt.want {
			t.Errorf("words of %q are %s, want %s", tt.in, got, tt.want)
		}
	}
}

// TestPublicOrder holds ids of single bytes against the public vocabulary.
func TestPublicOrder(t *testing.T) {
	v := newVocabulary()
	for _, tt := range []struct {
		text string
		want []int32
	}{
		{"!", []int32{256}}, {"a", []int32{320}}, {"ab", []int32{64, 321}}, {"2", []int32{273}},
	} {
		got := v.NewEncoder().Append(nil, tt.text, 77)
		if want := append(append([]int32{512}, tt.want...), 513); !slices.Equal(got, want) {
			t.Errorf("%q gives %v, want %v", tt.text, got, want)
		}
	}
}

func TestTrain(t *testing.T) {
	v := learn(t, corpus, 560)
	if got := v.Decode(v.NewEncoder().Append(nil, "Photo", 77)); got != "photo " {
		t.Errorf("got %q", got)
	}
	if n := len(v.NewEncoder().Append(nil, "photo", 77)); n != 3 {
		t.Errorf("a word seen four times takes %d tokens, want 3 with start and end", n)
	}
	reversed := slices.Clone(corpus)
	slices.Reverse(reversed)
	if !bytes.Equal(v.Encode(), learn(t, reversed, 560).Encode()) {
		t.Error("the order of texts changes the vocabulary")
	}
	if n := learn(t, corpus, 100000).Size(); n >= 700 {
		t.Errorf("%d tokens from nine short texts", n)
	}
	if n := learn(t, nil, 1000).Size(); n != Smallest {
		t.Errorf("%d tokens from no text, want %d", n, Smallest)
	}
	want := fmt.Errorf("broken")
	if _, err := Train(func(yield func(string, error) bool) { yield("", want) }, 600); err != want {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// TestTrainAgainstCounting compares each merge with a fresh count of all pairs.
func TestTrainAgainstCounting(t *testing.T) {
	v := learn(t, corpus, 540)
	counts := map[string]int64{}
	for _, text := range corpus {
		text = cleaned(text)
		p := basicPlane()
		for from, to := p.word([]byte(text), 0); from < to; from, to = p.word([]byte(text), to) {
			counts[text[from:to]]++
		}
	}
	partial := newVocabulary()
	for k, m := range v.merges {
		pairs := map[pair]int64{}
		for word, n := range counts {
			ids := partial.withoutCache().encode([]byte(word))
			for i := range len(ids) - 1 {
				pairs[pair{ids[i], ids[i+1]}] += n
			}
		}
		for p, n := range pairs {
			left, right := partial.symbols[p.left], partial.symbols[p.right]
			if n > pairs[m] && (right.ends || !strings.HasSuffix(left.bytes+right.bytes, wordEnd)) {
				t.Fatalf("merge %d joins a pair seen %d times, but %q+%q is seen %d times", k, pairs[m], left.bytes, right.bytes, n)
			}
		}
		partial.add(m)
	}
}

func TestContext(t *testing.T) {
	v := learn(t, corpus, 600)
	got := v.NewEncoder().Append(nil, strings.Repeat("zebra ", 50), 10)
	if len(got) != 10 || got[0] != v.Start() || got[9] != v.End() {
		t.Errorf("a long text gives %v", got)
	}
	if got := v.NewEncoder().Append(nil, "", 10); !slices.Equal(got, []int32{v.Start(), v.End()}) {
		t.Errorf("an empty text gives %v", got)
	}
}

func TestParseFaults(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", "header"},
		{"#\na", "line 2: two symbols"},
		{"#\na b\nab c d", "line 3: two symbols"},
		{"#\na\tb \u4e00", "line 2: a character stands for no byte"},
		{"#\nab c", "line 2: a side of the merge"},
		{"#\na</w> b", "line 2: the left side"},
		{"#\na b\na b", "line 3: the merge is there twice"},
	} {
		if _, err := Parse([]byte(tt.in), 0); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Parse(%q) gives %v, want %q in it", tt.in, err, tt.want)
		}
	}
	v, err := Parse(learn(t, corpus, 560).Encode(), 530)
	if err != nil || v.Size() != 530 {
		t.Errorf("limited to 530 tokens: %v, %v", v, err)
	}
}

func withoutSpace(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// FuzzEncode holds that no text loses a character, and that decoding and
// encoding again changes no token.
func FuzzEncode(f *testing.F) {
	for _, s := range corpus {
		f.Add(s)
	}
	f.Add("\xff\x00&#0;&lt;|endoftext|&gt;")
	v := learn(f, corpus, 600)
	e := v.NewEncoder()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		tokens := slices.Clone(e.Append(nil, text, 1<<20))
		back := v.Decode(tokens)
		if withoutSpace(back) != withoutSpace(cleaned(text)) {
			t.Errorf("%q comes back as %q", text, back)
		}
		for _, id := range tokens[1 : len(tokens)-1] {
			if id >= v.Start() || id < 0 {
				t.Errorf("%q holds the token %d", text, id)
			}
		}
	})
}

// FuzzParse holds that what parses is written back as the same merges.
func FuzzParse(f *testing.F) {
	f.Add(learn(f, corpus, 560).Encode())
	f.Add([]byte("#version: 0.2\na b\nab c</w>\n"))
	f.Add([]byte("#\n< /\nw >\n</ w>\n</w> x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		v, err := Parse(data, 0)
		if err != nil {
			return
		}
		again, err := Parse(v.Encode(), 0)
		if err != nil || !slices.Equal(again.merges, v.merges) {
			t.Errorf("written back it reads as %v, %v", again, err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	v := learn(b, corpus, 600)
	e := v.NewEncoder()
	text := "a photo of the red fox's den in the blue box, 2 bears!"
	var tokens []int32
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		tokens = e.Append(tokens[:0], text, 77)
	}
}
