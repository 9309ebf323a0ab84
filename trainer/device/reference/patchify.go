package reference

import "github.com/pairloom/pairloom/trainer/device"

// Patchify cuts pictures into rows of pixels: channel, then row, then column,
// the order of a convolution's weights. Pictures are data, so that it has no
// backward.
func (d *Device) Patchify(outb, picturesb device.Buffer, batch, side, patch int) {
	n := side / patch
	width := 3 * patch * patch
	const op = "patchify"
	t := activations(op, outb)
	out, store := out(op, t, outb, batch*(1+n*n)*width)
	defer store()
	pictures := in(op, t, picturesb, batch*3*side*side)
	clear(out)
	for b := range batch {
		for py := range n {
			for px := range n {
				at := (b*(1+n*n) + 1 + py*n + px) * width
				for c := range 3 {
					for y := range patch {
						for x := range patch {
							out[at] = pictures[((b*3+c)*side+py*patch+y)*side+px*patch+x]
							at++
						}
					}
				}
			}
		}
	}
}
