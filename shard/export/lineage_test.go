package export

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// TestOtherDataset holds that an export is replaced by that of its own dataset, whatever
// became of it, and by that of another when it is told so alone.
func TestOtherDataset(t *testing.T) {
	if testing.Short() {
		t.Skip("TestGrowsAndShrinks runs the same goroutines")
	}
	for _, tt := range []struct {
		name   string
		became func(g *growing) *growing // of one with the pairs 10 to 19 and 0 to 3
		other  bool
	}{
		{name: "it grew", became: func(g *growing) *growing { return g.change(3, [2]int{20, 40}, [2]int{4, 6}) }},
		{name: "all pairs went, others came", became: func(g *growing) *growing {
			return g.change(3, [2]int{20, 24}, [2]int{}, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0, 1, 2, 3)
		}},
		{name: "it was made anew in shards of another size, without most pairs", became: func(g *growing) *growing {
			return newDataset(g.t).change(2, [2]int{17, 30}, [2]int{3, 4})
		}},
		{name: "it was made anew without pairs", became: func(g *growing) *growing { return newDataset(g.t).change(2, [2]int{}, [2]int{}) }},
		{name: "another", became: func(g *growing) *growing { return newDataset(g.t).change(7, [2]int{100, 110}, [2]int{50, 54}) }, other: true},
		{name: "another of one pair", became: func(g *growing) *growing { return newDataset(g.t).change(7, [2]int{100, 101}, [2]int{}) }, other: true},
	} {
		for _, o := range each() {
			t.Run(tt.name+" "+o.Format, func(t *testing.T) {
				g := newDataset(t).change(4, [2]int{10, 20}, [2]int{0, 4})
				to := filepath.Join(t.TempDir(), "to")
				g.export(to, o)
				before := filesIn(t, to)
				g = tt.became(g)
				e := &Export{Dataset: g.open(), To: to, Options: o}
				_, err := e.Run(t.Context())
				var refused *RefusedError
				if !tt.other {
					if err != nil {
						t.Fatal(err)
					}
					g.wantRows(to, o)
					return
				}
				if !errors.As(err, &refused) || !strings.Contains(err.Error(), to+" holds the export of another dataset") || !strings.Contains(err.Error(), "give --replace") {
					t.Errorf("%v, want it refused", err)
				}
				sameFiles(t, "refused", filesIn(t, to), before)
				e.Replace = true
				if _, err := e.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				g.wantRows(to, o)
			})
		}
	}
}

// TestKnownPairs holds that the record names no pair that is gone.
func TestKnownPairs(t *testing.T) {
	g := newDataset(t).change(400, [2]int{100, 500}, [2]int{0, 20})
	to := filepath.Join(t.TempDir(), "to")
	g.export(to, Options{Format: Parquet})
	before, err := ReadRecord(t.Context(), to)
	if err != nil || len(before.Known) != mostKnown {
		t.Fatalf("%d pairs, %v, want %d", len(before.Known), err, mostKnown)
	}
	for n := range g.where {
		if shard.FormatPairID(pairOf(n).PairID) == before.Known[0] {
			g.change(400, [2]int{}, [2]int{}, n)
			break
		}
	}
	g.export(to, Options{Format: Parquet})
	after, err := ReadRecord(t.Context(), to)
	if err != nil || len(after.Known) != mostKnown || after.Known[0] != before.Known[1] || after.Known[mostKnown-2] != before.Known[mostKnown-1] {
		t.Errorf("%v, after that one went %v, %v", before.Known, after.Known, err)
	}
}
