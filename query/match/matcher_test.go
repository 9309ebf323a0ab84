package match

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/internal/fold"
)

func TestFind(t *testing.T) {
	list := []string{"fox", "red fox", "fox in the snow", "St. Louis", "well-known", "狗", "狗在", "café", "c++", "Fox", "!!!", "a.d."}
	m := NewMode(list, Clean)
	if m.Shadowed() != 1 || m.Empty() != 1 {
		t.Errorf("Shadowed = %d, Empty = %d; want 1 (Fox) and 1 (!!!)", m.Shadowed(), m.Empty())
	}
	for _, tt := range []struct{ name, text, want string }{
		{"nested and longest", "A photo of a red fox in the snow", "fox|red fox|fox in the snow"},
		{"a prefix is no match", "fox in the", "fox"},
		{"inside a word is no match", "foxes firefox", ""},
		{"repeats once", "fox fox FOX", "fox"},
		{"double space", "red  fox", "fox|red fox"},
		{"marks around", "(fox) \"fox\" #fox fox/dog", "fox"},
		{"marks inside a query", "in St. Louis, MO", "St. Louis"},
		{"hyphen or space", "a well known dog", "well-known"},
		{"han by substring", "狗在跑", "狗|狗在"},
		{"decomposed", "the cafe\u0301", "café"},
		{"signs", "C++ code", "c++"},
		{"abbreviation", "in 79 A.D.", "a.d."},
		{"nothing", "cat", ""},
		{"empty", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var found []string
			for _, id := range m.Find(nil, tt.text, &Scratch{}) {
				found = append(found, list[id])
			}
			if got := strings.Join(found, "|"); got != tt.want {
				t.Errorf("Find(%q) = %s, want %s", tt.text, got, tt.want)
			}
		})
	}
}

// naive is the definition: a query is contained when its words, joined by a
// line feed, stand between line feeds in the text's words so joined.
func naive(list []string, text string) []uint32 {
	join := func(s string) string {
		folded := fold.AppendText(nil, s)
		var out strings.Builder
		out.WriteByte('\n')
		for _, w := range fold.Words(nil, folded) {
			out.Write(folded[w.Start:w.End])
			out.WriteByte('\n')
		}
		return out.String()
	}
	joined := join(text)
	var ids []uint32
	seen := map[string]bool{}
	for id, q := range list {
		j := join(q)
		if j == "\n" || seen[j] {
			continue
		}
		seen[j] = true
		if strings.Contains(joined, j) {
			ids = append(ids, uint32(id))
		}
	}
	return ids
}

