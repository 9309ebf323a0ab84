package hamming

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
)

// listOf is words as a list.
func listOf(words []uint64) *bytes.Reader {
	b := make([]byte, 0, 8*len(words))
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return bytes.NewReader(b)
}

// size is how many words a test takes: what all comparisons of them take grows with its
// square. long is of make test-long, short of the race detector beside it.
func size(long, usual, short int) int {
	switch {
	case os.Getenv("PAIRLOOM_LONG") != "":
		return long
	case testing.Short():
		return short
	}
	return usual
}

// kernels are those that this processor has.
func kernels() map[string]kernel {
	list := map[string]kernel{"plain": plain}
	if fastest.few != plain.few {
		list["vectors"] = fastest
	}
	list["plain, parting often"] = kernel{plain.within, plain.next, 8, 24}
	return list
}

// joined runs Join and sorts what it finds.
func joined(t testing.TB, k kernel, words []uint64, o Options) []Pair {
	t.Helper()
	var mu sync.Mutex
	var all []Pair
	err := joinWith(t.Context(), k, listOf(words), int64(len(words)), o, func(batch []Pair) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, batch...)
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b Pair) int { return cmp.Or(cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B)) })
	return all
}

// bruteForce compares each word with each.
func bruteForce(words []uint64, distance int) []Pair {
	var all []Pair
	for a, w := range words {
		for b := a + 1; b < len(words); b++ {
			if bits.OnesCount64(w^words[b]) <= distance {
				all = append(all, Pair{uint32(a), uint32(b)})
			}
		}
	}
	return all
}

// skewed are sorted words of the kinds that hashes are of, none twice.
func skewed(r *rand.Rand, kind string, n int) []uint64 {
	words := make([]uint64, 0, n)
	flip := func(w uint64, most int) uint64 {
		for range r.IntN(most + 1) {
			w ^= 1 << r.IntN(64)
		}
		return w
	}
	for range n {
		switch kind {
		case "uniform":
			words = append(words, r.Uint64())
		case "one cluster":
			words = append(words, flip(0x0123456789abcdef, 7))
		case "few bits":
			var word uint64
			for range 3 {
				word |= 1 << r.IntN(64)
			}
			words = append(words, word)
		case "low bits":
			words = append(words, uint64(r.IntN(4*n)))
		case "clusters":
			if len(words) == 0 || r.IntN(3) == 0 {
				words = append(words, r.Uint64())
			} else {
				words = append(words, flip(words[r.IntN(len(words))], 5))
			}
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

var kinds = []string{"uniform", "one cluster", "few bits", "low bits", "clusters"}

func TestJoinFindsWhatComparingAllFinds(t *testing.T) {
	const seed = 3
	dir := t.TempDir()
	for _, kind := range kinds {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, distance := range []int{1, 2, 3, 4, 5, 6, 8, 10, MaxDistance} {
			n := size(3000, 800, 200)
			if distance > 4 {
				n = size(3000, 400, 150)
			}
			if distance > 6 {
				n = size(600, 250, 100)
			}
			words := skewed(r, kind, n)
			want := bruteForce(words, distance)
			for name, k := range kernels() {
				got := joined(t, k, words, Options{Distance: distance, Workers: 1 + distance%3, Dir: dir})
				if !slices.Equal(got, want) {
					t.Errorf("%s, distance %d, %s: %d pairs, want %d", kind, distance, name, len(got), len(want))
				}
			}
		}
	}
}

func TestEdges(t *testing.T) {
	for _, words := range [][]uint64{nil, {0}, {0, ^uint64(0)}, {0, 1}, {0, 0xf}, {0, 0x1f}, {1 << 63, 3 << 62}} {
		for name, k := range kernels() {
			if got, want := joined(t, k, words, Options{Distance: 4, Workers: 2}), bruteForce(words, 4); !slices.Equal(got, want) {
				t.Errorf("%x, %s: %v, want %v", words, name, got, want)
			}
		}
	}
	for _, distance := range []int{-1, 0, MaxDistance + 1} {
		if err := Join(t.Context(), listOf(nil), 0, Options{Distance: distance}, nil); err == nil {
			t.Errorf("distance %d is taken", distance)
		}
	}
	if err := Join(t.Context(), listOf(make([]uint64, 5)), 6, Options{Distance: 4}, nil); err == nil {
		t.Error("a list that ends early is taken")
	}
}

// TestMemoryAndWorkersChangeNothing joins more words than the memory holds at once,
// and words that all lie in one bin, which exceeds it.
func TestMemoryAndWorkersChangeNothing(t *testing.T) {
	const seed = 5
	n := size(300_000, 150_000, 90_000)
	for _, kind := range []string{"clusters", "low bits"} {
		words := skewed(rand.New(rand.NewPCG(seed, 1)), kind, n)
		distance := 4
		if kind == "low bits" {
			distance = 1 // it has as many near pairs as one bears
		}
		var want []Pair
		for _, o := range []Options{{Memory: 64 << 20, Workers: 1}, {Memory: leastMemory, Workers: 1}, {Memory: leastMemory, Workers: 7}, {Memory: 64 << 20, Workers: 4}} {
			o.Distance, o.Dir = distance, t.TempDir()
			got := joined(t, fastest, words, o)
			if want == nil {
				want = got
			}
			if len(got) == 0 || !slices.Equal(got, want) {
				t.Errorf("%s, %+v: %d pairs, want %d", kind, o, len(got), len(want))
			}
		}
	}
}

func TestJoinEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	words := skewed(rand.New(rand.NewPCG(1, 1)), "clusters", 100_000)
	var once sync.Once
	err := Join(ctx, listOf(words), int64(len(words)), Options{Distance: 6, Workers: 2}, func([]Pair) { once.Do(cancel) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

// FuzzJoin joins words that differ in bytes of the input.
func FuzzJoin(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdee"), uint8(4))
	f.Add(bytes.Repeat([]byte{0, 1, 2, 4, 8, 16, 32, 64}, 64), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, d uint8) {
		var words []uint64
		for last := uint64(0); len(data) >= 2 && len(words) < 2000; data = data[2:] {
			last ^= 1<<(data[0]%64) ^ uint64(data[1])<<(data[0]%57)
			words = append(words, last)
		}
		slices.Sort(words)
		words = slices.Compact(words)
		distance := int(d)%MaxDistance + 1
		want := bruteForce(words, distance)
		for name, k := range kernels() {
			if got := joined(t, k, words, Options{Distance: distance, Workers: 2}); !slices.Equal(got, want) {
				t.Fatalf("%s: %d pairs, want %d", name, len(got), len(want))
			}
		}
	})
}

func BenchmarkJoin(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		for _, kind := range []string{"uniform", "clusters"} {
			words := skewed(rand.New(rand.NewPCG(1, 1)), kind, n)
			list := listOf(words)
			for name, k := range kernels() {
				if name == "plain, parting often" {
					continue
				}
				b.Run(fmt.Sprintf("words=%d/kind=%s/kernel=%s", n, kind, name), func(b *testing.B) {
					for b.Loop() {
						if err := joinWith(b.Context(), k, list, int64(len(words)), Options{Distance: 4, Workers: 1, Memory: 1 << 30}, func([]Pair) {}); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(len(words))*float64(b.N)/b.Elapsed().Seconds(), "words/s")
				})
			}
		}
	}
}
