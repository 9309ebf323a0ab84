//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// CrossEntropy computes the mean cross entropy of rows of logits against their targets.
// Whoever made the targets made sure that they are classes.
func (d *Device) CrossEntropy(loss, lse, logits, targets, offsets device.Buffer, rows, classes int) {
	const op = "cross entropy"
	to, each := at(op, loss, 1), d.scratch(op, rows*4)
	d.do(op, launch{kernel: "cross_entropy", blocks: [3]int{rows}, threads: 256},
		each, at(op, lse, rows), at(op, logits, rows*classes), atInts(op, targets, 0), atInts(op, offsets, rows+1), classes)
	d.do(op, launch{kernel: "cross_entropy_end", blocks: [3]int{1}, threads: 256}, to, each, rows)
}

// CrossEntropyBackward computes dlogits, times weight.
func (d *Device) CrossEntropyBackward(dlogits, lse, logits, targets, offsets device.Buffer, rows, classes int, weight float32) {
	const op = "cross entropy backward"
	d.do(op, launch{kernel: "cross_entropy_backward", blocks: [3]int{rows}, threads: 256},
		at(op, dlogits, rows*classes), at(op, lse, rows), at(op, logits, rows*classes), atInts(op, targets, 0), atInts(op, offsets, rows+1), rows, classes, weight)
}
