package match

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/queries"
	"github.com/pairloom/pairloom/query"
)

func TestFind(t *testing.T) {
	list := []string{"fox", "red fox", "fox in the snow", "St. Louis", "well-known", "狗", "狗在", "café", "c++", "Fox", "!!!", "a.d."}
	m := New(list)
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
		out := "\n"
		for _, w := range fold.Words(nil, folded) {
			out += string(folded[w.Start:w.End]) + "\n"
		}
		return out
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
		m := New(list)
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
		if got, want := New(list).Find(nil, text, &Scratch{}), naive(list, text); !slices.Equal(got, want) {
			t.Fatalf("Find(%q) in %q = %v, want %v", text, list, got, want)
		}
	})
}

func shipped(tb testing.TB) *Matcher {
	tb.Helper()
	list, err := query.Read(queries.Name, queries.List)
	if err != nil {
		tb.Fatal(err)
	}
	texts := make([]string, len(list.Entries))
	for i, e := range list.Entries {
		texts[i] = e.Text
	}
	return New(texts)
}

func TestFindAllocatesNothing(t *testing.T) {
	m := shipped(t)
	var s Scratch
	ids := make([]uint32, 0, 64)
	text := "The “Layers” dialog with a red fox in the snow"
	ids = m.Find(ids[:0], text, &s)
	if len(ids) == 0 {
		t.Fatal("nothing found")
	}
	ascii := "The Layers dialog with a red fox in the snow"
	if n := testing.AllocsPerRun(100, func() { ids = m.Find(ids[:0], ascii, &s) }); n != 0 {
		t.Errorf("Find allocates %v times on ASCII text, want 0", n)
	}
}

func BenchmarkFind(b *testing.B) {
	m := shipped(b)
	text := "A photo of a red fox in the snow, taken near the old railway station of St. Louis"
	var s Scratch
	var ids []uint32
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		ids = m.Find(ids[:0], text, &s)
	}
}
