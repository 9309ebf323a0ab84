package dedup

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
)

// decide runs the pairs, in the order given, and returns place -> reason.
func decide(t *testing.T, o Options, pairs []Pair, memory int) map[uint64]string {
	t.Helper()
	e := NewExact(o, t.TempDir(), memory)
	defer e.Close()
	for i := range pairs {
		if err := e.Add(&pairs[i]); err != nil {
			t.Fatal(err)
		}
	}
	got := map[uint64]string{}
	for v, err := range e.Verdicts() {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := got[v.Place]; twice {
			t.Fatalf("two verdicts on place %d", v.Place)
		}
		if v.Reason != "" && v.Detail == "" {
			t.Fatalf("%s without detail", v.Reason)
		}
		got[v.Place] = v.Reason
	}
	if len(got) != len(pairs) {
		t.Fatalf("%d verdicts on %d pairs", len(got), len(pairs))
	}
	return got
}

func TestVerdicts(t *testing.T) {
	// Each pair is written picture.url.text, with a ! for a preferred source.
	parse := func(spec string) []Pair {
		var pairs []Pair
		for i, f := range strings.Fields(spec) {
			p := Pair{Place: uint64(i), PairID: uint64(100 - i), Preference: 1, QueryIDs: []uint32{1, 2}}
			if strings.HasSuffix(f, "!") {
				p.Preference = 0
			}
			if _, err := fmt.Sscanf(strings.TrimSuffix(f, "!"), "%d.%d.%d", &p.PictureHash, &p.ImageID, &p.TextHash); err != nil {
				t.Fatal(err)
			}
			pairs = append(pairs, p)
		}
		return pairs
	}
	const d, dp, ph, rt, ok = ReasonDuplicate, ReasonDuplicatePair, ReasonPlaceholder, ReasonRepeatedText, ""
	o := Options{Exact: "picture", MaxURLsPerPicture: 2, MaxPicturesPerText: 2}
	for _, tt := range []struct {
		name, exact, pairs string
		want               []string
	}{
		{"all differ", "picture", "1.1.1 2.2.2 3.3.3", []string{ok, ok, ok}},
		{"smallest pair id stays", "picture", "1.1.1 1.2.2", []string{d, ok}},
		{"preferred source stays", "picture", "1.1.1! 1.2.2", []string{ok, d}},
		{"two texts of one picture", "pair", "1.1.1 1.1.2 1.2.1", []string{dp, ok, ok}},
		{"none keeps all", "none", "1.1.1 1.1.1 1.2.1", []string{ok, ok, ok}},
		{"placeholder", "picture", "1.1.1 1.2.2 1.3.3 2.4.4", []string{ph, ph, ph, ok}},
		{"text under three pictures", "picture", "1.1.7 2.2.7 3.3.7 4.4.8", []string{rt, rt, rt, ok}},
		{"text under two pictures", "picture", "1.1.7 2.2.7", []string{ok, ok}},
		{"dropped duplicates do not count for the text", "picture", "1.1.7 1.2.7 2.3.7", []string{d, ok, ok}},
		{"nothing", "picture", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := o
			o.Exact = tt.exact
			got := decide(t, o, parse(tt.pairs), 1<<20)
			for place, want := range tt.want {
				if got[uint64(place)] != want {
					t.Errorf("place %d: %q, want %q", place, got[uint64(place)], want)
				}
			}
		})
	}
}

func TestSameVerdictsInAnyOrderAndMemory(t *testing.T) {
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 0))
	pairs := make([]Pair, 12000)
	for i := range pairs {
		pairs[i] = Pair{Place: uint64(i), PairID: r.Uint64(), PictureHash: uint64(r.IntN(3000)), TextHash: uint64(r.IntN(2000)), Preference: uint8(r.IntN(2))}
		pairs[i].ImageID = pairs[i].PictureHash*100 + uint64(r.IntN(6))
		if i < 6000 {
			pairs[i].PictureHash = 1 // one picture under thousands of addresses
			pairs[i].ImageID = uint64(i)
		}
	}
	for _, exact := range []string{"picture", "pair", "none"} {
		o := Options{Exact: exact, MaxURLsPerPicture: 5, MaxPicturesPerText: 4}
		want := decide(t, o, pairs, 64<<20)
		r.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
		if got := decide(t, o, pairs, 64<<10); !maps.Equal(got, want) {
			t.Errorf("seed %d, %s: verdicts depend on order or memory", seed, exact)
		}
	}
}
