package stats

import (
	"cmp"
	"slices"
)

// Balance tells what balancing did to the queries.
type Balance struct {
	Mode   string `json:"mode"`
	Limit  int64  `json:"max_pairs_per_query"` // 0: none
	Listed int64  `json:"listed"`              // queries of the list
	Empty  int64  `json:"empty"`               // of these, without a pair before balancing
	Over   int64  `json:"over_before"`         // with more pairs than the limit before
	// OverAfter is how many still have more than the limit, through pairs that
	// rarer queries keep.
	OverAfter int64 `json:"over_after"`

	Before int64 `json:"matches_before"` // sum over pairs of their queries
	Own    int64 `json:"matches_own"`    // of these, kept by the query itself
	After  int64 `json:"matches_after"`  // of these, kept by the query or another

	Head   []QueryCount   `json:"head"`   // most pairs before, first
	Sizes  []QuerySize    `json:"sizes"`  // the tail
	Limits []QueryLimit   `json:"limits"` // what other limits would do
	Curve  []BalancePoint `json:"curve"`
}

// QuerySize counts the queries that have From to To pairs.
type QuerySize struct {
	From   int64 `json:"from"`
	To     int64 `json:"to"`
	Before int64 `json:"queries_before"`
	After  int64 `json:"queries_after"`
}

// QueryLimit says what limit t would do.
type QueryLimit struct {
	Limit   int64 `json:"t"`
	Over    int64 `json:"queries_over"`
	Matches int64 `json:"matches"` // sum over queries of min(pairs before, t)
	// Tail is the matches of queries with at most t pairs. Its share of all is by
	// what MetaCLIP chooses t: 6% for English (arXiv 2309.16671, section 3.3).
	Tail int64 `json:"tail_matches"`
}

// BalancePoint says how many matches the Rank queries with the most pairs before
// balancing hold in all: before, after, and under each of Balance.Limits.
type BalancePoint struct {
	Rank   int64   `json:"rank"`
	Before int64   `json:"before"`
	After  int64   `json:"after"`
	Limits []int64 `json:"limits"`
}

const headQueries = 30

// BalanceOf sums up the counts of the queries that have pairs, of a list of
// listed queries. It keeps no part of counts, which it sorts.
func BalanceOf(counts []QueryCount, listed int, mode string, limit int64) *Balance {
	slices.SortFunc(counts, func(a, b QueryCount) int {
		if a.Before != b.Before {
			return cmp.Compare(b.Before, a.Before)
		}
		return cmp.Compare(a.ID, b.ID)
	})
	b := &Balance{
		Mode: mode, Limit: limit, Listed: int64(listed), Empty: int64(listed - len(counts)),
		Head: append([]QueryCount{}, counts[:min(headQueries, len(counts))]...), Sizes: []QuerySize{}, Limits: []QueryLimit{}, Curve: []BalancePoint{},
	}
	b.layOut(counts)
	sums := make([]int64, len(b.Limits))
	next := int64(1)
	for i, c := range counts {
		b.Before, b.Own, b.After = b.Before+c.Before, b.Own+c.Own, b.After+c.After
		if limit > 0 && c.Before > limit {
			b.Over++
		}
		if limit > 0 && c.After > limit {
			b.OverAfter++
		}
		for k := range b.Sizes {
			s := &b.Sizes[k]
			if c.Before >= s.From && c.Before <= s.To {
				s.Before++
			}
			if c.After >= s.From && c.After <= s.To {
				s.After++
			}
		}
		for k := range b.Limits {
			l := &b.Limits[k]
			sums[k] += min(c.Before, l.Limit)
			if c.Before > l.Limit {
				l.Over++
			} else {
				l.Tail += c.Before
			}
		}
		// As in queriesOf: about 5% apart.
		if rank := int64(i + 1); rank >= next || i == len(counts)-1 {
			b.Curve = append(b.Curve, BalancePoint{rank, b.Before, b.After, slices.Clone(sums)})
			next = rank + max(1, rank/20)
		}
	}
	for k := range b.Limits {
		b.Limits[k].Matches = sums[k]
	}
	return b
}

// layOut chooses sizes and limits by the largest count: no pair, 1, then powers
// of ten; and the limit in force.
func (b *Balance) layOut(counts []QueryCount) {
	if len(counts) == 0 {
		return
	}
	most := counts[0].Before
	b.Sizes = append(b.Sizes, QuerySize{From: 0, To: 0, Before: b.Empty, After: b.Empty}, QuerySize{From: 1, To: 1})
	for p := int64(1); p <= most; p *= 10 {
		b.Sizes = append(b.Sizes, QuerySize{From: max(2, p), To: 10*p - 1})
		if p < most && p != b.Limit {
			b.Limits = append(b.Limits, QueryLimit{Limit: p})
		}
	}
	if b.Limit > 0 {
		b.Limits = append(b.Limits, QueryLimit{Limit: b.Limit})
		slices.SortFunc(b.Limits, func(x, y QueryLimit) int { return cmp.Compare(x.Limit, y.Limit) })
	}
}
