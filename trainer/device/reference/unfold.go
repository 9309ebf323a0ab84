package reference

import "github.com/pairloom/pairloom/trainer/device"

// Unfold cuts pictures into the windows of a 3x3 convolution of stride 2 and
// padding 1. Pictures are data, so that it has no backward.
func (d *Device) Unfold(outb, picturesb device.Buffer, batch, side int) {
	n := side / 2
	const op = "unfold"
	t := activations(op, outb)
	out, store := out(op, t, outb, batch*n*n*27)
	defer store()
	pictures := in(op, t, picturesb, batch*3*side*side)
	at := 0
	for b := range batch {
		for oy := range n {
			for ox := range n {
				for c := range 3 {
					for ky := range 3 {
						for kx := range 3 {
							y, x := 2*oy+ky-1, 2*ox+kx-1
							out[at] = 0
							if y >= 0 && y < side && x >= 0 && x < side {
								out[at] = pictures[((b*3+c)*side+y)*side+x]
							}
							at++
						}
					}
				}
			}
		}
	}
}
