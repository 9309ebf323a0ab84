// Each word of gpu.h, for testdata/words.cc.
#include "gpu.h"

KERNEL(256, sums, float *y, const float *x, int n) {
	SHARED(float, cells, 33);
	float s = 0;
	for (int i = thread(); i < n; i += blockDim.x) s += x[i];
	s = block_sum(s, cells);
	if (thread() == 0) y[blockIdx.x] = s;
}

// The square of 16 bf16 matrices of 16 x 16, and the same by transposed loads, a warp each.
KERNEL(32, squares, float *y, const bf16 *x, bool valid) {
	DYNAMIC_SHARED(bf16, tile);
	for (int i = lane(); i < 32; i += 32) copy_async(tile + 8 * i, x + 256 * blockIdx.x + 8 * i, valid);
	copy_commit();
	copy_wait<0>();
	block_barrier();
	uint32 a[4], b[4];
	// b's rows run along k: they are read transposed.
	load_matrices(a, tile + (lane() % 16) * 16 + lane() / 16 * 8);
	load_matrices_transposed(b, tile + (lane() % 16) * 16 + lane() / 16 * 8);
	for (int half = 0; half < 2; half++) {
		float d[4] = {};
		multiply(d, a, b + 2 * half);
		for (int i = 0; i < 4; i++) y[256 * blockIdx.x + (lane() / 4 + 8 * (i / 2)) * 16 + 8 * half + 2 * (lane() % 4) + i % 2] = d[i];
	}
}

KERNEL(64, votes, uint32 *y) {
	uint32 v = ballot(lane() % 3 == warp());
	if (lane() == 0) y[warp()] = v;
	y[2 + thread()] = (uint32)shuffle_xor(thread(), 5);
}
