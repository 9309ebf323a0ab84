package dedup

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// nearVerdicts runs the pairs, in the order given, and returns place -> reason and
// detail.
func nearVerdicts(t *testing.T, pairs []Pair, o NearOptions) (map[uint64]string, Clusters) {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	n := NewNearPictures(t.Context(), o)
	defer n.Close()
	for i := range pairs {
		if err := n.Add(&pairs[i]); err != nil {
			t.Fatal(err)
		}
	}
	got := map[uint64]string{}
	for v, err := range n.Verdicts() {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := got[v.Place]; twice {
			t.Fatalf("two verdicts on place %d", v.Place)
		}
		if (v.Reason == "") != (v.Detail == "") {
			t.Fatalf("reason %q with detail %q", v.Reason, v.Detail)
		}
		got[v.Place] = v.Detail
	}
	if len(got) != len(pairs) {
		t.Fatalf("%d verdicts on %d pairs", len(got), len(pairs))
	}
	return got, n.Clusters()
}

// byRule decides as the documentation says, comparing each with each: which pair
// stays for each place, itself where it stays.
func byRule(pairs []Pair, o NearOptions) map[uint64]string {
	n := NearPictures{o: o}
	near := func(p, s *Pair) (distance int, ok bool) {
		distance = bits.OnesCount64(p.PHash ^ s.PHash)
		tells := min(telling(p.PHash), telling(s.PHash))
		return distance, distance == 0 && tells >= leastEqual || distance <= o.Distance && tells >= leastNear
	}

	sorted := slices.Clone(pairs)
	slices.SortFunc(sorted, func(a, b Pair) int {
		return cmp.Or(bytes.Compare(AppendPictureOrder(nil, a.HeldOut, &a), AppendPictureOrder(nil, b.HeldOut, &b)), cmp.Compare(a.Place, b.Place))
	})
	want := map[uint64]string{}
	var stay []Pair
pairs:
	for i, p := range sorted {
		var v Verdict
		for k := range sorted[:i] {
			if d, ok := near(&p, &sorted[k]); ok && p.HeldOut && !sorted[k].HeldOut {
				n.dropCopy(&v, sorted[k].PairID, d)
				want[p.Place] = v.Detail
				continue pairs
			}
		}
		want[p.Place] = ""
		for _, s := range stay {
			if d, ok := near(&p, &s); ok && !o.SidesOnly {
				if s.PictureHash != p.PictureHash {
					n.drop(&v, s.PairID, d)
					want[p.Place] = v.Detail
				}
				continue pairs
			}
		}
		stay = append(stay, p)
	}
	return want
}

const balanced = 0x0f0f0f0f0f0f0f0f // 32 bits set

func TestWhichOfNearPicturesStays(t *testing.T) {
	// Each pair is written as the bits of balanced that its hash flips, then pixels,
	// characters and preference, and ! where it is held out; pair ids fall.
	for _, tt := range []struct {
		name, pairs string
		distance    int
		want        string // for each pair the one that it is dropped for, - where it stays
	}{
		{"far apart", "0:9:1:0 ff:9:1:0", 4, "- -"},
		{"the largest picture stays", "0:9:1:0 1:10:1:0 3:8:1:0", 4, "1 - 1"},
		{"then the longest text", "0:9:1:0 1:9:3:1 3:9:2:0", 4, "1 - 1"},
		{"then the preferred source", "0:9:1:1 1:9:1:1 3:9:1:0", 4, "2 2 -"},
		{"then the smallest pair id", "0:9:1:0 1:9:1:0", 4, "1 -"},
		{"at the distance", "0:9:1:0 f:8:1:0", 4, "- 0"},
		{"beyond the distance", "0:9:1:0 1f:8:1:0", 4, "- -"},
		{"equal hashes", "0:9:1:0 0:8:1:0", 1, "- 0"},
		{"a chain has more than one that stays", "0:9:1:0 f:8:1:0 ff:7:1:0", 4, "- 0 -"},
		{"a chain around its middle", "0:8:1:0 f:9:1:0 ff:7:1:0", 4, "1 - 1"},
		{"of two that stay the first drops", "0:9:1:0 ff:8:1:0 f:7:1:0", 4, "- - 0"},
		{"one that is trained on before a larger one that is held out", "0:9:1:0! 1:8:1:0 3:7:1:0!", 4, "1 - 1"},
		{"the largest of those held out where all are", "0:8:1:0! 1:9:1:0! 3:7:1:0!", 4, "1 - 1"},
		{"equal hashes, one trained on", "0:9:1:0! 0:8:1:0", 1, "1 -"},
		{"held out, and near to one that is trained on and goes", "0:9:1:0 f:8:1:0 ff:10:1:0!", 4, "- 0 1"},
		{"held out, and near to one held out that goes", "0:9:1:0 f:8:1:0! ff:7:1:0!", 4, "- 0 -"},
		{"nothing", "", 4, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var pairs []Pair
			for i, f := range strings.Fields(tt.pairs) {
				p := Pair{Place: uint64(i), PairID: uint64(100 - i), PictureHash: uint64(i)}
				var flips uint64
				if _, err := fmt.Sscanf(f, "%x:%d:%d:%d", &flips, &p.Pixels, &p.Characters, &p.Preference); err != nil {
					t.Fatal(err)
				}
				p.PHash, p.HeldOut = balanced^flips, strings.HasSuffix(f, "!")
				pairs = append(pairs, p)
			}
			got, _ := nearVerdicts(t, pairs, NearOptions{Distance: tt.distance})
			for place, stays := range strings.Fields(tt.want) {
				if detail := got[uint64(place)]; stays == "-" && detail != "" || stays != "-" && !strings.Contains(detail, fmt.Sprintf("pair %016x,", 100-int(stays[0]-'0'))) {
					t.Errorf("pair %d: %q, want that %s stays for it", place, detail, stays)
				}
			}
			if want := byRule(pairs, NearOptions{Distance: tt.distance}); !maps.Equal(got, want) {
				t.Errorf("%v, want by the rule %v", got, want)
			}
		})
	}
}

