//go:build !amd64

package hamming

// fastest is the kernel of this processor.
var fastest = plain
