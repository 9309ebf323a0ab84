package cpu

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// Convert computes y = x between F32 and BF16.
func (d *Device) Convert(y, x device.Buffer) { panic("convert: bf16 is not there yet") }

// Pixels computes out[batch,3,side,side] = (x/255 - mean)/deviation.
func (d *Device) Pixels(out, pictures device.Buffer, batch, side int, n device.Normalization) {
	const op = "pixels"
	count := batch * 3 * side * side
	d.queue <- command{p: [9]unsafe.Pointer{at(op, out, count), typed(op, device.U8, pictures, count)}, n: [4]int{batch, side * side}, pixels: n, run: pixels}
}

func pixels(_ *Device, c *command) {
	batch, area := c.n[0], c.n[1]
	out, pictures := unsafe.Slice((*float32)(c.p[0]), batch*3*area), unsafe.Slice((*byte)(c.p[1]), batch*3*area)
	var table [3][256]float32
	for ch := range table {
		for v := range table[ch] {
			table[ch][v] = (float32(v)/255 - c.pixels.Mean[ch]) / c.pixels.Deviation[ch]
		}
	}
	for b := range batch {
		for i := range area {
			for ch := range 3 {
				out[(b*3+ch)*area+i] = table[ch][pictures[(b*area+i)*3+ch]]
			}
		}
	}
}
