package balance

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
)

type pair struct {
	place, id uint64
	queries   []uint32
}

// chosen gives the places that stay, ascending, and the counts.
func chosen(t *testing.T, pairs []pair, o Options) ([]uint64, []Counts) {
	t.Helper()
	o.Dir = t.TempDir()
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, p := range pairs {
		if err := b.Add(p.place, p.id, p.queries); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Settle(); err != nil {
		t.Fatal(err)
	}
	var kept []uint64
	for _, p := range pairs {
		keeps := b.Keeps(p.place, p.id, p.queries)
		if b.Stays(p.place, p.id, p.queries) {
			kept = append(kept, p.place)
			keeps = !keeps
		}
		if keeps {
			t.Fatalf("place %d: Keeps and Stays disagree", p.place)
		}
	}
	slices.Sort(kept)
	if left, _ := os.ReadDir(o.Dir); len(left) != 0 {
		t.Errorf("temporary files left: %v", left)
	}
	return kept, b.Counts()
}

func seededHash(seed, id uint64) uint64 {
	return xxhash.Sum64(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, seed), id))
}

// inMemory is the cap's rule as it is written, with plain maps and sorts.
func inMemory(pairs []pair, limit int, seed uint64) []uint64 {
	byQuery := map[uint32][]pair{}
	for _, p := range pairs {
		for _, q := range p.queries {
			byQuery[q] = append(byQuery[q], p)
		}
	}
	keep := map[uint64]bool{}
	for _, group := range byQuery {
		slices.SortFunc(group, func(a, b pair) int {
			return rank{seededHash(seed, a.id), a.id, a.place}.compare(rank{seededHash(seed, b.id), b.id, b.place})
		})
		for _, p := range group[:min(limit, len(group))] {
			keep[p.place] = true
		}
	}
	return slices.Sorted(maps.Keys(keep))
}

func randomPairs(r *rand.Rand, n, queries int) []pair {
	pairs := make([]pair, n)
	for i := range pairs {
		pairs[i] = pair{place: uint64(i), id: r.Uint64()}
		for range 1 + r.IntN(6) {
			// squared: few queries are frequent, many are rare
			x := r.Float64()
			pairs[i].queries = append(pairs[i].queries, uint32(x*x*float64(queries)))
		}
		slices.Sort(pairs[i].queries)
		pairs[i].queries = slices.Compact(pairs[i].queries)
	}
	return pairs
}

func shuffled(r *rand.Rand, pairs []pair) []pair {
	pairs = slices.Clone(pairs)
	r.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	return pairs
}

func TestCapAgreesWithASortInMemory(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 0))
	for _, tt := range []struct{ pairs, queries int }{{1, 1}, {50, 3}, {3000, 40}, {30000, 300}} {
		pairs := randomPairs(r, tt.pairs, tt.queries)
		for _, limit := range []int{1, 2, 3, 20, 1000} {
			want := inMemory(pairs, limit, 42)
			for _, memory := range []int{64 << 10, 1 << 20, 64 << 20} {
				got, counts := chosen(t, shuffled(r, pairs), Options{Mode: Cap, Limit: limit, Seed: 42, Queries: tt.queries, Memory: memory})
				if !slices.Equal(got, want) {
					t.Fatalf("seed %d, %+v, limit %d, memory %d: kept %d places, want %d", seed, tt, limit, memory, len(got), len(want))
				}
				checkCounts(t, pairs, got, counts)
				for q, c := range counts {
					if c.Own != min(c.Before, int64(limit)) {
						t.Fatalf("query %d: keeps %d of %d itself, limit %d", q, c.Own, c.Before, limit)
					}
				}
			}
		}
	}
}

// Ids whose hashes all lie together, and ids that repeat, are not what the
// brackets expect; they take more walks and give the same choice.
func TestCapOfUnevenHashes(t *testing.T) {
	const seed = 8
	r := rand.New(rand.NewPCG(seed, 0))
	var low, same []pair
	for i := uint64(0); len(low) < 6000; i++ {
		if seededHash(42, i)>>56 == 0x7f { // one 256th of the range
			low = append(low, pair{uint64(len(low)), i, []uint32{0}})
		}
	}
	for i := range uint64(9000) {
		same = append(same, pair{i, 77 + i/8999, []uint32{0}}) // all but one have the same id
	}
	gap := slices.Clone(low[:3000])
	for i := range uint64(3000) {
		gap = append(gap, pair{3000 + i, r.Uint64(), []uint32{0}})
	}
	for name, pairs := range map[string][]pair{"low": low, "same": same, "gap": gap} {
		for _, limit := range []int{1, 7, 1000, 2999, 3000, 3001, 5999, 8999} {
			got, _ := chosen(t, shuffled(r, pairs), Options{Mode: Cap, Limit: limit, Seed: 42, Queries: 1, Memory: 1})
			if want := inMemory(pairs, limit, 42); !slices.Equal(got, want) {
				t.Fatalf("%s, seed %d, limit %d: kept %d places, want %d", name, seed, limit, len(got), len(want))
			}
		}
	}
}

