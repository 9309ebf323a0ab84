package evaluate

import (
	"slices"
	"sort"
)

// heldOut is one embedded pair, with numbers that are equal where texts or
// pictures are.
type heldOut struct {
	text, picture int
	queries       []uint32
}

func (a heldOut) answers(b heldOut) bool { return a.text == b.text || a.picture == b.picture }

// rankOf is the rank of the best right answer, from 1, among scores. Wrong
// answers with an equal score come first.
func rankOf(pairs []heldOut, asked int, scores []float32) int {
	best := scores[asked]
	for j, p := range pairs {
		if scores[j] > best && pairs[asked].answers(p) {
			best = scores[j]
		}
	}
	rank := 1
	for j, p := range pairs {
		if !(scores[j] < best) && !pairs[asked].answers(p) {
			rank++
		}
	}
	return rank
}

// rightAnswers counts, for each pair, the pairs that answer it.
func rightAnswers(pairs []heldOut) []int {
	counts := make([]int, len(pairs))
	for i, a := range pairs {
		for _, b := range pairs {
			if a.answers(b) {
				counts[i]++
			}
		}
	}
	return counts
}

// chanceOf is the probability that k draws without return from n hold at least
// one of the right ones.
func chanceOf(k, right, n int) float64 {
	miss := 1.0
	for i := range min(k, n) {
		miss *= float64(max(0, n-right-i)) / float64(n-i)
	}
	return 1 - miss
}

// retrieval sums ranks up. right holds the number of right answers of each.
func retrieval(ranks, right []int, o Options) Retrieval {
	n := len(ranks)
	sorted := slices.Clone(ranks)
	slices.Sort(sorted)
	r := Retrieval{MedianRank: median(sorted)}
	hits := make([]float64, n)
	for _, k := range o.recallAt() {
		var chance float64
		for i, answers := range right {
			chance += chanceOf(k, answers, n) / float64(n)
			hits[i] = 0
			if ranks[i] <= k {
				hits[i] = 1
			}
		}
		r.Recall = append(r.Recall, Recall{k, accuracyOf(hits, chance, o)})
	}
	// By guessing, the median is the first rank at which the mean chance of a
	// hit reaches one half.
	r.MedianRankChance = float64(1 + sort.Search(n-1, func(k int) bool {
		var chance float64
		for _, answers := range right {
			chance += chanceOf(k+1, answers, n)
		}
		return chance >= float64(n)/2
	}))
	return r
}

func median(sorted []int) float64 {
	n := len(sorted)
	return float64(sorted[(n-1)/2]+sorted[n/2]) / 2
}
