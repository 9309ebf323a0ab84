//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// bandBytes is what a band of logits takes at most, unless 128 rows take more.
const bandBytes = 64 << 20

// logits are those of a loss over n pairs, of which a band of rows is there at a time:
// see kernels/logits.h.
type logits struct {
	op     string
	x, y   address
	n, dim int
	rows   int // of a band, but for the last
	ld     int // elements from a row to the next

	// Scratch: the band; the softmax of the columns of each 32 rows of it, and what
	// columns carry from band to band, [2n]; 2n doubles of rows.
	s, tops, sums, carried, figures address
}

// logits takes the operation's scratch for a loss over n pairs, with room for what
// columns carry if asked.
func (d *Device) logits(op string, x, y address, n, dim int, columns bool) *logits {
	band := bandBytes
	if d.band != 0 {
		band = d.band
	}
	l, room := planLogits(n, dim, band, columns)
	l.op, l.x, l.y = op, x, y
	base := d.scratch(op, room)
	for _, at := range []*address{&l.s, &l.tops, &l.sums, &l.carried, &l.figures} {
		*at += base
	}
	return l
}

// planLogits lays out the scratch, from 0, with bands of so many bytes. The second result
// is all of it, in bytes.
func planLogits(n, dim, band int, columns bool) (*logits, int) {
	l := &logits{n: n, dim: dim, ld: (n + 7) &^ 7}
	l.rows = min(n, max(128, band/(4*max(1, l.ld))/128*128))
	room := 0
	take := func(at *address, bytes int) {
		*at = address(room)
		room += (bytes + 255) &^ 255
	}
	take(&l.s, l.rows*l.ld*4)
	take(&l.figures, 2*n*8)
	if columns {
		chunks := (l.rows + 31) / 32
		take(&l.tops, chunks*n*4)
		take(&l.sums, chunks*n*4)
		take(&l.carried, 2*n*4)
	}
	return l, room
}

// bands calls f for each band, once it is computed without the factor exp(scale).
func (d *Device) bands(l *logits, f func(first, rows int)) {
	for first := 0; first < l.n; first += l.rows {
		rows := min(l.rows, l.n-first)
		d.product(l.op, product{c: l.s, a: l.x + address(first*l.dim*4), b: l.y, m: rows, n: l.n, k: l.dim, ldc: l.ld, transB: true})
		f(first, rows)
	}
}

// spread computes a band's rows of dx = G Y, and adds its part of dy = G^t X, for the
// gradient G in the place of S.
func (d *Device) spread(l *logits, dx, dy address, first, rows int) {
	from := address(first * l.dim * 4)
	d.product(l.op, product{c: dx + from, a: l.s, b: l.y, m: rows, n: l.dim, k: l.n, lda: l.ld})
	d.product(l.op, product{c: dy, a: l.s, b: l.x + from, m: l.n, n: l.dim, k: rows, lda: l.ld, transA: true, uncut: true, beta: float32(min(first, 1))})
}

// each is a launch of a block a row.
func (l *logits) each(kernel string, rows int) launch {
	return launch{kernel: kernel, blocks: [3]int{rows}, threads: 256}
}

// one is a launch of one block.
func one(kernel string) launch { return launch{kernel: kernel, blocks: [3]int{1}, threads: 256} }

// Contrastive computes the loss and the log-sum-exp of rows and columns.
func (d *Device) Contrastive(loss, lse, x, y, scale device.Buffer, n, dim int, share float32) {
	const op = "contrastive"
	to, sums, factor := at(op, loss, 1), at(op, lse, 2*n), at(op, scale, 1)
	l := d.logits(op, at(op, x, n*dim), at(op, y, n*dim), n, dim, true)
	diagonal := l.figures
	d.bands(l, func(first, rows int) {
		chunks, strips := (rows+31)/32, (n+255)/256
		d.do(op, l.each("contrastive_rows", rows), sums, diagonal, l.s, factor, first, n, l.ld)
		d.do(op, launch{kernel: "contrastive_columns", blocks: [3]int{strips, chunks}, threads: 256}, l.tops, l.sums, l.s, factor, rows, n, l.ld)
		d.do(op, launch{kernel: "contrastive_join", blocks: [3]int{strips}, threads: 256}, l.carried, l.tops, l.sums, chunks, n, first)
	})
	d.do(op, one("contrastive_end"), to, sums, diagonal, l.carried, n, share)
}

// ContrastiveBackward computes dx, dy and dscale +=.
func (d *Device) ContrastiveBackward(dx, dy, dscale, lse, x, y, scale device.Buffer, n, dim int, share float32) {
	const op = "contrastive backward"
	toX, toY, toScale := at(op, dx, n*dim), at(op, dy, n*dim), at(op, dscale, 1)
	sums, factor := at(op, lse, 2*n), at(op, scale, 1)
	l := d.logits(op, at(op, x, n*dim), at(op, y, n*dim), n, dim, false)
	d.bands(l, func(first, rows int) {
		d.do(op, l.each("contrastive_gradient", rows), l.s, l.figures, sums, factor, first, n, l.ld, share)
		d.spread(l, toX, toY, first, rows)
	})
	d.do(op, one("contrastive_gradient_end"), toScale, l.figures, n)
}

// Siglip computes the pairwise sigmoid loss.
func (d *Device) Siglip(loss, x, y, scale, bias device.Buffer, n, dim int) {
	const op = "siglip"
	to, factor, add := at(op, loss, 1), at(op, scale, 1), at(op, bias, 1)
	l := d.logits(op, at(op, x, n*dim), at(op, y, n*dim), n, dim, false)
	d.bands(l, func(first, rows int) {
		d.do(op, l.each("siglip_rows", rows), l.figures, l.s, factor, add, first, n, l.ld)
	})
	d.do(op, one("siglip_end"), to, l.figures, n)
}

// SiglipBackward computes dx, dy, dscale += and dbias +=.
func (d *Device) SiglipBackward(dx, dy, dscale, dbias, x, y, scale, bias device.Buffer, n, dim int) {
	const op = "siglip backward"
	toX, toY, toScale, toBias := at(op, dx, n*dim), at(op, dy, n*dim), at(op, dscale, 1), at(op, dbias, 1)
	factor, add := at(op, scale, 1), at(op, bias, 1)
	l := d.logits(op, at(op, x, n*dim), at(op, y, n*dim), n, dim, false)
	d.bands(l, func(first, rows int) {
		d.do(op, l.each("siglip_gradient", rows), l.s, l.figures, factor, add, first, n, l.ld)
		d.spread(l, toX, toY, first, rows)
	})
	d.do(op, one("siglip_gradient_end"), toScale, toBias, l.figures, n)
}