func TestDegenerateHashesSayLittle(t *testing.T) {
	ones := func(n int) uint64 { return 1<<n - 1 }
	for _, tt := range []struct {
		name    string
		a, b    uint64
		dropped bool
	}{
		{"flat, equal", 0, 0, false},
		{"flat with the mean set, equal", 1, 1, false},
		{"all set, equal", ^uint64(0), ^uint64(0), false},
		{"11 bits, equal", ones(11), ones(11), false},
		{"12 bits, equal", ones(12), ones(12), true},
		{"12 clear, equal", ^ones(12), ^ones(12), true},
		{"11 clear, equal", ^ones(11), ^ones(11), false},
		{"19 bits, near", ones(19), ones(18) | 1<<40, false},
		{"20 bits, near", ones(20), ones(19) | 1<<40, true},
		{"20 and 19 bits, near", ones(20), ones(19), false},
		{"20 clear, near", ^ones(20), ^ones(21), true},
		{"half, near", balanced, balanced ^ 3, true},
	} {
		pairs := []Pair{{Place: 0, PairID: 1, PHash: tt.a, PictureHash: 1}, {Place: 1, PairID: 2, PHash: tt.b, PictureHash: 2}}
		got, _ := nearVerdicts(t, pairs, NearOptions{Distance: 4})
		if got[0] != "" || (got[1] != "") != tt.dropped {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestPairsOfThePictureThatStaysStay(t *testing.T) {
	p := func(place, picture, phash, pixels uint64) Pair {
		return Pair{Place: place, PairID: place, PictureHash: picture, PHash: phash, Pixels: pixels}
	}
	for _, pairs := range [][]Pair{
		{p(0, 7, balanced, 9), p(1, 7, balanced, 9), p(2, 8, balanced, 9), p(3, 8, balanced, 9)},
		{p(0, 7, balanced, 9), p(1, 7, balanced, 9), p(2, 8, balanced^1, 8), p(3, 8, balanced^1, 8)},
	} {
		got, sizes := nearVerdicts(t, pairs, NearOptions{Distance: 4})
		if got[0] != "" || got[1] != "" || got[2] == "" || got[3] == "" {
			t.Errorf("%v", got)
		}
		if want := (Clusters{2: 1}); sizes != want {
			t.Errorf("clusters %v, want one of four", sizes)
		}
	}
}

// TestClusterSizes holds the classes of sizes: 1, 2, 3 to 4, 5 to 8.
func TestClusterSizes(t *testing.T) {
	for size := int64(1); size < 200; size++ {
		var c Clusters
		c.count(size)
		for i, n := range c {
			if from, to := ClusterSize(i); (n == 1) != (from <= size && size <= to) && i < 62 {
				t.Errorf("a cluster of %d is counted %d times among those of %d to %d", size, n, from, to)
			}
		}
	}
	for i, want := range [][2]int64{{1, 1}, {2, 2}, {3, 4}, {5, 8}, {9, 16}} {
		if from, to := ClusterSize(i); from != want[0] || to != want[1] {
			t.Errorf("element %d is of %d to %d, want %v", i, from, to, want)
		}
	}
}

// hashedPairs are pairs with hashes in clusters, chains, equal ones and flat ones.
func hashedPairs(r *rand.Rand, n int) []Pair {
	pairs := make([]Pair, n)
	for i := range pairs {
		h := r.Uint64()
		switch x := r.IntN(10); {
		case i > 0 && x < 5: // a copy
			h = pairs[r.IntN(i)].PHash
			for range r.IntN(5) {
				h ^= 1 << r.IntN(64)
			}
		case x == 5:
			h = uint64(r.IntN(3))
		case x == 6: // a ball in which all hang together
			h = balanced
			for range r.IntN(9) {
				h ^= 1 << r.IntN(64)
			}
		}
		pairs[i] = Pair{Place: uint64(i), PairID: r.Uint64(), PictureHash: uint64(r.IntN(n)), PHash: h, Pixels: uint64(r.IntN(50)), Characters: uint32(r.IntN(20)), Preference: uint8(r.IntN(3)), HeldOut: r.IntN(5) == 0}
	}
	// The same bytes have the same hash, size and side.
	first := map[uint64]int{}
	for i := range pairs {
		if at, ok := first[pairs[i].PictureHash]; ok {
			pairs[i].PHash, pairs[i].Pixels, pairs[i].HeldOut = pairs[at].PHash, pairs[at].Pixels, pairs[at].HeldOut
		} else {
			first[pairs[i].PictureHash] = i
		}
	}
	return pairs
}

func TestNearVerdictsAreThoseOfTheRule(t *testing.T) {
	const seed = 21
	r := rand.New(rand.NewPCG(seed, 0))
	pairs := hashedPairs(r, 6000)
	for _, distance := range []int{1, 3, 4, 8, 10} {
		for _, o := range []NearOptions{{Memory: 64 << 20, Workers: 1}, {Memory: 128 << 10, Workers: 5}, {Memory: 64 << 20, Workers: 2, SidesOnly: true}} {
			o.Distance = distance
			want := byRule(pairs, o)
			r.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
			if got, _ := nearVerdicts(t, pairs, o); !maps.Equal(got, want) {
				t.Errorf("seed %d, distance %d, %+v: verdicts other than the rule's", seed, distance, o)
			}
		}
	}
}

// TestASurvivorWaitsForRoom has more pictures stay in one component than memory has
// room for.
func TestASurvivorWaitsForRoom(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	var pairs []Pair
	h := uint64(balanced)
	for i := range 9000 { // a chain of steps of two bits, that keeps half of them set
		pairs = append(pairs, Pair{Place: uint64(i), PairID: r.Uint64(), PictureHash: uint64(i), PHash: h, Pixels: uint64(r.IntN(9000)), HeldOut: i/50%3 == 2})
		for set, clear := r.IntN(64), r.IntN(64); ; set, clear = r.IntN(64), r.IntN(64) {
			if h>>set&1 == 0 && h>>clear&1 == 1 {
				h ^= 1<<set | 1<<clear
				break
			}
		}
	}
	for _, sidesOnly := range []bool{false, true} {
		o := NearOptions{Distance: 4, Memory: 1 << 20, Workers: 2, SidesOnly: sidesOnly}
		want := byRule(pairs, o)
		if stay := len(pairs) - len(slices.DeleteFunc(slices.Collect(maps.Values(want)), func(d string) bool { return d == "" })); stay < 2048 {
			t.Fatalf("only %d stay", stay)
		}
		if got, _ := nearVerdicts(t, pairs, o); !maps.Equal(got, want) {
			t.Errorf("%+v: verdicts other than the rule's", o)
		}
	}
}

// TestWhatIsKeptChangesNothing runs with the file of an earlier run, of other pairs,
// and with damaged ones: verdicts and the file it leaves are those without.
func TestWhatIsKeptChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	pairs := hashedPairs(r, 4000)
	run := func(state string, pairs []Pair, distance int) (map[uint64]string, []byte) {
		got, _ := nearVerdicts(t, pairs, NearOptions{Distance: distance, Memory: 64 << 20, Workers: 2, State: state})
		data, err := os.ReadFile(state)
		if err != nil {
			t.Fatal(err)
		}
		return got, data
	}
	want, file := run(filepath.Join(t.TempDir(), "near"), pairs, 4)
	for name, before := range map[string]func(state string){
		"the same pairs": func(state string) { run(state, pairs, 4) },
		"fewer pairs":    func(state string) { run(state, pairs[:3950], 4) },
		"more pairs": func(state string) {
			more := hashedPairs(r, 40)
			for i := range more {
				more[i].Place += uint64(len(pairs))
			}
			run(state, append(more, pairs...), 4)
		},
		"other pairs":      func(state string) { run(state, hashedPairs(r, 1000), 4) },
		"another distance": func(state string) { run(state, pairs, 5) },
		"no pairs":         func(state string) { run(state, nil, 4) },
		"a bit flipped": func(state string) {
			run(state, pairs[:3950], 4)
			file, _ := os.ReadFile(state)
			file[len(file)/2] ^= 4
			os.WriteFile(state, file, 0o644)
		},
		"its end cut off": func(state string) { run(state, pairs, 4); os.Truncate(state, 100) },
		"empty":           func(state string) { os.WriteFile(state, nil, 0o644) },
		"none":            func(state string) {},
	} {
		state := filepath.Join(t.TempDir(), "near")
		before(state)
		got, now := run(state, pairs, 4)
		if !maps.Equal(got, want) || !bytes.Equal(now, file) {
			t.Errorf("%s: the verdicts are equal: %v; the file: %v", name, maps.Equal(got, want), bytes.Equal(now, file))
		}
	}
}

func TestNearPicturesEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := NewNearPictures(ctx, NearOptions{Distance: 4, Dir: t.TempDir(), Memory: 1 << 20, Workers: 2})
	defer n.Close()
	for _, p := range hashedPairs(rand.New(rand.NewPCG(1, 1)), 100) {
		if err := n.Add(&p); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	for _, err := range n.Verdicts() {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
	}
}
