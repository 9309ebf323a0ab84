// Package device says what a backend of the trainer does: memory of 4-byte
// words, an in-order queue, and coarse operations on buffers, each with its
// backward.
//
// A [Device] has the shape of a CUDA stream. Calls enqueue and return, nothing
// inside a training step waits for the host, and [Device.Read] is the one way
// back. An error surfaces at the next wait, with the operation that caused it.
// A device belongs to one goroutine at a time.
//
// [Memory] is freed by its owner; a device closed with memory still allocated
// says so. [Pool] reuses memory between steps: after the first steps a training
// run allocates nothing. Since the queue is in order, a buffer may be put back
// as soon as its last reader is enqueued.
//
// [Strict] stands before a backend and panics where a result overlaps an operand
// that it may not lie over.
//
// Backends: reference is plain Go, one loop an operation, the truth in tests;
// cpu is C kernels for what the processor has. A backend is
// done when it passes the suite in package conformance, which holds every
// operation against loops in float64 and against finite differences. In each
// backend an operation is one file, forward and backward side by side.
package device
