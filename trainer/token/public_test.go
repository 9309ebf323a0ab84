package token

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// TestPublic holds tokens against those of open_clip, see testdata/public.py.
func TestPublic(t *testing.T) {
	f, err := os.Open("testdata/public.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v := Public()
	e := v.NewEncoder()
	lines := bufio.NewScanner(f)
	n := 0
	for ; lines.Scan(); n++ {
		var text string
		var want []int32
		if err := json.Unmarshal(lines.Bytes(), &[]any{&text, &want}); err != nil {
			t.Fatal(err)
		}
		got := e.Append(nil, text, 1<<20)
		if got = got[1 : len(got)-1]; !slices.Equal(got, want) {
			t.Errorf("%q gives %v, %q; want %v, %q", text, got, v.Decode(got), want, v.Decode(want))
		}
	}
	if err := lines.Err(); err != nil || n < 500 {
		t.Errorf("%d texts compared, at least 500 expected: %v", n, err)
	}
}

func TestPublicVocabulary(t *testing.T) {
	v := Public()
	if v.Size() != 49408 || v.Size() != PublicSize || v.Start() != 49406 || v.End() != 49407 {
		t.Errorf("size %d, start %d, end %d", v.Size(), v.Start(), v.End())
	}
	// Two tokens of the same bytes would make ids ambiguous.
	seen := map[symbol]bool{}
	for id, s := range v.symbols {
		if seen[s] {
			t.Errorf("token %d, %q, is there twice", id, s.bytes)
		}
		seen[s] = true
	}
	got := v.NewEncoder().Append(nil, "a photo of a red fox, 2 bears!", 77)
	if want := []int32{49406, 320, 1125, 539, 320, 736, 3240, 267, 273, 6182, 256, 49407}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := v.NewEncoder().Append(nil, "<|endoftext|> <start_of_text>", 77); slices.Contains(got[1:len(got)-1], v.End()) || slices.Contains(got[1:], v.Start()) {
		t.Errorf("text that looks like a marker became one: %v", got)
	}
}

// TestNoAllocation holds that encoding needs no memory once its buffers have
// grown, for plain, accented, non-Latin and typographic texts.
func TestNoAllocation(t *testing.T) {
	e := Public().NewEncoder()
	var tokens []int32
	for _, text := range []string{
		"a photo of the red fox's den in the blue box, 2 bears!", "Füchse über Köln, ΟΔΥΣΣΕΥΣ",
		"Фотография лисы в лесу", "The “red fox’s” ﬁrst den", "日本語の写真 😀", "pneumonoultramicroscopicsilicovolcanoconiosis and more",
	} {
		if n := testing.AllocsPerRun(100, func() { tokens = e.Append(tokens[:0], text, 77) }); n != 0 {
			t.Errorf("%q: %g allocations", text, n)
		}
	}
}

// TestCache encodes more different words than the cache holds, twice, against
// an encoder without one.
func TestCache(t *testing.T) {
	v := Public()
	e := v.NewEncoder()
	word := make([]byte, 0, 8)
	for round := range 2 {
		for i := range 3 << cacheBits {
			word = word[:0]
			for n := i; len(word) == 0 || n > 0; n /= 26 {
				word = append(word, byte('a'+n%26))
			}
			got := e.Append(nil, string(word), 77)
			if want := v.withoutCache().encode(word); !slices.Equal(got[1:len(got)-1], want) {
				t.Fatalf("round %d: %s gives %v, want %v", round, word, got, want)
			}
		}
	}
}

// withoutCache makes an encoder for encode alone.
func (v *Vocabulary) withoutCache() *Encoder { return &Encoder{vocabulary: v} }

// FuzzMerge compares encode with merging all occurrences of a pair at once.
func FuzzMerge(f *testing.F) {
	for _, s := range corpus {
		f.Add(s)
	}
	v := learn(f, corpus, 600)
	e := v.withoutCache()
	f.Fuzz(func(t *testing.T, word string) {
		if word == "" || len(word) > 4096 {
			return
		}
		var want []int32
		for i := range len(word) {
			want = append(want, idOfByte[word[i]])
		}
		want[len(want)-1] += firstEnding
		for k, p := range v.merges {
			want = replace(want, p, firstMerge+int32(k))
		}
		if got := e.encode([]byte(word)); !slices.Equal(got, want) {
			t.Errorf("%q gives %v, want %v", word, got, want)
		}
	})
}

func BenchmarkPublic(b *testing.B) {
	e := Public().NewEncoder()
	for _, tt := range []struct{ name, text string }{
		{"plain", "a photo of the red fox's den in the blue box, 2 bears!"},
		{"typographic", "A photo of the “red fox’s” den in Köln – 2 bears!"},
	} {
		b.Run("text="+tt.name, func(b *testing.B) {
			var tokens []int32
			b.SetBytes(int64(len(tt.text)))
			b.ReportAllocs()
			for b.Loop() {
				tokens = e.Append(tokens[:0], tt.text, 77)
			}
		})
	}
}
