package minhash

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// shinglesOf lists the shingles of a text in plain words.
func shinglesOf(text string) map[string]bool {
	var characters []string
	for i := 0; i < len(text); {
		_, n := utf8.DecodeRuneInString(text[i:])
		characters = append(characters, text[i:i+n])
		i += n
	}
	set := map[string]bool{}
	for i := range characters {
		for n := 3; n <= 5 && i+n <= len(characters); n++ {
			set[strings.Join(characters[i:i+n], "")] = true
		}
	}
	return set
}

func jaccard(a, b string) float64 {
	x, y := shinglesOf(a), shinglesOf(b)
	shared := 0
	for s := range x {
		if y[s] {
			shared++
		}
	}
	if len(x)+len(y) == 0 {
		return 1
	}
	return float64(shared) / float64(len(x)+len(y)-shared)
}

func TestShingles(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"ab", nil},
		{"abc", []string{"abc"}},
		{"abcd", []string{"abc", "abcd", "bcd"}},
		{"aaaa", []string{"aaa", "aaaa"}},
		{"a photo", []string{"a p", "a ph", "a pho", " ph", " pho", " phot", "pho", "phot", "photo", "hot", "hoto", "oto"}},
		{"狗在跑", []string{"狗在跑"}},
		{"héé", []string{"héé"}},
		{"a\xffbc", []string{"a\xffb", "a\xffbc", "\xffbc"}},
	} {
		if got := shinglesOf(tt.text); len(got) != len(tt.want) {
			t.Fatalf("the specification finds %v in %q", got, tt.text)
		}
		var want []uint64
		for _, s := range tt.want {
			want = append(want, shingle([]byte(s)))
		}
		got := AppendShingles(nil, []byte(tt.text))
		slices.Sort(got)
		slices.Sort(want)
		if got = slices.Compact(got); !slices.Equal(got, want) {
			t.Errorf("%q has %d different shingles, want those of %q", tt.text, len(got), tt.want)
		}
	}
}

// TestNumbersOfShinglesDiffer holds that what a text has depends on its characters,
// not on whether the others are ASCII.
func TestNumbersOfShinglesDiffer(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	text := make([]byte, 0, 300)
	for range 3000 {
		text = text[:0]
		for range r.IntN(60) {
			text = append(text, "abcd \x00"[r.IntN(6)])
		}
		plain, wide := AppendShingles(nil, text), appendWide(nil, text)
		slices.Sort(plain)
		slices.Sort(wide)
		if !slices.Equal(plain, wide) {
			t.Fatalf("seed %d: %q has other shingles when it is read byte by byte", seed, text)
		}
	}
}

func TestJaccard(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want float64
	}{
		{"", "", 1},
		{"", "abc", 0},
		{"abc", "abc", 1},
		{"abc", "xyz", 0},
		{"abcd", "abce", 1.0 / 5},
		{"abcabc", "abcabcabc", 8.0 / 9},
	} {
		var s Set
		s.Reset(AppendShingles(nil, []byte(tt.a)))
		if got := s.Jaccard(AppendShingles(nil, []byte(tt.b))); got != tt.want || got != jaccard(tt.a, tt.b) {
			t.Errorf("%q and %q: %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

func FuzzJaccard(f *testing.F) {
	f.Add("a photo of a red fox", "a photo of the red fox")
	f.Add("狗在跑 in the snow", "狗在跑 in snow\xff")
	f.Add("", "ab")
	var s Set
	sketcher := NewSketcher(126)
	banding := NewBanding(126, 0.8)
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) > 4096 {
			t.Skip()
		}
		x, y := AppendShingles(nil, []byte(a)), AppendShingles(nil, []byte(b))
		s.Reset(x)
		if got, want := s.Jaccard(y), jaccard(a, b); got != want {
			t.Fatalf("Jaccard(%q, %q) = %v, want %v", a, b, got, want)
		}
		if len(x) == 0 || len(y) == 0 {
			return
		}
		bands := banding.Append(nil, sketcher.Sketch(x))
		slices.Sort(x)
		if again := banding.Append(nil, sketcher.Sketch(slices.Compact(x))); !slices.Equal(bands, again) {
			t.Fatalf("%q has other bands when its shingles come in another order, without repeats", a)
		}
	})
}

