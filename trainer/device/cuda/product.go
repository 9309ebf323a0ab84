//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// A product is c[m,n] = op(a)[m,k] op(b)[k,n] + beta c, of batch such products at even
// distances. Matrices are row-major; with transA, a is stored as [k,m], with transB, b
// as [n,k].
type product struct {
	c, a, b                   uintptr // device addresses
	m, n, k                   int
	ldc, lda, ldb             int // elements from a row to the next, as stored; 0 for rows that lie end to end
	transA, transB            bool
	in, out                   device.Type // of a and b, and of c: F32 or BF16
	beta                      float32     // 0 or 1
	batch                     int         // 0 counts as 1
	strideC, strideA, strideB int         // elements from a product of the batch to the next; 0 means the same
}
