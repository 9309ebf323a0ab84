// Kernels that do little but one thing, for testdata/speed.cc.
#include "gpu.h"

KERNEL(256, add_each, float *y, const float *x, int n) {
	for (int i = blockIdx.x * 256 + thread(); i < n; i += gridDim.x * 256) y[i] += x[i];
}
KERNEL(256, add_runs, Run<float, 4> *y, const Run<float, 4> *x, int n) {
	for (int i = blockIdx.x * 256 + thread(); i < n; i += gridDim.x * 256) {
		Run<float, 4> a = x[i], b = y[i];
		for (int j = 0; j < 4; j++) b.at[j] += a.at[j];
		y[i] = b;
	}
}
KERNEL(256, shuffles, float *y, int n) {
	float x = (float)lane();
	for (int i = 0; i < n; i++) x += shuffle_xor(x, 1);
	y[blockIdx.x * 256 + thread()] = x;
}
KERNEL(256, barriers, float *y, int n) {
	for (int i = 0; i < n; i++) block_barrier();
	y[blockIdx.x * 256 + thread()] = 1;
}
KERNEL(256, products, float *y, int n) {
	SHARED(uint32, cells, 256 * 4);
	for (int i = 0; i < 4; i++) cells[4 * thread() + i] = 0x3f803f80;
	block_barrier();
	float d[4] = {};
	for (int i = 0; i < n; i++) {
		uint32 a[4];
		load_matrices(a, cells + 4 * thread());
		multiply(d, a, a);
	}
	y[blockIdx.x * 256 + thread()] = d[0];
}
