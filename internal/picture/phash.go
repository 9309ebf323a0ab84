package picture

import (
	"math"
	"slices"
)

const (
	gridSide  = 32 // the picture is shrunk to this many pixels a side
	phashLow  = 8  // and this many frequencies a side are kept
	phashBits = phashLow * phashLow
)

// HashVersion is raised when the hash of a picture becomes another: hashes of two versions
// do not compare. 2 is that of ImageHash; 1, of pairloom 0.1, shrank by area.
const HashVersion = 2

// phash is the perceptual hash of a picture that was shrunk to a grid of grey, row by
// row: a two-dimensional DCT, of which the lowest 8x8 frequencies are compared with
// their median. Shrinking is done in canvas.c as Pillow does it; grid, order of bits and
// the comparison are those of ImageHash, so that %016x of the hash is what that prints:
// the first bit is the mean's, then come the frequencies across, then those down.
//
// Pictures that look alike differ in few bits. A picture of one flat colour hashes to the
// mean's bit alone, or to 0 when it is black, which says nothing about likeness.
func phash(grid []uint8) uint64 {
	// Rows first, then columns, keeping the low frequencies only. The
	// conversions keep the compiler from fusing multiply and add, which would
	// change the last bit between processors.
	var rows [gridSide][phashLow]float64
	for y := range gridSide {
		for u := range phashLow {
			var sum float64
			for x, cos := range &dctBasis[u] {
				sum += float64(float64(grid[y*gridSide+x]) * cos)
			}
			rows[y][u] = sum
		}
	}
	var freq [phashBits]float64
	for v := range phashLow {
		for u := range phashLow {
			var sum float64
			for y, cos := range &dctBasis[v] {
				sum += float64(rows[y][u] * cos)
			}
			// A flat picture has frequencies of 1e-13 where the exact sum is 0;
			// rounding keeps that noise out of the bits.
			freq[v*phashLow+u] = math.Round(sum*1024) / 1024
		}
	}
	sorted := freq
	slices.Sort(sorted[:])
	median := (sorted[phashBits/2-1] + sorted[phashBits/2]) / 2
	var h uint64
	for _, f := range freq {
		h <<= 1
		if f > median {
			h |= 1
		}
	}
	return h
}

// dctBasis is cos[u][x] of the DCT-II, unscaled: the median does not mind.
var dctBasis = func() (cos [phashLow][gridSide]float64) {
	for u := range phashLow {
		for x := range gridSide {
			cos[u][x] = math.Cos(math.Pi * float64((2*x+1)*u) / (2 * gridSide))
		}
	}
	return cos
}()

// turnGrid turns a grid upright.
func turnGrid(grid []uint8, turn int) []uint8 {
	if turn <= 1 {
		return grid
	}
	out := make([]uint8, len(grid))
	for y := range gridSide {
		for x := range gridSide {
			u, v := unturn(turn, x, y, gridSide, gridSide)
			out[y*gridSide+x] = grid[v*gridSide+u]
		}
	}
	return out
}