func TestFindAgreesWithTheDefinition(t *testing.T) {
	const seed = 3
	r := rand.New(rand.NewPCG(seed, 0))
	pieces := []string{"a", "b", "ab", "a b", " ", "  ", "-", "é", "e\u0301", "狗", "🦊", "'", "+", "A", "שלום", ".", "ß"}
	random := func(n int) string {
		var b strings.Builder
		for range r.IntN(n) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		return b.String()
	}
	for range 300 {
		list := make([]string, 30)
		for i := range list {
			list[i] = random(5)
		}
		m := NewMode(list, Clean)
		var s Scratch
		for range 20 {
			text := random(25)
			if got, want := m.Find(nil, text, &s), naive(list, text); !slices.Equal(got, want) {
				t.Fatalf("seed %d: Find(%q) in %q = %v, want %v", seed, text, list, got, want)
			}
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add("red fox", "fox", "a red fox")
	f.Add("狗", "c++", "狗c++")
	f.Add("don't", "t", "don’t")
	f.Fuzz(func(t *testing.T, q1, q2, text string) {
		list := []string{q1, q2}
		if got, want := NewMode(list, Clean).Find(nil, text, &Scratch{}), naive(list, text); !slices.Equal(got, want) {
			t.Fatalf("Find(%q) in %q = %v, want %v", text, list, got, want)
		}
	})
}

// TestFindAll holds that the places are where the queries stand, and that they
// are of the queries that Find finds.
func TestFindAll(t *testing.T) {
	list := []string{"fox", "red fox", "fox in the snow", "snow", "Café", ",", "St"}
	for _, tt := range []struct {
		mode       Mode
		text, want string
	}{
		{Clean, "A  red FOX in the snow, red-fox", "red fox@2-9|fox@6-9|fox in the snow@6-21|snow@17-21|red-fox@23-30|fox@27-30"},
		{Clean, "CAFE\u0301  fox", "café@0-5|fox@6-9"},
		{MetaCLIP, "A  red fox in the snow, St.", "red fox@3-10|fox@7-10|fox in the snow@7-22|snow@18-22|,@22-23|St@24-26"},
		{Clean, "", ""},
	} {
		m := NewMode(list, tt.mode)
		in := tt.text
		if tt.mode == Clean {
			in = fold.Text(in)
		}
		var got []string
		var ids []uint32
		for _, f := range m.FindAll(tt.text) {
			got = append(got, fmt.Sprintf("%s@%d-%d", in[f.Start:f.End], f.Start, f.End))
			ids = append(ids, f.ID)
		}
		if joined := strings.Join(got, "|"); joined != tt.want {
			t.Errorf("%s: FindAll(%q) = %s, want %s", tt.mode, tt.text, joined, tt.want)
		}
		slices.Sort(ids)
		if want := m.Find(nil, tt.text, &Scratch{}); !slices.Equal(slices.Compact(ids), want) {
			t.Errorf("%s: FindAll(%q) has the ids %v, Find %v", tt.mode, tt.text, ids, want)
		}
	}
}

// TestFindInLongTexts searches texts whose places are past 16 bits,
// with many more queries found than are sorted by counting.
func TestFindInLongTexts(t *testing.T) {
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 0))
	words := []string{"a", "bb", "ccc", "word", "é", "e\u0301", "狗", "🦊", "שלום", "don't", "c++", "internationalisation", "pneumonoultramicroscopic"}
	var list []string
	for range 400 {
		q := words[r.IntN(len(words))]
		for range r.IntN(3) {
			q += " " + words[r.IntN(len(words))]
		}
		list = append(list, q)
	}
	list = different(list)
	for name, separators := range map[string][]string{"spaces": {" "}, "marks": {" ", ", ", "-", "  ", "\n", ""}} {
		var b strings.Builder
		for b.Len() < 1<<18 {
			b.WriteString(words[r.IntN(len(words))] + separators[r.IntN(len(separators))])
		}
		text := b.String()
		if got, want := NewMode(list, Clean).Find(nil, text, &Scratch{}), naive(list, text); !slices.Equal(got, want) {
			t.Errorf("seed %d, %s, clean: %d queries found, want %d", seed, name, len(got), len(want))
		}
		if got, want := NewMode(list, MetaCLIP).Find(nil, text, &Scratch{}), spacedNaive(list, text); !slices.Equal(got, want) {
			t.Errorf("seed %d, %s, metaclip: %d queries found, want %d", seed, name, len(got), len(want))
		}
	}
	for _, text := range []string{strings.Repeat("+", 1<<18), "c" + strings.Repeat("+", 1<<18), strings.Repeat("'", 1<<18), strings.Repeat("a'", 1<<17), strings.Repeat("\u0301", 1<<17), strings.Repeat("a", 1<<18), strings.Repeat("狗", 1<<16)} {
		if got, want := NewMode(list, Clean).Find(nil, text, &Scratch{}), naive(list, text); !slices.Equal(got, want) {
			t.Errorf("Find(%.20q...) = %v, want %v", text, got, want)
		}
	}
}

// TestScratchServesAnotherMatcher holds that a worker's cache is of one matcher.
func TestScratchServesAnotherMatcher(t *testing.T) {
	var s Scratch
	for range 2 {
		for id, list := range [][]string{{"fox", "dog"}, {"dog", "fox"}} {
			if got := NewMode(list, Clean).Find(nil, "fox", &s); !slices.Equal(got, []uint32{uint32(id)}) {
				t.Errorf("Find(fox) in %q = %v, want %d", list, got, id)
			}
		}
	}
}

func TestFindAllocatesNothing(t *testing.T) {
	for _, mode := range []Mode{Clean, MetaCLIP} {
		m := NewMode(some(t), mode)
		var s Scratch
		ids := make([]uint32, 0, 256)
		for _, text := range []string{
			"The Layers dialog with a red fox in the snow",
			"The “Layers” dialog – Étienne’s red fox in the snow, 狗在跑 🦊",
		} {
			if ids = m.Find(ids[:0], text, &s); len(ids) == 0 {
				t.Fatalf("nothing found in %q", text)
			}
			if n := testing.AllocsPerRun(100, func() { ids = m.Find(ids[:0], text, &s) }); n != 0 {
				t.Errorf("%s: Find(%q) allocates %v times, want 0", mode, text, n)
			}
		}
	}
}

// BenchmarkFind: go test -run '^$' -bench Find -count 6 ./query/match
func BenchmarkFind(b *testing.B) {
	list := entries(b)
	texts := glosses(b)
	size := 0
	for _, t := range texts {
		size += len(t)
	}
	for _, mode := range []Mode{Clean, MetaCLIP} {
		m := NewMode(list, mode)
		b.Run(fmt.Sprintf("mode=%s/queries=%d", mode, len(list)), func(b *testing.B) {
			var s Scratch
			var ids []uint32
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, t := range texts {
					ids = m.Find(ids[:0], t, &s)
				}
			}
			b.ReportMetric(float64(b.N)*float64(len(texts))/b.Elapsed().Seconds(), "texts/s")
		})
	}
}
