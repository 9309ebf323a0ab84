// Package lookalike finds edited copies of a set of pictures among many others: the
// pictures of an evaluation set in a dataset.
//
// Of each picture of the set a small grey [Thumb] is kept. Perceptual hashes forgive a
// change of size, of colours and of quality, but not of what is in the frame; so the
// hashes of several [Windows] of the thumb go into an [Index], which tells for the hash
// of any picture what it is near to. Many pictures are near by chance. What is, is
// compared by [Correlation], pixel by pixel, in the window that was hit.
//
// A Thumb is 4 KiB, an Index about 24 bytes a hash. All of it is pure; an Index may be
// read by many goroutines.
package lookalike

import (
	"image"
	"math"
)

// Side is that of a Thumb, in pixels, and GridSide that of a Grid, which perceptual
// hashes are of.
const (
	Side     = 64
	GridSide = 32
)

// Thumb is a picture shrunk to Side rows of as many grey pixels, whatever its shape.
type Thumb [Side * Side]uint8

// Grid is a part of a picture, shrunk further.
type Grid = [GridSide * GridSide]uint8

// Window is a part of a picture, from 0 to 1 across and down.
type Window struct {
	X0, Y0, X1, Y1 float64
	Mirrored       bool
}

// Windows are the parts of an evaluation picture that a copy may show: the whole,
// its mirror image, and what is left when a twentieth or a tenth is cut off.
var Windows = []Window{
	{0, 0, 1, 1, false},
	{0, 0, 1, 1, true},
	{0.025, 0.025, 0.975, 0.975, false},
	{0.05, 0.05, 0.95, 0.95, false},
	{0, 0, 0.95, 0.95, false},
	{0.05, 0, 1, 0.95, false},
	{0, 0.05, 0.95, 1, false},
	{0.05, 0.05, 1, 1, false},
	{0, 0, 1, 0.95, false},
	{0, 0.05, 1, 1, false},
	{0, 0, 0.95, 1, false},
	{0.05, 0, 1, 1, false},
}

// ThumbOf shrinks a picture by area. Brightness is that of ITU-R BT.601.
func ThumbOf(img image.Image) (t Thumb) {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	if w == 0 || h == 0 {
		return t
	}
	grey := make([]float64, w*h)
	for y := range h {
		for x := range w {
			red, green, blue, _ := img.At(b.Min.X+x, b.Min.Y+y).RGBA()
			grey[y*w+x] = (0.299*float64(red) + 0.587*float64(green) + 0.114*float64(blue)) / 257
		}
	}
	shrink(t[:], Side, grey, w, h, Window{X1: 1, Y1: 1})
	return t
}

// Grid is a window of the thumb.
func (t *Thumb) Grid(w Window) (g Grid) {
	grey := make([]float64, len(t))
	for i, v := range t {
		grey[i] = float64(v)
	}
	shrink(g[:], GridSide, grey, Side, Side, w)
	return g
}

// shrink averages areas of a window of grey pixels; those on a border count for the
// share that lies inside.
func shrink(dst []uint8, side int, grey []float64, w, h int, window Window) {
	across := spans(side, w, window.X0, window.X1)
	down := spans(side, h, window.Y0, window.Y1)
	for y, v := range down {
		for x, u := range across {
			var sum, area float64
			for py := int(v[0]); float64(py) < v[1] && py < h; py++ {
				tall := min(v[1], float64(py+1)) - max(v[0], float64(py))
				for px := int(u[0]); float64(px) < u[1] && px < w; px++ {
					share := tall * (min(u[1], float64(px+1)) - max(u[0], float64(px)))
					sum += float64(share * grey[py*w+px])
					area += share
				}
			}
			if window.Mirrored {
				x = side - 1 - x
			}
			dst[y*side+x] = uint8(math.Round(sum / area))
		}
	}
}

// spans are where each of side pixels begins and ends on n others.
func spans(side, n int, from, to float64) [][2]float64 {
	list := make([][2]float64, side)
	scale := (to - from) * float64(n) / float64(side)
	for i := range list {
		begin := from*float64(n) + float64(i)*scale
		list[i] = [2]float64{begin, begin + scale}
	}
	return list
}

// Correlation tells how alike two grids are: 1 where one is the other, brighter or of
// more contrast; about 0 for pictures of different things. That with a flat one is 0.
func Correlation(a, b *Grid) float64 {
	var sumA, sumB float64
	for i := range a {
		sumA += float64(a[i])
		sumB += float64(b[i])
	}
	meanA, meanB := sumA/float64(len(a)), sumB/float64(len(b))
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i])-meanA, float64(b[i])-meanB
		ab += float64(x * y)
		aa += float64(x * x)
		bb += float64(y * y)
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
