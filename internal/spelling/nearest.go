// Package spelling finds the name that was probably meant, so that an error can
// say "did you mean max_pages?" to someone who wrote max_pagess.
package spelling

import "slices"

// Nearest returns the name that is the fewest edits away from word; of several,
// the first in alphabetical order. Names that are more than most edits away do
// not count; it returns "" when none is left.
func Nearest(word string, names []string, most int) string {
	best, fewest := "", most+1
	for _, name := range slices.Sorted(slices.Values(names)) {
		if d := editDistance(word, name); d < fewest {
			best, fewest = name, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions and replacements of bytes that
// turn a into b (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
