// What a warp does with tiles of bf16 rows of 64, the size of a head: fetch them,
// multiply by them, sum them up. A tile lies in shared memory, a row in 128 bytes, whose
// runs of 16 are exchanged so that no two rows of eight have theirs in one bank.
//
// Weights of sums (probabilities and their gradients) are not rounded to bf16, which
// would cost more than results may differ: each goes as two bf16 that add up to it to
// 2^-17, which doubles the products that it is part of.
#pragma once
#include "gpu.h"

#define HEAD 64
#define INFINITE as_float(0x7f800000u)
#define LOG2E 1.4426950408889634f

DEVICE bf16 *cell(bf16 *tile, int row, int run) { return tile + row * HEAD + ((run ^ (row & 7)) << 3); }

// A team is the threads that work on a head: a block, or one warp of it.
struct Team {
	int at, size; // this thread's place, of how many
	bool warp;
};
DEVICE void barrier(Team t) {
	if (t.warp)
		warp_barrier();
	else
		block_barrier();
}

// fetch starts the copy of count rows of a head, which lie stride elements apart, and of
// zeros past the first rows of them.
DEVICE void fetch(Team t, bf16 *tile, const bf16 *x, long long stride, int rows, int count) {
	for (int i = t.at; i < count * 8; i += t.size) {
		int row = i >> 3, run = i & 7;
		bool valid = row < rows;
		copy_async(cell(tile, row, run), valid ? x + row * stride + run * 8 : x, valid);
	}
}

// as_left gives 16 rows of a tile, from row on, as left factors.
DEVICE void as_left(uint32 a[4][4], bf16 *tile, int row) {
	int r = row + (lane() & 15);
	for (int k = 0; k < 4; k++) load_matrices(a[k], cell(tile, r, 2 * k + (lane() >> 4)));
}

// dot computes s[16,16] += a[16,64] b^t for 16 rows of a tile, from row on.
DEVICE void dot(float s[2][4], const uint32 a[4][4], bf16 *tile, int row) {
	int r = row + (lane() >> 4) * 8 + (lane() & 7), half = lane() >> 3 & 1;
	for (int k = 0; k < 4; k++) {
		uint32 b[4];
		load_matrices(b, cell(tile, r, 2 * k + half));
		multiply(s[0], a[k], b);
		multiply(s[1], a[k], b + 2);
	}
}

// accumulate computes o[16,64] += w[16,16] b for 16 rows of a tile, from row on.
DEVICE void accumulate(float o[8][4], const float w[2][4], bf16 *tile, int row) {
	uint32 high[4], low[4];
	for (int i = 0; i < 4; i++) {
		float x = w[i >> 1][(i & 1) * 2], y = w[i >> 1][(i & 1) * 2 + 1];
		high[i] = pack(x, y);
		low[i] = pack(x - as_float(high[i] << 16), y - as_float(high[i] & 0xffff0000u));
	}
	int r = row + (lane() & 15);
	for (int j = 0; j < 4; j++) {
		uint32 b[4];
		load_matrices_transposed(b, cell(tile, r, 2 * j + (lane() >> 4)));
		multiply(o[2 * j], high, b);
		multiply(o[2 * j + 1], high, b + 2);
		multiply(o[2 * j], low, b);
		multiply(o[2 * j + 1], low, b + 2);
	}
}

// store writes the first rows of o, times f for rows up to 7 and g from 8 on, by way of
// 16 rows of a tile that are this warp's alone.
DEVICE void store(bf16 *y, long long stride, int rows, float o[8][4], float f, float g, bf16 *tile, int row) {
	int r = row + (lane() >> 2), t = lane() & 3;
	warp_barrier();
	for (int j = 0; j < 8; j++) {
		((uint32 *)cell(tile, r, j))[t] = pack(o[j][0] * f, o[j][1] * f);
		((uint32 *)cell(tile, r + 8, j))[t] = pack(o[j][2] * g, o[j][3] * g);
	}
	warp_barrier();
	for (int i = lane(); i < 128; i += LANES) {
		int k = i >> 3, run = i & 7;
		if (k < rows) *(Run<bf16, 8> *)(y + k * stride + run * 8) = *(Run<bf16, 8> *)cell(tile, row + k, run);
	}
	warp_barrier();
}

// The sum or the largest over the four lanes that hold one row of d.
DEVICE float row_sum(float x) {
	x += shuffle_xor(x, 1);
	return x + shuffle_xor(x, 2);
}
DEVICE float row_max(float x) {
	x = fmaxf(x, shuffle_xor(x, 1));
	return fmaxf(x, shuffle_xor(x, 2));
}

template <int A> DEVICE void clear(float (&x)[A][4]) {
	for (int i = 0; i < A; i++)
		for (int j = 0; j < 4; j++) x[i][j] = 0;
}

// A block's place: a number of heads of one sequence, and in it a tile of rows. Tiles
// of a head follow one another, so that what they share is still in the cache.
struct Place {
	int sequence, head, end, tile; // heads head..end-1
	long long first;               // row of the sequence
	int n;                         // rows of it
};
DEVICE Place place(const int *offsets, int heads, int each, int tiles) {
	Place p;
	int groups = (heads + each - 1) / each, unit = (int)blockIdx.x / tiles;
	p.tile = (int)blockIdx.x % tiles;
	p.sequence = unit / groups;
	p.head = unit % groups * each;
	p.end = min(heads, p.head + each);
	p.first = offsets[p.sequence];
	p.n = offsets[p.sequence + 1] - (int)p.first;
	return p;
}
