//go:build cuda

package cuda

import (
	"math/bits"

	"github.com/pairloom/pairloom/trainer/device"
)

// tableType is that of the table from which rows as y come: y's, or F32.
func tableType(y, table device.Buffer) device.Type {
	if table.Type == y.Type {
		return y.Type
	}
	return device.F32
}

// rowStrips is a launch of a warp for each row and strip of its columns.
func rowStrips(kernel string, rows, cols int) launch {
	return launch{kernel: kernel, blocks: [3]int{(rows*((cols+rowStrip-1)/rowStrip) + 7) / 8}, threads: 256}
}

// Gather computes y[i] = table[ids[i]] + beta y[i].
func (d *Device) Gather(y, table, ids device.Buffer, rows, cols int, beta float32) {
	const op = "gather"
	kernel := suffixed("gather", y.Type)
	if tableType(y, table) == device.BF16 {
		kernel = "pick_bf16"
	}
	d.do(op, rowStrips(kernel, rows, cols),
		active(op, y.Type, y, rows*cols), typed(op, tableType(y, table), table, table.Len), atInts(op, ids, rows), rows, cols, beta)
}

// As kernels/gather.cu has them.
const (
	gatherTile   = 2048 // rows that a block sorts
	gatherDigits = 256
	gatherStrip  = 128 // columns that a warp sums
)

// GatherBackward computes dtable[ids[i]] += dy[i]. Rows of one id are added in order, those of
// a chunk of all rows, sorted by id, before those of the next.
func (d *Device) GatherBackward(dtable, dy, ids device.Buffer, rows, cols int) {
	const op = "gather backward"
	t := dy.Type
	table, back, at := typed(op, tableType(dy, dtable), dtable, dtable.Len), active(op, t, dy, rows*cols), atInts(op, ids, rows)
	if rows == 0 || cols == 0 {
		return
	}
	if tableType(dy, dtable) == device.BF16 {
		d.do(op, rowStrips("pick_backward_bf16", rows, cols), table, back, at, rows, cols)
		return
	}
	// Long chunks where there is work for 8,448 warps, 64 for each multiprocessor of an
	// H100: they leave fewer parts.
	chunk := 32 * max(1, min((rows+31)/32*((cols+gatherStrip-1)/gatherStrip)/8448, 32))
	d.gatherBackward(op, table, t, back, at, rows, cols, dtable.Len/cols, chunk)
}

// gatherBackward is GatherBackward into a table of F32 with so many entries.
func (d *Device) gatherBackward(op string, table address, t device.Type, back, ids address, rows, cols, entries, chunk int) {
	strips, chunks, tiles := (cols+gatherStrip-1)/gatherStrip, (rows+chunk-1)/chunk, (rows+gatherTile-1)/gatherTile
	layout := []int{chunks * 2 * cols * 4, rows * 4, rows * 4, tiles * gatherDigits * 4} // bytes
	var places [4]address
	var total int
	for i, bytes := range layout {
		places[i] = address(total)
		total += (bytes + 255) &^ 255
	}
	scratch := d.scratch(op, total)
	for i := range places {
		places[i] += scratch
	}
	parts, order, next, counts := places[0], address(0), places[1], places[3]
	for shift := 0; shift < bits.Len(uint(entries)); shift += 8 {
		d.do(op, launch{kernel: "gather_count", blocks: [3]int{tiles}, threads: 256}, counts, ids, order, rows, entries, shift)
		d.do(op, launch{kernel: "gather_place", blocks: [3]int{tiles}, threads: 256}, next, counts, ids, order, rows, entries, shift)
		order, next = next, places[1]+places[2]-next
	}
	l := launch{kernel: suffixed("gather_sum", t), blocks: [3]int{(chunks*strips + 3) / 4}, threads: 128}
	d.do(op, l, table, parts, back, ids, order, rows, cols, chunk)
	if chunks > 1 {
		l.kernel = "gather_join"
		d.do(op, l, table, parts, ids, order, rows, cols, chunk)
	}
}
