//go:build cuda

package cuda

import (
	"fmt"

	"github.com/pairloom/pairloom/trainer/device"
)

// A launch is a kernel with the shape of its grid.
type launch struct {
	kernel  string // without the suffix of a type
	blocks  [3]int // zeros count as 1
	threads int    // of a block, along x
	shared  int    // bytes of dynamic shared memory
}

// suffixed is the name of a kernel for activations of type t.
func suffixed(kernel string, t device.Type) string {
	if t != device.F32 && t != device.BF16 {
		panic(fmt.Sprintf("%s: a buffer of %s where f32 or bf16 is needed", kernel, t))
	}
	return kernel + "_" + t.String()
}

// elementwise is a launch over n elements, of which a thread takes each so many.
func elementwise(kernel string, n, each int) launch {
	const threads = 256
	blocks := (n + threads*each - 1) / (threads * each)
	return launch{kernel: kernel, blocks: [3]int{max(1, min(blocks, 132*16))}, threads: threads}
}
