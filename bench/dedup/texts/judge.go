package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pairloom/pairloom/dedup/minhash"
)

// judge holds files of dropped texts against exact comparisons: of each dropped text
// with those it was dropped for, and of a sample of texts with all others.
func judge(args []string) error {
	texts, err := readLines(args[0])
	if err != nil {
		return err
	}
	similarity, err := strconv.ParseFloat(args[1], 64)
	if err != nil {
		return err
	}
	size, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	similar := similarTo(texts, similarity, size)
	fmt.Printf("of %d texts drawn, %d pairs with any other are similar by exact comparison\n", size, len(similar))
	var set minhash.Set
	for _, path := range args[3:] {
		lines, err := readLines(path)
		if err != nil {
			return err
		}
		dropped := map[int]bool{}
		right := 0
		for _, l := range lines {
			var numbers []int
			for _, f := range strings.Split(l, "\t") {
				n, err := strconv.Atoi(f)
				if err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				numbers = append(numbers, n)
			}
			dropped[numbers[0]] = true
			set.Reset(minhash.AppendShingles(nil, []byte(texts[numbers[0]])))
			if slices.ContainsFunc(numbers[1:], func(n int) bool {
				return texts[n] == texts[numbers[0]] || set.Jaccard(minhash.AppendShingles(nil, []byte(texts[n]))) >= similarity
			}) {
				right++
			}
		}
		left := 0
		for _, p := range similar {
			if !dropped[p[0]] && !dropped[p[1]] {
				left++
			}
		}
		fmt.Printf("%s\tdropped %d\tprecision %.4f\trecall %.4f\t(%d similar pairs left)\n", filepath.Base(path), len(lines),
			float64(right)/float64(len(lines)), 1-float64(left)/float64(len(similar)), left)
	}
	return nil
}

// similarTo draws texts and returns the pairs that these make with any text of that
// similarity. Two sets as similar as s share one of the n - ceil(s*n) + 1 rarest of
// either's n shingles, so that only those which do are compared.
func similarTo(texts []string, s float64, size int) [][2]int {
	r := rand.New(rand.NewPCG(seed, 1))
	sample := r.Perm(len(texts))[:size]
	frequency := map[uint64]int32{}
	shinglesOf := func(i int) []uint64 {
		b := minhash.AppendShingles(nil, []byte(texts[i]))
		slices.Sort(b)
		return slices.Compact(b)
	}
	wanted := map[uint64]bool{}
	for _, i := range sample {
		for _, h := range shinglesOf(i) {
			wanted[h] = true
		}
	}
	for i := range texts {
		for _, h := range shinglesOf(i) {
			if wanted[h] {
				frequency[h]++
			}
		}
	}
	index := map[uint64][]int{}
	for _, i := range sample {
		b := shinglesOf(i)
		slices.SortFunc(b, func(x, y uint64) int { return int(frequency[x] - frequency[y]) })
		for _, h := range b[:len(b)-int(math.Ceil(s*float64(len(b))))+min(1, len(b))] {
			index[h] = append(index[h], i)
		}
	}
	var pairs [][2]int
	var set minhash.Set
	drawn := map[int]bool{}
	for _, i := range sample {
		drawn[i] = true
	}
	for i := range texts {
		b := shinglesOf(i)
		seen := map[int]bool{}
		for _, h := range b {
			for _, k := range index[h] {
				if k == i || seen[k] || drawn[i] && i < k {
					continue
				}
				if seen[k] = true; len(seen) == 1 {
					set.Reset(b)
				}
				if set.Jaccard(minhash.AppendShingles(nil, []byte(texts[k]))) >= s && min(len([]rune(texts[i])), len([]rune(texts[k]))) >= 20 {
					pairs = append(pairs, [2]int{i, k})
				}
			}
		}
	}
	return pairs
}
