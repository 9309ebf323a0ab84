package picture

import (
	"image"
	"math"
	"slices"
)

const (
	phashSide = 32 // the picture is shrunk to this many pixels a side
	phashLow  = 8  // and this many frequencies a side are kept
)

// phash is the perceptual hash of img: grey, 32x32 by area, a two-dimensional
// DCT, of which the lowest 8x8 frequencies are compared with the median of the
// 63 that are not the mean. Bit 8*v+u is frequency (u across, v down). Pictures
// that look alike differ in few bits; a picture of one flat colour hashes to 0
// or 1, which says nothing about likeness.
func phash(img *image.NRGBA) uint64 {
	grey := shrinkGrey(img)
	cos := dctBasis()

	// Rows first, then columns, keeping the low frequencies only. The
	// conversions keep the compiler from fusing multiply and add, which would
	// change the last bit between processors.
	var rows [phashSide][phashLow]float64
	for y := range phashSide {
		for u := range phashLow {
			var sum float64
			for x := range phashSide {
				sum += float64(grey[y][x] * cos[u][x])
			}
			rows[y][u] = sum
		}
	}
	var freq [phashLow * phashLow]float64
	for v := range phashLow {
		for u := range phashLow {
			var sum float64
			for y := range phashSide {
				sum += float64(rows[y][u] * cos[v][y])
			}
			// A flat picture has frequencies of 1e-13 where the exact sum is 0;
			// rounding keeps that noise out of the bits.
			freq[v*phashLow+u] = math.Round(sum*1024) / 1024
		}
	}
	rest := slices.Clone(freq[1:])
	slices.Sort(rest)
	median := rest[len(rest)/2]
	var h uint64
	for i, f := range freq {
		if f > median {
			h |= 1 << i
		}
	}
	return h
}

// shrinkGrey averages the luma of img over a grid of 32x32 areas of equal size,
// pixels on a border counting for the share that lies inside.
func shrinkGrey(img *image.NRGBA) *[phashSide][phashSide]float64 {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	var out [phashSide][phashSide]float64
	if w == 0 || h == 0 {
		return &out
	}
	for gy := range phashSide {
		y0, y1 := gy*h, (gy+1)*h // in units of 1/32 pixel
		for gx := range phashSide {
			x0, x1 := gx*w, (gx+1)*w
			var sum int64
			for y := y0 / phashSide; y*phashSide < y1; y++ {
				wy := int64(min(y1, (y+1)*phashSide) - max(y0, y*phashSide))
				row := img.Pix[y*img.Stride:]
				for x := x0 / phashSide; x*phashSide < x1; x++ {
					wx := int64(min(x1, (x+1)*phashSide) - max(x0, x*phashSide))
					sum += wx * wy * int64(luma(row[4*x], row[4*x+1], row[4*x+2]))
				}
			}
			out[gy][gx] = float64(sum) / float64(w*h) / 1000
		}
	}
	return &out
}

// luma is the brightness of a pixel in thousandths, by ITU-R BT.601.
func luma(r, g, b uint8) int { return 299*int(r) + 587*int(g) + 114*int(b) }

// dctBasis is cos[u][x] of the DCT-II, unscaled: the median does not mind.
func dctBasis() *[phashLow][phashSide]float64 {
	var cos [phashLow][phashSide]float64
	for u := range phashLow {
		for x := range phashSide {
			cos[u][x] = math.Cos(math.Pi * float64((2*x+1)*u) / (2 * phashSide))
		}
	}
	return &cos
}
