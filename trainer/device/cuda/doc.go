// Package cuda is the backend for NVIDIA's cards: gorgonia.org/cu for contexts,
// memory, streams, events, modules and launches on one locked thread; cuBLASLt, opened
// at run time, for products; and kernels of our own for the rest.
//
// The kernels are CUDA C++ in kernels/, one file an operation, forward and back
// together. NVRTC turns them into PTX (go generate), which is kept beside them with
// its source's hash and compiled for the card when the program starts. testdriver/
// compiles the same sources for the host and stands in for the driver and cuBLASLt, so
// that everything here is tested without a card.
//
// A call puts a launch, or a closure, on the queue, whose goroutine is locked to the thread
// that has the card's context. Work is on one stream, in order. What is written goes
// through pinned memory, and where it is large over a stream of its own to memory of
// its own, so that it is there before the work that comes ahead of it is done. A
// second goroutine waits for events: it hands on what was fetched, passes marks, and knows
// which launches are to blame when the card breaks. With PAIRLOOM_CUDA_SYNC=1 in the
// environment each launch is waited for, so that the one at fault is named.
//
// The same input gives the same bits on one card: sums have one order, by shape alone, no
// kernel adds by atomics, and cuBLASLt's algorithm for a shape is its heuristic's first
// answer, of those that add parts in f32 in order; Device.Algorithms lists them.
// Products of F32 are exact, or of tf32 if asked for; those of BF16 have sums in f32.
//
// All but this file is behind the build tag cuda: see docs/gpu.md.
package cuda

//go:generate ./toolchain.sh --compiler go run ./compile
