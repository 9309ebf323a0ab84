package reference

import "github.com/pairloom/pairloom/trainer/device"

// MatMul computes C[m,n] = op(A)[m,k] op(B)[k,n] + beta C. Its backward is
// MatMul again: dA = dC B^t and dB = A^t dC.
func (d *Device) MatMul(cb, ab, bb device.Buffer, m, n, k int, transA, transB bool, beta float32) {
	const op = "matmul"
	t := activations(op, ab)
	c, store := out(op, activations(op, cb), cb, m*n)
	defer store()
	a, b := in(op, t, ab, m*k), in(op, t, bb, k*n)
	rowA, colA := k, 1
	if transA {
		rowA, colA = 1, m
	}
	rowB, colB := n, 1
	if transB {
		rowB, colB = 1, k
	}
	for i := range m {
		for j := range n {
			var sum float64
			for l := range k {
				sum += float64(a[i*rowA+l*colA]) * float64(b[l*rowB+j*colB])
			}
			if beta != 0 {
				sum += float64(beta) * float64(c[i*n+j])
			}
			c[i*n+j] = float32(sum)
		}
	}
}
