package balance

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
)

type pair struct {
	place, id uint64
	queries   []uint32
}

func capped(t *testing.T, pairs []pair, queries, limit, memory int) ([]uint64, []Counts) {
	t.Helper()
	c := NewCap(t.TempDir(), memory, queries, limit, 42)
	defer c.Close()
	for _, p := range pairs {
		if err := c.Add(p.place, p.id, p.queries); err != nil {
			t.Fatal(err)
		}
	}
	var kept []uint64
	for place, err := range c.Kept() {
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, place)
	}
	return kept, c.Counts()
}

// inMemory is the rule as it is written, with plain maps and sorts.
func inMemory(pairs []pair, limit int) []uint64 {
	hash := func(id uint64) uint64 {
		return xxhash.Sum64(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, 42), id))
	}
	byQuery := map[uint32][]pair{}
	for _, p := range pairs {
		for _, q := range p.queries {
			byQuery[q] = append(byQuery[q], p)
		}
	}
	keep := map[uint64]bool{}
	for _, group := range byQuery {
		slices.SortFunc(group, func(a, b pair) int {
			if hash(a.id) < hash(b.id) {
				return -1
			}
			return 1
		})
		for _, p := range group[:min(limit, len(group))] {
			keep[p.place] = true
		}
	}
	var out []uint64
	for place := range keep {
		out = append(out, place)
	}
	slices.Sort(out)
	return out
}

func randomPairs(r *rand.Rand, n, queries int) []pair {
	pairs := make([]pair, n)
	for i := range pairs {
		pairs[i] = pair{place: uint64(i), id: r.Uint64()}
		for range 1 + r.IntN(4) {
			// squared: few queries are frequent, many are rare
			x := r.Float64()
			pairs[i].queries = append(pairs[i].queries, uint32(x*x*float64(queries)))
		}
		slices.Sort(pairs[i].queries)
		pairs[i].queries = slices.Compact(pairs[i].queries)
	}
	return pairs
}

func TestCapAgreesWithASortInMemory(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 0))
	for _, limit := range []int{1, 3, 20, 1000} {
		pairs := randomPairs(r, 3000, 40)
		want := inMemory(pairs, limit)
		for _, memory := range []int{16 << 10, 16 << 20} {
			r.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
			got, counts := capped(t, pairs, 40, limit, memory)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, limit %d, memory %d: kept %d places, want %d", seed, limit, memory, len(got), len(want))
			}
			checkCounts(t, pairs, got, counts, limit)
		}
	}
}

func checkCounts(t *testing.T, pairs []pair, kept []uint64, counts []Counts, limit int) {
	t.Helper()
	before, after := make([]int64, len(counts)), make([]int64, len(counts))
	for _, p := range pairs {
		_, stays := slices.BinarySearch(kept, p.place)
		for _, q := range p.queries {
			before[q]++
			if stays {
				after[q]++
			}
		}
	}
	for q, c := range counts {
		want := Counts{Before: before[q], Own: min(before[q], int64(limit)), After: after[q]}
		if c != want {
			t.Fatalf("query %d: counts %+v, want %+v", q, c, want)
		}
	}
}

func TestLimitZeroKeepsAll(t *testing.T) {
	pairs := []pair{{0, 9, []uint32{0}}, {1, 8, []uint32{0}}, {2, 7, []uint32{0, 1}}}
	if got, _ := capped(t, pairs, 2, 0, 1<<20); !slices.Equal(got, []uint64{0, 1, 2}) {
		t.Errorf("kept %v, want all", got)
	}
}

func TestNothing(t *testing.T) {
	if got, _ := capped(t, nil, 2, 5, 1<<20); len(got) != 0 {
		t.Errorf("kept %v of nothing", got)
	}
}

func TestQueryOutsideTheList(t *testing.T) {
	c := NewCap(t.TempDir(), 1<<20, 2, 5, 0)
	if err := c.Add(0, 1, []uint32{2}); err == nil || !strings.Contains(err.Error(), "pairloom match") {
		t.Errorf("error is %v, want the cure", err)
	}
}
