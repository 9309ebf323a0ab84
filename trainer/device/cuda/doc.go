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
// All but this file is behind the build tag cuda: see docs/gpu.md.
package cuda

//go:generate ./toolchain.sh --compiler go run ./compile
