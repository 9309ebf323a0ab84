package dedup

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
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
	o := Options{Exact: "picture", MaxURLsPerPicture: 2, MaxTextsPerPicture: 2, MaxPicturesPerText: 2}
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
		{"a picture under three texts", "none", "1.1.1 1.1.2 1.1.3 2.2.4", []string{ph, ph, ph, ok}},
		{"a picture under three texts, as pairs", "pair", "1.1.1 1.2.2 1.1.3", []string{ph, ph, ph}},
		{"a picture under two texts again and again", "none", "1.1.1 1.2.2 1.1.1 1.2.2", []string{ok, ok, ok, ok}},
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

// A picture with very many texts and very many pictures with one text are
// decided within the memory that was asked for.
func TestMemoryDoesNotGrowWithAGroup(t *testing.T) {
	const memory = 1 << 20
	pairs := 300_000 // at 16 bytes of each the heap would hold more than it may
	if os.Getenv("PAIRLOOM_LONG") != "" {
		pairs = 1_000_000
	}
	for name, pair := range map[string]func(i uint64) Pair{
		"one picture, a text each": func(i uint64) Pair { return Pair{Place: i, PairID: ^i, PictureHash: 1, ImageID: 1, TextHash: i} },
		"one text, a picture each": func(i uint64) Pair { return Pair{Place: i, PairID: i, PictureHash: i, ImageID: i, TextHash: 1} },
	} {
		for _, o := range []Options{
			{Exact: "picture"}, {Exact: "pair", MaxURLsPerPicture: 5, MaxPicturesPerText: pairs}, {Exact: "none", MaxURLsPerPicture: 50, MaxPicturesPerText: 10},
		} {
			t.Run(fmt.Sprintf("%s/%s", name, o.Exact), func(t *testing.T) {
				e := NewExact(o, t.TempDir(), memory)
				defer e.Close()
				peak := peakOfHeap{}
				peak.look()
				for i := range uint64(pairs) {
					p := pair(i)
					if err := e.Add(&p); err != nil {
						t.Fatal(err)
					}
				}
				n := 0
				for _, err := range e.Verdicts() {
					if err != nil {
						t.Fatal(err)
					}
					if n++; n%50_000 == 1 {
						peak.look()
					}
				}
				if n != pairs {
					t.Errorf("%d verdicts, want %d", n, pairs)
				}
				// The sorters' regions are bounded by their making; what else there is
				// lies on the heap.
				if got, most := peak.grown(), int64(memory+2<<20); got > most {
					t.Errorf("the heap grew by %d KiB, want at most %d", got>>10, most>>10)
				}
			})
		}
	}
}

// peakOfHeap is the most that lives on the heap when it is looked at.
type peakOfHeap struct{ first, most int64 }

func (p *peakOfHeap) look() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if p.most = max(p.most, int64(m.HeapAlloc)); p.first == 0 {
		p.first = p.most
	}
}

func (p *peakOfHeap) grown() int64 { return p.most - p.first }
