//go:build cuda

package cuda

import (
	"fmt"

	"github.com/pairloom/pairloom/trainer/device"
)

// convolutionTile is the launch of a convolution's tiles over c[rows,cols], of which a tile
// takes 64 columns where that leaves less of it empty, or 128.
func convolutionTile(kernel string, t device.Type, rows, cols, chunks int) launch {
	width := 128
	if (cols+63)/64*64 < (cols+127)/128*128 {
		width = 64
	}
	tiles := (rows + tileRows - 1) / tileRows * ((cols + width - 1) / width)
	return launch{kernel: suffixed(fmt.Sprintf("%s_%d", kernel, width), t), blocks: [3]int{tiles, chunks}, threads: tileThreads}
}

// layWeights lays the weights of a convolution tap by tap, in scratch.
func (d *Device) layWeights(op string, t device.Type, w address, s device.Conv3x3, turned bool) address {
	laid := d.scratch(op, s.Out*s.In*9*t.Bytes())
	d.do(op, launch{kernel: suffixed("convolution_lay", t), blocks: [3]int{(s.In + 31) / 32, (s.Out + 31) / 32}, threads: 256}, laid, w, s.In, s.Out, turned)
	return laid
}

// Conv3x3 computes y[s,o] = the sum over taps and i of x[r,i]*w[o,i,k].
func (d *Device) Conv3x3(y, x, w device.Buffer, s device.Conv3x3) {
	const op = "convolution"
	t := y.Type
	py, px, pw := active(op, t, y, s.Rows()*s.Out), active(op, t, x, s.Rows()*s.In), active(op, t, w, s.Out*s.In*9)
	d.do(op, convolutionTile("convolution", t, s.Rows(), s.Out, 1), py, px, d.layWeights(op, t, pw, s, false), s.Rows(), s.Side, s.In, s.Out)
}

// Conv3x3BackwardData computes dx: the convolution of dy with the weights turned around.
func (d *Device) Conv3x3BackwardData(dx, dy, w device.Buffer, s device.Conv3x3) {
	const op = "convolution backward data"
	t := dx.Type
	pdx, pdy, pw := active(op, t, dx, s.Rows()*s.In), active(op, t, dy, s.Rows()*s.Out), active(op, t, w, s.Out*s.In*9)
	d.do(op, convolutionTile("convolution", t, s.Rows(), s.In, 1), pdx, pdy, d.layWeights(op, t, pw, s, true), s.Rows(), s.Side, s.Out, s.In)
}

// Conv3x3BackwardWeights computes dw +=.
func (d *Device) Conv3x3BackwardWeights(dw, dy, x device.Buffer, s device.Conv3x3) {
	const op = "convolution backward weights"
	t, words := x.Type, s.Out*s.In*9
	pdw, pdy, px := at(op, dw, words), active(op, t, dy, s.Rows()*s.Out), active(op, t, x, s.Rows()*s.In)
	if s.Rows() == 0 {
		return
	}
	l := convolutionTile("convolution_weights", t, 9*s.In, s.Out, 1)
	chunks, each := sumChunks(s.Rows(), l.blocks[0])
	l.blocks[1] = chunks
	sums := d.scratch(op, chunks*words*device.F32.Bytes())
	d.do(op, l, sums, pdy, px, s.Rows(), s.Side, s.In, s.Out, each)
	d.do(op, elementwise("convolution_sum", words, 1), pdw, sums, chunks, s.In, s.Out)
}
