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

DEVICE uint32 place_of(int row, int run) { return (uint32)(row * HEAD + ((run ^ (row & 7)) << 3)); }
DEVICE bf16 *cell(bf16 *tile, int row, int run) { return tile + place_of(row, run); }
// The place of the run that is 2k away from one of an even number, or of the next.
DEVICE uint32 across(uint32 place, int k) { return place ^ (uint32)(k << 4); }

// A team is the threads that work on a head: a warp, or a block.
struct OneWarp {
	static const int rows = 16; // of a tile of keys
	DEVICE int at() { return lane(); }
	DEVICE int size() { return LANES; }
	DEVICE int number() { return 0; } // of this warp, and of how many
	DEVICE int warps() { return 1; }
	DEVICE void barrier() { warp_barrier(); }
};
struct Block {
	static const int rows = 64;
	DEVICE int at() { return thread(); }
	DEVICE int size() { return (int)blockDim.x; }
	DEVICE int number() { return warp(); }
	DEVICE int warps() { return (int)blockDim.x >> 5; }
	DEVICE void barrier() { block_barrier(); }
};

// fetch starts the copy of count rows of a head, which lie stride elements apart, and of
// zeros past the first rows of them.
template <class Team> DEVICE void fetch(bf16 *tile, const bf16 *x, int stride, int rows, int count) {
	for (int i = Team::at(); i < count * 8; i += Team::size()) {
		int row = i >> 3, run = i & 7;
		bool valid = row < rows;
		copy_async(cell(tile, row, run), valid ? x + row * stride + run * 8 : x, valid);
	}
}

// as_left gives 16 rows of a tile, from row on, as left factors.
DEVICE void as_left(uint32 a[4][4], bf16 *tile, int row) {
	uint32 at = place_of(row + (lane() & 15), lane() >> 4);
	for (int k = 0; k < 4; k++) load_matrices(a[k], tile + across(at, k));
}

// dot computes s[16,16] += a[16,64] b^t for 16 rows of a tile, from row on.
DEVICE void dot(float s[2][4], const uint32 a[4][4], bf16 *tile, int row) {
	uint32 at = place_of(row + (lane() >> 4) * 8 + (lane() & 7), lane() >> 3 & 1);
	for (int k = 0; k < 4; k++) {
		uint32 b[4];
		load_matrices(b, tile + across(at, k));
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
	uint32 at = place_of(row + (lane() & 15), lane() >> 4);
	for (int j = 0; j < 4; j++) {
		uint32 b[4];
		load_matrices_transposed(b, tile + across(at, j));
		multiply(o[2 * j], high, b);
		multiply(o[2 * j + 1], high, b + 2);
		multiply(o[2 * j], low, b);
		multiply(o[2 * j + 1], low, b + 2);
	}
}

// store writes the first rows of o, times f for rows up to 7 and g from 8 on, by way of
// 16 rows of a tile that are this warp's alone.
DEVICE void store(bf16 *y, int stride, int rows, float o[8][4], float f, float g, bf16 *tile, int row) {
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

// A block's place: a tile of rows of a head, or several heads, of a sequence. Tiles of a
// head follow one another, so that what they share is still in the cache.
struct Place {
	int head, tile, n; // n: rows of the sequence
	long long first;   // and its first
};
DEVICE Place place(const int *offsets, int heads, int each, int tiles) {
	Place p;
	int groups = (heads + each - 1) / each, unit = (int)blockIdx.x / tiles, sequence = unit / groups;
	p.tile = (int)blockIdx.x % tiles;
	p.head = unit % groups * each;
	p.first = offsets[sequence];
	p.n = offsets[sequence + 1] - (int)p.first;
	return p;
}