func checkCounts(t *testing.T, pairs []pair, kept []uint64, counts []Counts) {
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
		if c.Before != before[q] || c.After != after[q] || c.Own > c.After {
			t.Fatalf("query %d: counts %+v, want %d before and %d after", q, c, before[q], after[q])
		}
	}
}

func TestNoLimitKeepsAll(t *testing.T) {
	pairs := []pair{{0, 9, []uint32{0}}, {1, 8, []uint32{0}}, {2, 7, []uint32{0, 1}}}
	for _, mode := range []Mode{Cap, Probability} {
		if got, _ := chosen(t, pairs, Options{Mode: mode, Queries: 2}); !slices.Equal(got, []uint64{0, 1, 2}) {
			t.Errorf("%s kept %v, want all", mode, got)
		}
		if got, _ := chosen(t, nil, Options{Mode: mode, Queries: 2, Limit: 5}); len(got) != 0 {
			t.Errorf("%s kept %v of nothing", mode, got)
		}
	}
}

// The use before fetching must not take away what the final cap would have kept.
func TestMarginKeepsWhatTheFinalCapKeeps(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	pairs := randomPairs(r, 5000, 30)
	final := Options{Mode: Cap, Limit: 40, Seed: 9, Queries: 30}
	before := final
	before.Margin = 1.5
	want, _ := chosen(t, pairs, final)
	first, counts := chosen(t, pairs, before)
	for q, c := range counts {
		if c.Own != min(c.Before, 60) {
			t.Errorf("query %d keeps %d of %d itself, want 60", q, c.Own, c.Before)
		}
	}
	var rest []pair
	for _, place := range first {
		rest = append(rest, pairs[place])
	}
	if got, _ := chosen(t, rest, final); !slices.Equal(got, want) {
		t.Errorf("the final cap keeps %d pairs after the first one, %d without it", len(got), len(want))
	}
}

// TestProbabilityKeepsItsShare holds what each query keeps against the binomial
// distribution, and what stays against 1 - prod(1-p).
func TestProbabilityKeepsItsShare(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 0))
	const queries, limit = 60, 300
	pairs := randomPairs(r, 20000, queries)
	for seed := range uint64(5) {
		kept, counts := chosen(t, pairs, Options{Mode: Probability, Limit: limit, Seed: seed, Queries: queries})
		checkCounts(t, pairs, kept, counts)
		p := func(q uint32) float64 { return min(1, limit/float64(counts[q].Before)) }
		for q, c := range counts {
			share := p(uint32(q))
			mean, sd := share*float64(c.Before), math.Sqrt(share*(1-share)*float64(c.Before))
			if math.Abs(float64(c.Own)-mean) > 4.5*sd { // 300 draws: one in 500 fails if the seeds change
				t.Errorf("seed %d: query %d keeps %d of %d itself, want %.0f ± %.0f", seed, q, c.Own, c.Before, mean, sd)
			}
		}
		// Pairs apart by their number of queries: were the draws of a pair's
		// queries one and the same, pairs of many queries would stay too rarely.
		var stay, mean, variance [7]float64
		for _, x := range pairs {
			lost := 1.0
			for _, q := range x.queries {
				lost *= 1 - p(q)
			}
			n := len(x.queries)
			mean[n] += 1 - lost
			variance[n] += lost * (1 - lost)
			if _, stays := slices.BinarySearch(kept, x.place); stays {
				stay[n]++
			}
		}
		for n := range stay {
			if math.Abs(stay[n]-mean[n]) > 4.5*math.Sqrt(variance[n]) {
				t.Errorf("seed %d: of pairs with %d queries %.0f stay, want %.1f ± %.1f", seed, n, stay[n], mean[n], math.Sqrt(variance[n]))
			}
		}
	}
}

