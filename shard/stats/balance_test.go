package stats

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// someCounts are n queries whose pairs fall as 1/rank, under a cap of 25.
func someCounts(n int) []QueryCount {
	var counts []QueryCount
	for i := range n {
		before := int64(2000/(i+1)) + 1
		own := min(before, 25)
		counts = append(counts, QueryCount{ID: uint32(i * 7919 % 1000), Query: fmt.Sprintf("query & <%d>", i), Before: before, Own: own, After: own + (before-own)/8})
	}
	slices.SortFunc(counts, func(a, b QueryCount) int { return int(a.ID) - int(b.ID) })
	return counts
}

func TestBalanceAddsUp(t *testing.T) {
	counts := someCounts(300)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(counts), func(i, j int) { counts[i], counts[j] = counts[j], counts[i] })
	b := BalanceOf(slices.Clone(counts), 1000, "cap", 25)
	var before, own, after, over, overAfter int64
	for _, c := range counts {
		before, own, after = before+c.Before, own+c.Own, after+c.After
		if c.Before > 25 {
			over++
		}
		if c.After > 25 {
			overAfter++
		}
	}
	last := b.Curve[len(b.Curve)-1]
	for _, tt := range []struct {
		name      string
		got, want int64
	}{
		{"matches before", b.Before, before}, {"own", b.Own, own}, {"after", b.After, after},
		{"over before", b.Over, over}, {"over after", b.OverAfter, overAfter},
		{"empty", b.Empty, 700}, {"listed", b.Listed, 1000},
		{"last point, rank", last.Rank, 300}, {"last point, before", last.Before, before}, {"last point, after", last.After, after},
		{"most pairs", b.Head[0].Before, 2001}, {"head", int64(len(b.Head)), headQueries},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, tt.got, tt.want)
		}
	}
	var queriesBefore, queriesAfter int64
	for _, s := range b.Sizes {
		queriesBefore, queriesAfter = queriesBefore+s.Before, queriesAfter+s.After
	}
	if queriesBefore != 1000 || queriesAfter != 1000 {
		t.Errorf("the sizes hold %d queries before and %d after, want all 1000", queriesBefore, queriesAfter)
	}
	for k, l := range b.Limits {
		var matches, tail, over int64
		for _, c := range counts {
			matches += min(c.Before, l.Limit)
			if c.Before <= l.Limit {
				tail += c.Before
			} else {
				over++
			}
		}
		if want := (QueryLimit{l.Limit, over, matches, tail}); l != want || last.Limits[k] != matches {
			t.Errorf("limit %+v, last point %d, want %+v", l, last.Limits[k], want)
		}
	}
}

func TestBalanceOfNothing(t *testing.T) {
	b := BalanceOf(nil, 10, "probability", 5)
	if b.Empty != 10 || balanceViewOf(b) != nil || balanceViewOf(nil) != nil {
		t.Errorf("%+v", b)
	}
}
