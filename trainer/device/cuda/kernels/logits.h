// A band of the logits S = exp(scale) X Y^t of a loss over pairs: rows of S without the
// factor, ld elements apart, ld a multiple of 4.
#pragma once
#include "rows.h"

// The logits of columns j to j+3 of a row, 0 from n on; j is a multiple of 4.
DEVICE void four(float (&v)[4], const float *row, int j, int n, float factor) {
	if (j + 4 <= n) {
		load(v, row + j);
	} else {
#pragma unroll
		for (int k = 0; k < 4; k++) v[k] = j + k < n ? row[j + k] : 0.0f;
	}
#pragma unroll
	for (int k = 0; k < 4; k++) v[k] *= factor;
}

// Puts four neighbours of a gradient into a row of n.
DEVICE void put_four(float *row, int j, int n, const float (&g)[4]) {
	if (j + 4 <= n) {
		store(row + j, g);
		return;
	}
#pragma unroll
	for (int k = 0; k < 3; k++)
		if (j + k < n) row[j + k] = g[k];
}

// The sum of n numbers, in the same order each time; one block.
DEVICE double total(const double *x, int n, double *cells) {
	double sum = 0;
	for (int i = (int)threadIdx.x; i < n; i += (int)blockDim.x) sum += x[i];
	return block_total(sum, cells);
}