func TestProbabilityIsTheSameInAnyOrderAndMemory(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 0))
	pairs := randomPairs(r, 20000, 50)
	o := Options{Mode: Probability, Limit: 100, Seed: 4, Queries: 50}
	want, wantCounts := chosen(t, pairs, o)
	for _, o.Memory = range []int{1, 1 << 20} {
		got, counts := chosen(t, shuffled(r, pairs), o)
		if !slices.Equal(got, want) || !slices.Equal(counts, wantCounts) {
			t.Errorf("memory %d: another order gives another choice", o.Memory)
		}
	}
	o.Seed++
	if other, _ := chosen(t, pairs, o); slices.Equal(other, want) {
		t.Error("another seed gives the same choice")
	}
}

// Both uses together must keep about the limit, as the final one alone would.
func TestProbabilityDrawsAnewAfterFetching(t *testing.T) {
	var pairs []pair
	r := rand.New(rand.NewPCG(13, 0))
	for i := range uint64(40000) {
		pairs = append(pairs, pair{i, r.Uint64(), []uint32{0}})
	}
	o := Options{Mode: Probability, Limit: 1000, Seed: 1, Queries: 1, Margin: 2}
	first, _ := chosen(t, pairs, o)
	var rest []pair
	for _, place := range first {
		rest = append(rest, pairs[place])
	}
	o.Margin = 0
	kept, _ := chosen(t, rest, o)
	if math.Abs(float64(len(first))-2000) > 200 || math.Abs(float64(len(kept))-1000) > 100 {
		t.Errorf("of 40000 pairs %d stay before fetching and %d after, want about 2000 and 1000", len(first), len(kept))
	}
}

func TestPairsWithoutAQueryStay(t *testing.T) {
	var pairs []pair
	for id := range uint64(40) {
		p := pair{place: id, id: id}
		if id%2 == 0 {
			p.queries = []uint32{0}
		}
		pairs = append(pairs, p)
	}
	for _, mode := range []Mode{Cap, Probability} {
		kept, counts := chosen(t, pairs, Options{Mode: mode, Queries: 1, Limit: 3})
		without := 0
		for _, id := range kept {
			if id%2 == 1 {
				without++
			}
		}
		if without != 20 || int64(len(kept)-without) != counts[0].After || len(kept) > 35 {
			t.Errorf("%s: of 20 pairs without a query %d stay, of all %d; %+v", mode, without, len(kept), counts)
		}
	}
}

func TestErrors(t *testing.T) {
	if _, err := New(Options{Mode: "best"}); err == nil || !strings.Contains(err.Error(), "probability") {
		t.Errorf("error is %v, want the modes", err)
	}
	b, err := New(Options{Mode: Cap, Queries: 2, Limit: 5, Memory: 1, Dir: "/nonexistent/folder"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Add(0, 1, []uint32{0, 2}); err == nil || !strings.Contains(err.Error(), "pairloom match") {
		t.Errorf("error is %v, want the cure", err)
	}
	if b.Counts()[0].Before != 0 {
		t.Error("a pair that was refused is counted")
	}
	for i := uint64(0); i < 5000 && err == nil; i++ {
		err = b.Add(i, i, []uint32{0})
	}
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/folder") {
		t.Errorf("error is %v, want the folder that cannot be written", err)
	}
}

func TestAddAllocatesNothing(t *testing.T) {
	b, err := New(Options{Mode: Cap, Queries: 8, Limit: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	queries := []uint32{1, 3, 5}
	if n := testing.AllocsPerRun(1000, func() {
		if err := b.Add(1, 2, queries); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a pair, want none but a block now and then", n)
	}
}

func BenchmarkBalance(b *testing.B) {
	for _, mode := range []Mode{Cap, Probability} {
		b.Run(fmt.Sprintf("mode=%s/pairs=100000", mode), func(b *testing.B) {
			pairs := randomPairs(rand.New(rand.NewPCG(1, 1)), 100_000, 1000)
			rows := 0
			for _, p := range pairs {
				rows += len(p.queries)
			}
			b.ReportAllocs()
			for b.Loop() {
				x, err := New(Options{Mode: mode, Limit: 100, Queries: 1000, Dir: b.TempDir()})
				if err != nil {
					b.Fatal(err)
				}
				for _, p := range pairs {
					if err := x.Add(p.place, p.id, p.queries); err != nil {
						b.Fatal(err)
					}
				}
				if err := x.Settle(); err != nil {
					b.Fatal(err)
				}
				for _, p := range pairs {
					x.Stays(p.place, p.id, p.queries)
				}
				x.Close()
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
