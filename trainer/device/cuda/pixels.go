//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// Pixels computes out[batch,3,side,side] = (x/255 - mean)/deviation.
func (d *Device) Pixels(out, pictures device.Buffer, batch, side int, n device.Normalization) {
	const op = "pixels"
	t, count := out.Type, side*side
	// By a picture and 4 turns of a block, of which one of 256 threads takes 16 bytes of
	// each channel; of 1 pixel where the kernel takes so few.
	to, from := active(op, t, out, batch*3*count), typed(op, device.U8, pictures, batch*3*count)
	each := 16 / t.Bytes()
	if count%each != 0 || to%16 != 0 || from%address(each) != 0 {
		each = 1
	}
	block := 256 * 4 * each
	d.do(op, launch{kernel: suffixed("pixels", t), blocks: [3]int{batch * ((count + block - 1) / block)}, threads: 256},
		to, from, batch, count, n.Mean[0], n.Mean[1], n.Mean[2], n.Deviation[0], n.Deviation[1], n.Deviation[2], each > 1)
}
