// Rows of length 1, and the way back; a warp a row, of f32. Rows are read a second time
// out of the cache.
//
// normalize: reads x, writes y and 4 bytes a row; 3 operations an element.
// normalize_backward: dx = (dy - y*sum(dy*y)) / |x|; reads dy and y, writes dx; 5
// operations an element.
#include "rows.h"

KERNEL(256, normalize, float *y, float *norm, const float *x, int rows, int cols) {
	int row = (int)blockIdx.x * ((int)blockDim.x / 32) + warp();
	if (row >= rows) return;
	const float *in = x + (long long)row * cols;
	float *out = y + (long long)row * cols;
	float sum = 0;
#pragma unroll 8
	for (int c = lane(); c < cols; c += 32) sum += in[c] * in[c];
	float length = fmaxf(sqrtf(warp_sum(sum)), 1e-12f);
#pragma unroll 8
	for (int c = lane(); c < cols; c += 32) out[c] = in[c] / length;
	if (lane() == 0) norm[row] = length;
}

KERNEL(256, normalize_backward, float *dx, const float *dy, const float *y, const float *norm, int rows, int cols) {
	int row = (int)blockIdx.x * ((int)blockDim.x / 32) + warp();
	if (row >= rows) return;
	const float *back = dy + (long long)row * cols, *in = y + (long long)row * cols;
	float *out = dx + (long long)row * cols;
	float dot = 0, length = norm[row];
#pragma unroll 8
	for (int c = lane(); c < cols; c += 32) dot += back[c] * in[c];
	dot = warp_sum(dot);
#pragma unroll 8
	for (int c = lane(); c < cols; c += 32) out[c] = (back[c] - in[c] * dot) / length;
}