func TestBanding(t *testing.T) {
	for _, tt := range []struct {
		places     int
		similarity float64
		want       Banding
	}{
		{126, 0.5, Banding{42, 3}},
		{126, 0.7, Banding{25, 5}},
		{126, 0.8, Banding{18, 7}},
		{126, 0.9, Banding{10, 12}},
		{126, 0.95, Banding{7, 18}},
		{126, 1, Banding{1, 126}},
		{126, 0.01, Banding{126, 1}},
	} {
		got := NewBanding(tt.places, tt.similarity)
		if got != tt.want {
			t.Errorf("NewBanding(%d, %v) = %v, want %v", tt.places, tt.similarity, got, tt.want)
		}
	}
}

// TestPlacesAgreeAsOftenAsTextsAreSimilar holds the sketch to what MinHash promises:
// the share of places that agree is the similarity, with the variance of independent
// draws or less, for sets that are smaller and larger than the sketch.
func TestPlacesAgreeAsOftenAsTextsAreSimilar(t *testing.T) {
	const seed, places, rounds = 3, 126, 2000
	r := rand.New(rand.NewPCG(seed, 0))
	sketcher := NewSketcher(places)
	for _, size := range []int{5, 36, 150, 1000} { // of the union
		for _, shared := range []float64{0, 0.2, 0.5, 0.8, 1} {
			t.Run(fmt.Sprintf("shingles=%d/similarity=%v", size, shared), func(t *testing.T) {
				common := int(shared * float64(size))
				want := float64(common) / float64(size)
				var sum, squares float64
				for range rounds {
					var a, b []uint64
					for i := range size {
						h := mix(r.Uint64())
						if i < common || i%2 == 0 {
							a = append(a, h)
						}
						if i < common || i%2 == 1 {
							b = append(b, h)
						}
					}
					first := slices.Clone(sketcher.Sketch(a))
					agree := 0
					for i, v := range sketcher.Sketch(b) {
						if v == first[i] {
							agree++
						}
					}
					share := float64(agree) / places
					sum += share
					squares += (share - want) * (share - want)
				}
				// The mean of that many sketches is within five of its standard errors.
				variance := squares / rounds
				if got := sum / rounds; math.Abs(got-want) > 5*math.Sqrt(variance/rounds)+1e-9 {
					t.Errorf("seed %d: %.4f of the places agree, want %.4f", seed, got, want)
				}
				if size >= places {
					if independent := want * (1 - want) / places; variance > 1.1*independent+1e-9 {
						t.Errorf("seed %d: the variance is %.5f, that of MinHash %.5f", seed, variance, independent)
					}
				}
			})
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	text := []byte(strings.Repeat("a photo of a red fox, ", 3))
	sketcher, banding := NewSketcher(126), NewBanding(126, 0.8)
	var s Set
	var shingles, bands []uint64
	once := func() {
		shingles = AppendShingles(shingles[:0], text)
		bands = banding.Append(bands[:0], sketcher.Sketch(shingles))
		s.Reset(shingles)
		s.Jaccard(shingles)
	}
	once()
	if n := testing.AllocsPerRun(100, once); n != 0 {
		t.Errorf("%v allocations a text", n)
	}
}

func BenchmarkSketch(b *testing.B) {
	for _, size := range []int{20, 54, 90, 1000} {
		text := []byte(strings.Repeat("the quick brown fox, 1234 jumps; over a lazy Dog & sleeps under some tree. ", 20))[:size]
		sketcher, banding := NewSketcher(126), NewBanding(126, 0.8)
		var shingles, bands []uint64
		b.Run(fmt.Sprintf("characters=%d/step=shingles", size), func(b *testing.B) {
			for b.Loop() {
				shingles = AppendShingles(shingles[:0], text)
			}
		})
		b.Run(fmt.Sprintf("characters=%d/step=bands", size), func(b *testing.B) {
			for b.Loop() {
				bands = banding.Append(bands[:0], sketcher.Sketch(shingles))
			}
		})
		b.Run(fmt.Sprintf("characters=%d/step=compare", size), func(b *testing.B) {
			var s Set
			s.Reset(shingles)
			for b.Loop() {
				s.Jaccard(shingles)
			}
		})
	}
}
