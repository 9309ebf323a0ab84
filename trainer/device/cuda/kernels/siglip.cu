// SigLIP's loss over bands of logits, see logits.h: the products and bytes are those of
// contrastive.cu, less the columns: forward an exponential and a logarithm an element, back
// an exponential.
#include "logits.h"

// A block a row, number first + blockIdx.x of S: its sum of softplus(-z) on the diagonal
// and of softplus(z) elsewhere.
KERNEL(256, siglip_rows, double *sums, const float *s, const float *scale, const float *bias, int first, int n, int ld) {
	SHARED(double, cells, 256);
	int i = first + (int)blockIdx.x;
	const float *row = s + (long long)blockIdx.x * ld;
	float factor = expf(*scale), add = *bias;
	double sum = 0;
	for (int j = (int)threadIdx.x * 4; j < n; j += (int)blockDim.x * 4) {
		float v[4], part = 0;
		four(v, row, j, n, factor);
#pragma unroll
		for (int k = 0; k < 4; k++) {
			if (j + k >= n) continue;
			float z = v[k] + add;
			if (i == j + k) z = -z;
			part += fmaxf(z, 0.0f) + log1pf(expf(-fabsf(z)));
		}
		sum += part;
	}
	sum = block_total(sum, cells);
	if (threadIdx.x == 0) sums[i] = sum;
}

KERNEL(256, siglip_end, float *loss, const double *sums, int n) {
	SHARED(double, cells, 256);
	double sum = total(sums, n, cells);
	if (threadIdx.x == 0) *loss = (float)(sum / n);
}

// A block a row of G = (sigmoid(z) - I)/n, which takes S's place, times exp(scale). sums
// receives the row's sum of G*S, and n further that of G.
KERNEL(256, siglip_gradient, float *s, double *sums, const float *scale, const float *bias, int first, int n, int ld) {
	SHARED(double, cells, 256);
	int i = first + (int)blockIdx.x;
	float *row = s + (long long)blockIdx.x * ld;
	float factor = expf(*scale), add = *bias, share = 1 / (float)n;
	double by_scale = 0, by_bias = 0;
	for (int j = (int)threadIdx.x * 4; j < n; j += (int)blockDim.x * 4) {
		float v[4], g[4], scaled = 0, plain = 0;
		four(v, row, j, n, factor);
#pragma unroll
		for (int k = 0; k < 4; k++) {
			if (j + k >= n) continue;
			float z = v[k] + add;
			// On the diagonal sigmoid(z) - 1 = -sigmoid(-z), which cancels nothing.
			float d = i == j + k ? -share / (1 + expf(z)) : share / (1 + expf(-z));
			g[k] = factor * d;
			scaled += d * v[k];
			plain += d;
		}
		put_four(row, j, n, g);
		by_scale += scaled;
		by_bias += plain;
	}
	by_scale = block_total(by_scale, cells);
	by_bias = block_total(by_bias, cells);
	if (threadIdx.x == 0) {
		sums[i] = by_scale;
		sums[n + i] = by_bias;
	}
}

KERNEL(256, siglip_gradient_end, float *dscale, float *dbias, const double *sums, int n) {
	SHARED(double, cells, 256);
	double by_scale = total(sums, n, cells), by_bias = total(sums + n, n, cells);
	if (threadIdx.x == 0) {
		*dscale += (float)by_scale;
		*dbias += (float)by_bias;
	}
}
