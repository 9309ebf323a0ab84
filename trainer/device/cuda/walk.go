//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// walk is how a block walks down rows of channels: see kernels/walk.h.
type walk struct {
	run          bool // 16 bytes at once
	groups, each int  // threads side by side; rows of a block
	chunks       int  // of rows
	strips       int  // of columns
}

// walkThreads is the number of threads of a block.
const walkThreads = 256

// walkOf walks rows[rows,cols] of t, a thread about so many rows, in runs of 16 bytes where cols and
// all addresses allow it.
func walkOf(t device.Type, rows, cols, perThread int, addresses ...address) walk {
	width := 16 / t.Bytes()
	run := cols%width == 0
	for _, a := range addresses {
		run = run && a%16 == 0
	}
	if !run {
		width = 1
	}
	return walkIn(run, width, rows, cols, perThread)
}

func walkIn(run bool, width, rows, cols, perThread int) walk {
	w := walk{run: run, groups: 1}
	for w.groups < 32 && w.groups*width < cols {
		w.groups *= 2
	}
	w.strips = (cols + w.groups*width - 1) / (w.groups * width)
	w.each = walkThreads / w.groups * perThread
	w.chunks = (rows + w.each - 1) / w.each
	return w
}

// sums is w with chunks that are long enough for at most about so many blocks, by the shape
// alone.
func (w walk) sums(rows, blocks int) walk {
	lanes := walkThreads / w.groups
	each := (rows + max(1, blocks/w.strips) - 1) / max(1, blocks/w.strips)
	w.each = max(w.each, (each+lanes-1)/lanes*lanes)
	w.chunks = (rows + w.each - 1) / w.each
	return w
}

func (w walk) launch(kernel string, t device.Type) launch {
	if w.run {
		kernel += "_run"
	}
	return launch{kernel: suffixed(kernel, t), blocks: [3]int{w.chunks, w.strips}, threads: walkThreads}
}
