// Package cpu is the device backend for CPUs: kernels in C, and products of
// matrices at some nine tenths of what the processor can multiply and add.
//
// [Open] starts one goroutine locked to its thread. It runs the queue in order
// and is the only one that calls the kernels, whose OpenMP threads belong
// to it. A call to an operation puts a fixed-size command on the queue
// and allocates nothing.
//
// The kernels are compiled three times, for AVX-512, AVX2 and plain C (which
// is also what other processors than x86-64 get), and chosen when the device
// opens. Those of activations are written once and compiled for each type too:
// elements are read as floats, and a result is rounded once, so that bfloat16
// costs nothing but that. Products of bfloat16 have code of their own for AVX-512
// BF16; elsewhere their factors are widened as they are packed, which saves
// memory and no time. Work is split so that sums keep one order: the same input
// gives the same bits on any number of threads, and a row of a product in any
// batch.
//
// Memory comes from C, aligned to 64 bytes, and is counted; Close says how
// much of it was not freed. C keeps no Go pointer: data that Write is given is
// copied by the queue's goroutine in Go.
package cpu
