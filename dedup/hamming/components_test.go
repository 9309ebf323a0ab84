package hamming

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// rootsOf are the roots that Components finds.
func rootsOf(t *testing.T, words []uint64, known *Known, o Options) []uint32 {
	t.Helper()
	f, err := Components(t.Context(), listOf(words), int64(len(words)), known, o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	roots := []uint32{}
	for p := range words {
		roots = append(roots, f.Root(uint32(p)))
	}
	return roots
}

// chained are the roots by comparing all, and following chains until nothing changes.
func chained(words []uint64, distance int) []uint32 {
	roots := make([]uint32, len(words))
	for p := range roots {
		roots[p] = uint32(p)
	}
	pairs := bruteForce(words, distance)
	for changed := true; changed; {
		changed = false
		for _, p := range pairs {
			if least := min(roots[p.A], roots[p.B]); roots[p.A] != least || roots[p.B] != least {
				roots[p.A], roots[p.B], changed = least, least, true
			}
		}
	}
	return roots
}

func TestComponentsAreThoseOfAllPairs(t *testing.T) {
	for _, kind := range kinds {
		words := skewed(rand.New(rand.NewPCG(2, 2)), kind, size(1500, 700, 250))
		for _, distance := range []int{1, 2, 4, 7} {
			want := chained(words, distance)
			for _, o := range []Options{{Workers: 1}, {Workers: 4, Memory: 64 << 20}} {
				o.Distance, o.Dir = distance, t.TempDir()
				if got := rootsOf(t, words, nil, o); !slices.Equal(got, want) {
					t.Errorf("%s, %+v: other components", kind, o)
				}
			}
		}
	}
}

// TestWhatIsKnownChangesNothing finds the components of lists of which some words are
// known, some not, and of which some of the known are gone.
func TestWhatIsKnownChangesNothing(t *testing.T) {
	const seed = 9
	r := rand.New(rand.NewPCG(seed, 0))
	for _, kind := range kinds {
		all := skewed(r, kind, size(1500, 1000, 500))
		distances := []int{1, 4, 7}
		if testing.Short() {
			distances = []int{3}
		}
		for _, distance := range distances {
			for _, tt := range []struct {
				name             string
				lost, added, cut float64 // shares of the list
			}{
				{"the same", 0, 0, 0}, {"a few new", 0, 0.01, 0}, {"a few gone", 0.002, 0, 0}, {"both", 0.002, 0.01, 0},
				{"most new", 0, 0.6, 0}, {"most gone", 0.6, 0, 0},
			} {
				var before, now []uint64
				for _, w := range all {
					x := r.Float64()
					if x >= tt.added {
						before = append(before, w)
					}
					if x < 1-tt.lost {
						now = append(now, w)
					}
				}
				o := Options{Distance: distance, Workers: 2, Memory: 64 << 20, Dir: t.TempDir()}
				var roots []byte
				for _, root := range rootsOf(t, before, nil, o) {
					roots = binary.LittleEndian.AppendUint32(roots, root)
				}
				known := &Known{listOf(before), bytes.NewReader(roots), int64(len(before))}
				if !slices.Equal(rootsOf(t, now, known, o), rootsOf(t, now, nil, o)) {
					t.Errorf("seed %d: %s, distance %d, %s: other components than those of the list alone", seed, kind, distance, tt.name)
				}
			}
		}
	}
}

func TestSetFindsWhatComparingAllFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, kind := range kinds {
		for _, distance := range []int{0, 1, 2, 4, 5, 10, 16} {
			for _, s := range []*Set{NewSet(distance), {kernel: plain}} {
				if s.blocks == nil {
					*s = *NewSet(distance)
					s.kernel = plain
				}
				words := skewed(r, kind, size(700, 700, 300))
				r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
				for n, w := range words {
					number, d, ok := s.First(w)
					want := slices.IndexFunc(words[:n], func(o uint64) bool { return len(bruteForce([]uint64{o, w}, distance)) > 0 })
					if ok != (want >= 0) || ok && (number != want || d > distance) {
						t.Fatalf("%s, distance %d: of %d words the first near is %d, %v; want %d", kind, distance, n, number, ok, want)
					}
					s.Add(w)
				}
				if s.Reset(); s.Len() != 0 {
					t.Error("words stay")
				}
				if _, _, ok := s.First(words[0]); ok {
					t.Error("an empty set has a near word")
				}
			}
		}
	}
}
