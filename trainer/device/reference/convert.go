package reference

import (
	"math"

	"github.com/pairloom/pairloom/trainer/device"
)

// fromBF16 is the number that b stands for.
func fromBF16(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// toBF16 is the bfloat16 nearest to f, of two the one whose last bit is 0. A
// number that is none stays one.
func toBF16(f float32) uint16 {
	bits := math.Float32bits(f)
	if f != f {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// Convert computes y = x between F32 and BF16.
func (d *Device) Convert(yb, xb device.Buffer) {
	const op = "convert"
	if yb.Type == device.BF16 {
		y, x := view[uint16](op, device.BF16, yb, yb.Len), floats(op, xb, yb.Len)
		for i := range y {
			y[i] = toBF16(x[i])
		}
		return
	}
	y, x := floats(op, yb, yb.Len), view[uint16](op, device.BF16, xb, yb.Len)
	for i := range y {
		y[i] = fromBF16(x[i])
	}
}

// Pixels computes out[batch,3,side,side] = (x/255 - mean)/deviation.
func (d *Device) Pixels(outb, picturesb device.Buffer, batch, side int, n device.Normalization) {
	const op = "pixels"
	area := side * side
	out, store := out(op, activations(op, outb), outb, batch*3*area)
	defer store()
	pictures := view[byte](op, device.U8, picturesb, batch*3*area)
	for b := range batch {
		for i := range area {
			for c := range 3 {
				x := float32(pictures[(b*area+i)*3+c]) / 255
				out[(b*3+c)*area+i] = (x - n.Mean[c]) / n.Deviation[c]
			}
		}
	}
}
