// Sums over the rows of a matrix, column by column, in an order that its shape alone
// decides: each block sums a chunk of rows for 128 columns and leaves a part of the
// sums, and columns_add (columns.cu) adds the parts up. What a row gives is read once; the
// parts, written and read, are 8 bytes a column, sum and part, and there are 132 parts at
// most at a width of 768. Two launches.
#pragma once
#include "rows.h"

constexpr int COLUMN_STRIP = 128; // columns of a block
constexpr int COLUMN_WARPS = 8;   // of a block, which take rows in turn

// Leaves the sums over rows blockIdx.y*chunk and following of strip blockIdx.x at
// parts[blockIdx.y][S][cols]. give.add<N>(sums, row, column) adds what N columns of a
// row give to sums[S][N]; runs says whether N may be 4, with 4 aligned columns. cells
// is shared memory for COLUMN_WARPS*S*COLUMN_STRIP floats. All threads of the block, 256, call.
template <int S, class Give> DEVICE void column_parts(float *parts, int rows, int cols, int chunk, bool runs, const Give &give, float *cells) {
	int strip = (int)blockIdx.x * COLUMN_STRIP;
	int first = (int)blockIdx.y * chunk, last = min(first + chunk, rows);
	if (runs) {
		float sums[S][4] = {};
		int column = strip + lane() * 4;
		if (column < cols) {
#pragma unroll 4
			for (int row = first + warp(); row < last; row += COLUMN_WARPS) give.template add<4>(sums, row, column);
		}
#pragma unroll
		for (int s = 0; s < S; s++) store(cells + (warp() * S + s) * COLUMN_STRIP + lane() * 4, sums[s]);
	} else {
#pragma unroll
		for (int i = 0; i < COLUMN_STRIP; i += 32) {
			float sums[S][1] = {};
			int column = strip + i + lane();
			if (column < cols) {
#pragma unroll 4
				for (int row = first + warp(); row < last; row += COLUMN_WARPS) give.template add<1>(sums, row, column);
			}
#pragma unroll
			for (int s = 0; s < S; s++) cells[(warp() * S + s) * COLUMN_STRIP + i + lane()] = sums[s][0];
		}
	}
	block_barrier();
	for (int i = (int)threadIdx.x; i < S * COLUMN_STRIP; i += (int)blockDim.x) {
		int s = i / COLUMN_STRIP, column = strip + i % COLUMN_STRIP;
		float sum = 0;
#pragma unroll
		for (int w = 0; w < COLUMN_WARPS; w++) sum += cells[w * S * COLUMN_STRIP + i];
		if (column < cols) parts[((long long)blockIdx.y * S + s) * cols + column] = sum;
	}
}

// The sum of column over all parts of width columns, on the block's first 32 threads:
// warps take parts in turn. column is blockIdx.x*32 + lane(); where it is not below
// width the sum is 0. cells is shared memory for a float a thread.
DEVICE float column_total(const float *parts, int count, int width, float *cells) {
	int column = (int)blockIdx.x * 32 + lane(), warps = (int)blockDim.x / 32;
	float sum = 0;
	if (column < width) {
#pragma unroll 8
		for (int p = warp(); p < count; p += warps) sum += parts[(long long)p * width + column];
	}
	cells[threadIdx.x] = sum;
	block_barrier();
	sum = 0;
	if (warp() == 0) {
		for (int w = 0; w < warps; w++) sum += cells[w * 32 + lane()];
	}
	return sum;
}
