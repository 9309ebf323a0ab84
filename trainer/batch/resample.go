package batch

/*
#cgo noescape batch_resample
#cgo nocallback batch_resample
#cgo noescape batch_span
#cgo nocallback batch_span
#include "resample.h"
*/
import "C"

import "math/bits"

// levels of the resampler, from the slowest: plain C, AVX2, AVX-512. All give the same
// bytes.
var levels = uint(C.batch_levels())

// slack is what may be read behind a picture, in bytes.
const slack = C.BATCH_SLACK

// resampler scales pictures by cubic convolution (a = -0.5), widened by the scale when
// shrinking, as PIL and torchvision's anti-aliasing do, and equal to PIL's to the bit:
// weights of 22 bits behind the point, 8 bits between the pass across and the pass down. It keeps scratch and belongs to one goroutine. Close it.
type resampler struct {
	c     *C.batch_resampler
	level int // 1 and the number of the level that tests ask for; 0 means the best
}

// axis places the outputs from to from+out in a row of in samples: the middle of number i
// is at start + (i+0.5)*ratio.
type axis struct {
	start, ratio  float64
	in, from, out int
	whole         int // outputs of the whole row
}

// scaled are the outputs from to from+n of a row of in samples that is scaled to out.
func scaled(in, out, from, n int) axis {
	return axis{ratio: float64(in) / float64(out), in: in, from: from, out: n, whole: out}
}

func (a axis) c() C.batch_axis {
	return C.batch_axis{start: C.double(a.start), ratio: C.double(a.ratio), in: C.int(a.in), from: C.int(a.from), out: C.int(a.out)}
}

// span is the samples that the outputs are made of.
func (a axis) span() (first, count int) {
	var f, n C.int
	c := a.c()
	C.batch_span(&c, &f, &n)
	return int(f), int(n)
}

// A view is what is made of a picture, or of the part of it whose first pixel is at left
// and top: outputs across and down.
type view struct {
	x, y      axis
	left, top int
}

// region is what is read of the picture.
func (v view) region() rectangle {
	var r rectangle
	r.x, r.width = v.x.span()
	r.y, r.height = v.y.span()
	r.x, r.y = r.x+v.left, r.y+v.top
	return r
}

// downFirst tells, as 1 or 0, which of its two passes Pillow does first since its version
// 13: the one down where that takes away more than twice as many rows as the other takes
// away columns. The passes round to 8 bits, so that it shows.
func (v view) downFirst() C.int {
	rows, columns := v.y.in-v.y.whole, v.x.in-v.x.whole
	if rows > 0 && rows > 2*columns {
		return 1
	}
	return 0
}

// resample writes the view of p to rgb, which holds 3*v.x.out*v.y.out bytes. p has at
// least the view's region.
func (r *resampler) resample(rgb []byte, p *picture, v view) error {
	if r.c == nil {
		if r.c = C.batch_resampler_new(); r.c == nil {
			return errMemory
		}
	}
	level := r.level
	if level == 0 {
		level = bits.Len(levels)
	}
	x, y := v.x.c(), v.y.c()
	if C.batch_resample(r.c, C.int(level-1), v.downFirst(), &x, &y, bytesOf(p.rgb), C.size_t(3*p.width),
		C.int(p.x-v.left), C.int(p.y-v.top), bytesOf(rgb)) == 0 {
		return errMemory
	}
	return nil
}

func (r *resampler) close() {
	C.batch_resampler_free(r.c)
	r.c = nil
}
