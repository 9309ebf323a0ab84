//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// Patchify cuts pictures into rows of pixels.
func (d *Device) Patchify(out, pictures device.Buffer, batch, side, patch int) {
	const op = "patchify"
	t, n := out.Type, side/patch
	rows, cols := batch*(1+n*n), 3*patch*patch
	to, from := active(op, t, out, rows*cols), active(op, t, pictures, batch*3*side*side)
	w := walkIn(false, 1, rows, cols, 8)
	l := w.launch("patchify", t)
	for _, run := range []struct {
		kernel string
		width  int
	}{{"patchify_run", 16 / t.Bytes()}, {"patchify_pair", 2}} {
		bytes := address(run.width * t.Bytes())
		if patch%run.width == 0 && side%run.width == 0 && to%bytes == 0 && from%bytes == 0 {
			w = walkIn(false, run.width, rows, cols, 8)
			l = w.launch(run.kernel, t)
			break
		}
	}
	d.do(op, l, to, from, rows, side, patch, w.groups, w.each)
}
