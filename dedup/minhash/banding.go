package minhash

import "math"

// Banding cuts a sketch into bands of rows; texts with an equal band are candidates.
type Banding struct{ Bands, Rows int }

// sureRecall is the recall at the threshold that a banding is chosen for.
const sureRecall = 0.95

// NewBanding returns the banding of a sketch for a similarity: with the most rows, and
// so with the fewest candidates that are none, at which texts that are just similar
// enough are found in at least 95 of 100 cases. Those that are more similar are found
// more often.
func NewBanding(places int, similarity float64) Banding {
	for rows := places; rows > 1; rows-- {
		if b := (Banding{places / rows, rows}); b.Recall(similarity) >= sureRecall {
			return b
		}
	}
	return Banding{places, 1}
}

// Recall is the probability with which two texts of that similarity are candidates:
// 1 - (1 - s^rows)^bands.
func (b Banding) Recall(similarity float64) float64 {
	return 1 - math.Pow(1-math.Pow(similarity, float64(b.Rows)), float64(b.Bands))
}

// Append appends the hashes of the bands. Hashes of different bands differ.
func (b Banding) Append(dst, sketch []uint64) []uint64 {
	for band := range b.Bands {
		h := uint64(band)
		for _, v := range sketch[band*b.Rows : (band+1)*b.Rows] {
			h = mix(h ^ v)
		}
		dst = append(dst, h)
	}
	return dst
}
