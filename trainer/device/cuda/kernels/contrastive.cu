// The contrastive loss over bands of logits, see logits.h. A band of 64 MB at most lies in
// scratch at a time (all of S up to n = 4,096), so memory grows with n.
//
// Products in f32 make the bands, 2*n*dim operations a row forward and three times that
// back. Of n elements a row, forward, contrastive_rows and contrastive_columns each read
// 4*n bytes and compute n exponentials; columns carry their largest logit and the sum of
// exponentials from band to band, in order. Back, contrastive_gradient reads 4*n bytes,
// computes 2*n exponentials, and writes G where S was. n = 32,768 and dim = 512: 64 bands
// of 512 rows, 1.1 + 3.3 TFLOP, 13 + 30 GB with what the products read and write.
#include "logits.h"
#include "softmax.h"

// A block a row, number first + blockIdx.x of S.
KERNEL(256, contrastive_rows, float *lse, float *diagonal, const float *s, const float *scale, int first, int n, int ld) {
	SHARED(float, tops, 8);
	SHARED(float, sums, 8);
	int i = first + (int)blockIdx.x;
	const float *row = s + (long long)blockIdx.x * ld;
	float factor = expf(*scale);
	Softmax all = {-3.402823466e38f, 0};
	for (int j = (int)threadIdx.x * 4; j < n; j += (int)blockDim.x * 4) {
		float v[4];
		four(v, row, j, n, factor);
		if (j + 4 <= n) {
			float top = fmaxf(fmaxf(v[0], v[1]), fmaxf(v[2], v[3]));
			if (top > all.top) {
				all.sum *= expf(all.top - top);
				all.top = top;
			}
			all.sum += expf(v[0] - all.top) + expf(v[1] - all.top) + (expf(v[2] - all.top) + expf(v[3] - all.top));
		} else {
#pragma unroll
			for (int k = 0; k < 3; k++)
				if (j + k < n) all.add(v[k]);
		}
	}
	all = warp_softmax(all);
	if (lane() == 0) {
		tops[warp()] = all.top;
		sums[warp()] = all.sum;
	}
	block_barrier();
	if (threadIdx.x == 0) {
		for (int w = 1; w < (int)blockDim.x / 32; w++) all.join(tops[w], sums[w]);
		lse[i] = all.top + logf(all.sum);
		diagonal[i] = factor * row[i];
	}
}

// The softmax of 32 rows of a band, column by column; blocks: 256 columns, 32 rows.
KERNEL(256, contrastive_columns, float *tops, float *sums, const float *s, const float *scale, int rows, int n, int ld) {
	int j = (int)(blockIdx.x * blockDim.x + threadIdx.x), from = (int)blockIdx.y * 32;
	if (j >= n) return;
	float factor = expf(*scale);
	int last = min(rows, from + 32);
	Softmax all = {-3.402823466e38f, 0};
	for (int i = from; i < last; i += 8) {
		float v[8];
#pragma unroll
		for (int k = 0; k < 8; k++) v[k] = i + k < last ? factor * s[(long long)(i + k) * ld + j] : -3.402823466e38f;
		float top = all.top;
#pragma unroll
		for (int k = 0; k < 8; k++) top = fmaxf(top, v[k]);
		float sum = all.sum * expf(all.top - top);
#pragma unroll
		for (int k = 0; k < 8; k++) sum += i + k < last ? expf(v[k] - top) : 0.0f;
		all.top = top;
		all.sum = sum;
	}
	tops[(long long)blockIdx.y * n + j] = all.top;
	sums[(long long)blockIdx.y * n + j] = all.sum;
}

// Adds a band's to what the columns carry: top[n], then sum[n].
KERNEL(256, contrastive_join, float *carried, const float *tops, const float *sums, int chunks, int n, int first) {
	int j = (int)(blockIdx.x * blockDim.x + threadIdx.x);
	if (j >= n) return;
	Softmax all = {tops[j], sums[j]};
	for (int c = 1; c < chunks; c++) all.join(tops[(long long)c * n + j], sums[(long long)c * n + j]);
	if (first > 0) {
		Softmax before = {carried[j], carried[n + j]};
		before.join(all.top, all.sum);
		all = before;
	}
	carried[j] = all.top;
	carried[n + j] = all.sum;
}

KERNEL(256, contrastive_end, float *loss, float *lse, const float *diagonal, const float *carried, int n, float share) {
	SHARED(double, cells, 256);
	double sum = 0;
	for (int i = (int)threadIdx.x; i < n; i += (int)blockDim.x) {
		float row = lse[i], column = carried[i] + logf(carried[n + i]);
		lse[n + i] = column;
		sum += (double)share * row + (1 - (double)share) * column - diagonal[i];
	}
	sum = block_total(sum, cells);
	if (threadIdx.x == 0) *loss = (float)(sum / n);
}

// A block a row of G = (share softmax of the row + (1-share) softmax of the column - I)/n,
// which takes S's place, times exp(scale). by_scale receives the row's sum of G*S.
KERNEL(256, contrastive_gradient, float *s, double *by_scale, const float *lse, const float *scale, int first, int n, int ld, float share) {
	SHARED(double, cells, 256);
	int i = first + (int)blockIdx.x;
	float *row = s + (long long)blockIdx.x * ld;
	// Factors of exactly 1 where both sides count the same.
	float factor = expf(*scale), row_lse = lse[i], half = 0.5f / (float)n, by_row = 2 * share, by_column = 2 - by_row;
	double sum = 0;
	for (int j = (int)threadIdx.x * 4; j < n; j += (int)blockDim.x * 4) {
		float v[4], g[4], part = 0;
		four(v, row, j, n, factor);
#pragma unroll
		for (int k = 0; k < 4; k++) {
			if (j + k >= n) continue;
			float d = by_row * expf(v[k] - row_lse) + by_column * expf(v[k] - lse[n + j + k]);
			d = (i == j + k ? d - 2 : d) * half;
			g[k] = factor * d;
			part += d * v[k];
		}
		put_four(row, j, n, g);
		sum += part;
	}
	sum = block_total(sum, cells);
	if (threadIdx.x == 0) by_scale[i] = sum;
}

KERNEL(256, contrastive_gradient_end, float *dscale, const double *by_scale, int n) {
	SHARED(double, cells, 256);
	double sum = total(by_scale, n, cells);
	if (threadIdx.x == 0) *dscale += (float)sum;
}
