package match

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pairloom/pairloom/queries"
	"github.com/pairloom/pairloom/query"
)

// spacedNaive is MetaCLIP's function as described, by plain substring search.
func spacedNaive(list []string, text string) []uint32 {
	spaced := " " + text + " "
	for _, mark := range []string{",", ".", ";", ":", "?", "!", "`"} {
		spaced = strings.ReplaceAll(spaced, mark, " "+mark+" ")
	}
	for _, white := range []string{"\t", "\r", "\n"} {
		spaced = strings.ReplaceAll(spaced, white, " ")
	}
	var ids []uint32
	for id, q := range list {
		if strings.Contains(spaced, " "+q+" ") {
			ids = append(ids, uint32(id))
		}
	}
	return ids
}

// TestMetaCLIPEdgeCases holds the cases that were observed of MetaCLIP's
// function.
func TestMetaCLIPEdgeCases(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		in, out    []string // entries found and entries missed
	}{
		{"an entry that holds a mark", "in St. Louis or the U.S.A. at 3.5", []string{"St", "Louis", "3", "5"}, []string{"St. Louis", "U.S.A.", "3.5"}},
		{"double space", "red  fox", []string{"red", "fox", ""}, []string{"red fox"}},
		{"marks that are not wrapped", `(vulpes) "cat" #fox fox/dog in-snow`, []string{"(vulpes)", "in-snow"}, []string{"vulpes", "cat", "fox", "dog", "snow"}},
		{"marks that are", "a,b;c:d?e!f`g.h", []string{"a", "b", "c", "d", "e", "f", "g", "h", ",", "`"}, []string{"a,b", "a , b c"}},
		{"a mark with its spaces", "a,b", []string{"a , b"}, []string{"a, b", "a,b"}},
		{"case", "A red Fox", []string{"A", "red", "Fox"}, []string{"fox", "a", "Red"}},
		{"no normalisation", "cafe\u0301", []string{"cafe\u0301"}, []string{"caf\u00e9", "cafe"}},
		{"no-break space and curly quotes", "red\u00a0fox “cat”", []string{"red\u00a0fox", "“cat”"}, []string{"fox", "cat"}},
		{"white space", "a\tb\r\nc", []string{"a b", "c"}, []string{"b c"}},
		{"han is padded", "狗在跑", []string{"狗在跑"}, []string{"狗"}},
		{"a word is whole", "foxes", nil, []string{"fox"}},
		{"zero bytes count", "a\x00 b", []string{"a\x00"}, []string{"a"}},
		{"nothing", "", []string{""}, []string{" ", "a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := append(slices.Clone(tt.in), tt.out...)
			var want []uint32
			for id := range tt.in {
				want = append(want, uint32(id))
			}
			if got := NewMode(list, MetaCLIP).Find(nil, tt.text, &Scratch{}); !slices.Equal(got, want) {
				t.Errorf("Find(%q) in %q = %v, want %v", tt.text, list, got, want)
			}
			if got := spacedNaive(list, tt.text); !slices.Equal(got, want) {
				t.Errorf("the definition finds %v, want %v", got, want)
			}
		})
	}
}

// different drops repeats, which a matcher does not find.
func different(list []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		repeat := seen[s]
		seen[s] = true
		return repeat
	})
}

func TestMetaCLIPAgreesWithTheDefinition(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 0))
	pieces := []string{"a", "b", "ab", " ", " ", "  ", ",", ".", "`", "\t", "\r\n", "é", "e\u0301", "狗", "\x00", "\xff", "a word of its own ", "abcdefgh", "abcdefghi", "abcdefghijklmnopq", "A"}
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
			list[i] = random(6)
		}
		list = different(list)
		m := NewMode(list, MetaCLIP)
		var s Scratch
		for range 20 {
			text := random(30)
			if got, want := m.Find(nil, text, &s), spacedNaive(list, text); !slices.Equal(got, want) {
				t.Fatalf("seed %d: Find(%q) in %q = %v, want %v", seed, text, list, got, want)
			}
		}
	}
}

func FuzzFindMetaCLIP(f *testing.F) {
	f.Add("red fox", "fox", "a red  fox, quick")
	f.Add("", "c++", "狗c++.\n")
	f.Add("a\x00", ",", "a\x00,,\t")
	f.Fuzz(func(t *testing.T, q1, q2, text string) {
		list := different([]string{q1, q2})
		if got, want := NewMode(list, MetaCLIP).Find(nil, text, &Scratch{}), spacedNaive(list, text); !slices.Equal(got, want) {
			t.Fatalf("Find(%q) in %q = %v, want %v", text, list, got, want)
		}
	})
}

// glosses are the committed sample of real texts.
func glosses(tb testing.TB) []string {
	tb.Helper()
	data, err := os.ReadFile("testdata/glosses.txt")
	if err != nil {
		tb.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) < 1000 {
		tb.Fatalf("testdata/glosses.txt has only %d lines", len(lines))
	}
	return lines
}

// shipped is the shipped list, read once for all tests.
var shipped = sync.OnceValues(func() (*query.List, error) { return query.Read(queries.Name, queries.List) })

// entries are the shipped list's.
func entries(tb testing.TB) []string {
	tb.Helper()
	list, err := shipped()
	if err != nil {
		tb.Fatal(err)
	}
	return list.Texts()
}

// some are a twentieth of the shipped list's, with a few that tests look for.
func some(tb testing.TB) []string {
	list := []string{"Layers", "layers", "red", "fox", "red fox", "in", "the", "snow"}
	for i, text := range entries(tb) {
		if i%20 == 0 {
			list = append(list, text)
		}
	}
	return different(list)
}

// TestMetaCLIPOnRealTexts compares with the definition on real texts and the
// shipped list; a prime step keeps it short.
func TestMetaCLIPOnRealTexts(t *testing.T) {
	list := entries(t)
	m := NewMode(list, MetaCLIP)
	var s Scratch
	found := 0
	for i, text := range glosses(t) {
		if i%41 != 0 {
			continue
		}
		got, want := m.Find(nil, text, &s), spacedNaive(list, text)
		if !slices.Equal(got, want) {
			t.Fatalf("Find(%q) = %v, want %v", text, got, want)
		}
		found += len(got)
	}
	if found < 100 {
		t.Errorf("the sample holds only %d queries", found)
	}
}
