// The tile of a product c[m,n] = a b, which products and convolutions share. A block of
// 256 threads computes 128 x N of c, N 128 or 64, over the range of k that it is given.
//
// bf16: 8 warps of m16n8k16 on tensor cores, sums in f32. Slices of 32 of k arrive by
// asynchronous copies of 16 bytes, 2 or 3 slices ahead, in 48 KB of shared memory: two blocks a
// multiprocessor from sm_80 on. A slice costs (128+N)*64 bytes of L2 traffic and
// 2*128*N*32 operations: 256 operations a byte at N = 128.
// f32: 8 x N/16 sums a thread by FMA; slices of 16 of k, 33 KB. A slice is summed by itself, so
// that rounding grows with the root of k/16.
//
// A factor is stored with k along its rows, or across them. Chunks that start at a multiple of 16
// bytes are copied at once; what lies otherwise goes element by element.
#pragma once
#include "gpu.h"

#define TILE 128   // rows of c
#define TILERS 256 // threads

// How many tiles a multiprocessor has at a time: the sums of f32 take the registers of two.
#define TILES_AT_ONCE_f32 1
#define TILES_AT_ONCE_bf16 2

// Matrix is a factor in memory: rows that lie ld elements apart.
template <class T> struct Matrix {
	const T *from;
	int rows, cols, ld;
	bool whole; // 8 elements from a column that is a multiple of 8 are one chunk, all within or all outside
};
struct MatrixRow {
	int row;
};
struct MatrixColumn {
	int col;
};

DEVICE bool chunked(const void *p, int ld, int cols, int size) { return ((size_t)p & 15) == 0 && ld * size % 16 == 0 && cols % 8 == 0; }

template <class T> DEVICE Matrix<T> matrix(const T *from, int rows, int cols, int ld) {
	Matrix<T> m = {from, rows, cols, ld, chunked(from, ld, cols, (int)sizeof(T))};
	return m;
}
template <class T> DEVICE MatrixRow row_of(const Matrix<T> &, int row) {
	MatrixRow r = {row};
	return r;
}
template <class T> DEVICE void move_down(const Matrix<T> &, MatrixRow &r, int by) { r.row += by; }
template <class T> DEVICE MatrixColumn column_of(const Matrix<T> &, int col) {
	MatrixColumn c = {col};
	return c;
}
// Where a row and a column meet, which is nowhere unless within.
template <class T> DEVICE const T *meet(const Matrix<T> &m, const MatrixRow &r, const MatrixColumn &c, bool &within) {
	within = r.row < m.rows && c.col < m.cols;
	return m.from + (long long)r.row * m.ld + c.col;
}

// The places that a thread fills in a slice of N rows or columns of c by DEPTH of k:
// COUNT chunks of 8, STEP rows apart, of the slice as it is stored.
template <class S, bool ALONG, int N, int DEPTH> struct Feed {
	static constexpr int CHUNKS = (ALONG ? DEPTH : N) / 8, ROWS = ALONG ? N : DEPTH;
	static constexpr int STEP = TILERS / CHUNKS, COUNT = (ROWS + STEP - 1) / STEP;
	S source;
	decltype(row_of(*(S *)0, 0)) row[COUNT];
	decltype(column_of(*(S *)0, 0)) column;
	int col;
};

// feed starts at element `first` of c's rows or columns, and at k.
template <bool ALONG, int N, int DEPTH, class S> DEVICE Feed<S, ALONG, N, DEPTH> feed(const S &source, int first, int k) {
	typedef Feed<S, ALONG, N, DEPTH> F;
	F f;
	f.source = source;
	f.col = (ALONG ? k : first) + thread() % F::CHUNKS * 8;
	f.column = column_of(source, f.col);
#pragma unroll
	for (int i = 0; i < F::COUNT; i++) f.row[i] = row_of(source, (ALONG ? first : k) + thread() / F::CHUNKS + i * F::STEP);
	return f;
}

template <class S, bool ALONG, int N, int DEPTH> DEVICE void advance(Feed<S, ALONG, N, DEPTH> &f) {
	if constexpr (ALONG) {
		f.col += DEPTH;
		f.column = column_of(f.source, f.col);
	} else {
#pragma unroll
		for (int i = 0; i < f.COUNT; i++) move_down(f.source, f.row[i], DEPTH);
	}
}

// Where chunk c of row r lies in a slice of bf16, in elements: rows of 4 chunks (k along) or of
// N/8, turned so that 8 rows of one chunk, or a row's chunks, lie in different banks.
template <bool ALONG, int N> DEVICE int place(int r, int c) { return ALONG ? (r * 4 + (c ^ (r >> 1 & 3))) * 8 : (r * (N / 8) + (c ^ (r & 7))) * 8; }

template <bool ALONG, int N, class S> DEVICE void fetch(bf16 *slice, Feed<S, ALONG, N, 32> &f) {
	typedef Feed<S, ALONG, N, 32> F;
#pragma unroll
	for (int i = 0; i < F::COUNT; i++) {
		bf16 *to = slice + place<ALONG, N>(thread() / F::CHUNKS + i * F::STEP, thread() % F::CHUNKS);
		bool within;
		if (f.source.whole) {
			const bf16 *p = meet(f.source, f.row[i], f.column, within);
			copy_async(to, within ? p : f.source.from, within);
			continue;
		}
#pragma unroll 1
		for (int j = 0; j < 8; j++) {
			const bf16 *p = meet(f.source, f.row[i], column_of(f.source, f.col + j), within);
			bf16 zero = {0};
			to[j] = within ? *p : zero;
		}
	}
	advance(f);
}

// Stores two neighbours of c.
template <class C> DEVICE void put_pair(C *p, float x, float y, float beta, int width) {
	if (beta != 0 && width > 0) x += beta * wide(p[0]);
	if (beta != 0 && width > 1) y += beta * wide(p[1]);
	if (width > 1 && ((size_t)p & (2 * sizeof(C) - 1)) == 0) {
		Run<C, 2> pair;
		put(pair.at, x);
		put(pair.at + 1, y);
		*(Run<C, 2> *)p = pair;
		return;
	}
	if (width > 0) put(p, x);
	if (width > 1) put(p + 1, y);
}

// Swaps words between lanes of a quad: lane t gets word t of each, in the order of lanes.
DEVICE void turn_quad(uint32 w[4]) {
	bool odd = lane() & 1, upper = lane() & 2;
	uint32 a = (uint32)shuffle_xor((int)(odd ? w[0] : w[1]), 1), b = (uint32)shuffle_xor((int)(odd ? w[2] : w[3]), 1);
	(odd ? w[0] : w[1]) = a;
	(odd ? w[2] : w[3]) = b;
	a = (uint32)shuffle_xor((int)(upper ? w[0] : w[2]), 2), b = (uint32)shuffle_xor((int)(upper ? w[1] : w[3]), 2);
	(upper ? w[0] : w[2]) = a;
	(upper ? w[1] : w[3]) = b;
}

// Rows g and g+8 of four fragments that lie side by side, in whole chunks of 16 bytes.
DEVICE void put_fragments(bf16 *c, int ldc, const float d[4][4], int row, int col, int m, int n) {
	int g = lane() >> 2, t = lane() & 3;
#pragma unroll
	for (int half = 0; half < 2; half++) {
		alignas(16) uint32 w[4];
#pragma unroll
		for (int j = 0; j < 4; j++) w[j] = pack(d[j][2 * half], d[j][2 * half + 1]);
		turn_quad(w);
		int r = row + g + 8 * half, s = col + 8 * t;
		if (r < m && s < n) *(Run<uint32, 4> *)(c + (long long)r * ldc + s) = *(Run<uint32, 4> *)w;
	}
}
DEVICE void put_fragments(float *, int, const float[4][4], int, int, int, int) {}

// The tile whose first row and column of c are given, over k in [from, to).
template <bool ALONG_A, bool ALONG_B, int N, class A, class B, class C>
DEVICE void multiply_tile(C *c, int ldc, float beta, const A &a, const B &b, int row, int col, int m, int n, int from, int to, bf16 *slices) {
	constexpr int STAGES = N == 128 ? 3 : 4, SLICE = (TILE + N) * 32;
	constexpr int ACROSS = N / 32, ROWS = TILE / (8 / ACROSS), FRAGMENTS = ROWS / 16; // warps side by side; rows of a warp, which has 32 columns
	auto fa = feed<ALONG_A, TILE, 32>(a, row, from);
	auto fb = feed<ALONG_B, N, 32>(b, col, from);
	int steps = (to - from + 31) / 32;
#pragma unroll
	for (int s = 0; s < STAGES - 1; s++) {
		if (s < steps) fetch(slices + s * SLICE, fa), fetch(slices + s * SLICE + TILE * 32, fb);
		copy_commit();
	}
	int top = warp() / ACROSS * ROWS, left = warp() % ACROSS * 32;
	float d[FRAGMENTS][4][4];
#pragma unroll
	for (int i = 0; i < FRAGMENTS; i++)
#pragma unroll
		for (int j = 0; j < 4; j++) d[i][j][0] = d[i][j][1] = d[i][j][2] = d[i][j][3] = 0;
	// Lanes name the rows of the fragments' four matrices.
	int low = lane() & 7, second = lane() >> 3 & 1, third = lane() >> 4;
	int now = 0;
	for (int s = 0; s < steps; s++) {
		copy_wait<STAGES - 2>();
		block_barrier(); // slice s is here, and all are done with the one before, whose place is filled next
		if (s + STAGES - 1 < steps) {
			bf16 *ahead = slices + (now == 0 ? STAGES - 1 : now - 1) * SLICE; // the place of the slice before
			fetch(ahead, fa), fetch(ahead + TILE * 32, fb);
		}
		copy_commit();
		const bf16 *sa = slices + now * SLICE, *sb = sa + TILE * 32;
#pragma unroll
		for (int kk = 0; kk < 2; kk++) {
			uint32 x[FRAGMENTS][4], y[2][4];
#pragma unroll
			for (int i = 0; i < FRAGMENTS; i++) {
				if (ALONG_A)
					load_matrices(x[i], sa + place<true, TILE>(top + i * 16 + second * 8 + low, kk * 2 + third));
				else
					load_matrices_transposed(x[i], sa + place<false, TILE>(kk * 16 + third * 8 + low, (top + i * 16) / 8 + second));
			}
#pragma unroll
			for (int j = 0; j < 2; j++) {
				if (ALONG_B)
					load_matrices(y[j], sb + place<true, N>(left + j * 16 + third * 8 + low, kk * 2 + second));
				else
					load_matrices_transposed(y[j], sb + place<false, N>(kk * 16 + second * 8 + low, (left + j * 16) / 8 + third));
			}
#pragma unroll
			for (int i = 0; i < FRAGMENTS; i++)
#pragma unroll
				for (int j = 0; j < 4; j++) multiply(d[i][j], x[i], y[j / 2] + j % 2 * 2);
		}
		now = now + 1 < STAGES ? now + 1 : 0;
	}
	bool chunks = sizeof(C) == 2 && beta == 0 && chunked(c, ldc, n, (int)sizeof(C));
#pragma unroll
	for (int i = 0; i < FRAGMENTS; i++) {
		if (chunks) {
			put_fragments(c, ldc, d[i], row + top + i * 16, col + left, m, n);
			continue;
		}
#pragma unroll
		for (int half = 0; half < 2; half++) {
			int r = row + top + i * 16 + half * 8 + (lane() >> 2);
#pragma unroll
			for (int j = 0; j < 4; j++) {
				int s = col + left + j * 8 + (lane() & 3) * 2;
				if (r < m) put_pair(c + (long long)r * ldc + s, d[i][j][2 * half], d[i][j][2 * half + 1], beta, n - s);
			}
		}
	}
}

// A thread's chunk of a slice of f32, where it can be read at once.
template <class F> DEVICE void fetch(float v[8], const F &f) {
	Run<float, 4> low = {{0, 0, 0, 0}}, high = {{0, 0, 0, 0}};
	bool within;
	const float *p = meet(f.source, f.row[0], f.column, within);
	if (f.source.whole && within) low = *(const Run<float, 4> *)p, high = *(const Run<float, 4> *)(p + 4);
#pragma unroll
	for (int j = 0; j < 4; j++) v[j] = low.at[j], v[4 + j] = high.at[j];
}

// Puts the chunk into slice[16][N+4], k by k; here it is read element by element, where it must be.
template <bool ALONG, int N, class F> DEVICE void spread(float *slice, const float v[8], F &f) {
	int r = thread() / F::CHUNKS, c = thread() % F::CHUNKS * 8;
	if (r < F::ROWS && !f.source.whole) {
#pragma unroll 1
		for (int j = 0; j < 8; j++) {
			bool within;
			const float *p = meet(f.source, f.row[0], column_of(f.source, f.col + j), within);
			slice[ALONG ? (c + j) * (N + 4) + r : r * (N + 4) + c + j] = within ? *p : 0.0f;
		}
	} else if (r < F::ROWS && ALONG) {
#pragma unroll
		for (int j = 0; j < 8; j++) slice[(c + j) * (N + 4) + r] = v[j];
	} else if (r < F::ROWS) {
		Run<float, 4> *to = (Run<float, 4> *)(slice + r * (N + 4) + c);
		to[0] = *(const Run<float, 4> *)v;
		to[1] = *(const Run<float, 4> *)(v + 4);
	}
	advance(f);
}

template <bool ALONG_A, bool ALONG_B, int N, class A, class B, class C>
DEVICE void multiply_tile(C *c, int ldc, float beta, const A &a, const B &b, int row, int col, int m, int n, int from, int to, float *slices) {
	constexpr int SLICE = 16 * (TILE + 4 + N + 4), GROUPS = N / 64; // groups of 4 columns a thread
	auto fa = feed<ALONG_A, TILE, 16>(a, row, from);
	auto fb = feed<ALONG_B, N, 16>(b, col, from);
	int steps = (to - from + 15) / 16;
	alignas(16) float va[8], vb[8];
	float d[8][4 * GROUPS];
#pragma unroll
	for (int i = 0; i < 8; i++)
#pragma unroll
		for (int j = 0; j < 4 * GROUPS; j++) d[i][j] = 0;
	int ty = thread() / 16, tx = thread() % 16;
	for (int s = 0; s <= steps; s++) {
		if (s < steps) fetch(va, fa), fetch(vb, fb);
		if (s > 0) {
			float slice[8][4 * GROUPS];
#pragma unroll
			for (int i = 0; i < 8; i++)
#pragma unroll
				for (int j = 0; j < 4 * GROUPS; j++) slice[i][j] = 0;
			const float *sa = slices + (s - 1) % 2 * SLICE + ty * 4, *sb = slices + (s - 1) % 2 * SLICE + 16 * (TILE + 4) + tx * 4;
#pragma unroll 4
			for (int k = 0; k < 16; k++) {
				Run<float, 4> x[2], y[GROUPS];
#pragma unroll
				for (int i = 0; i < 2; i++) x[i] = *(const Run<float, 4> *)(sa + k * (TILE + 4) + 64 * i);
#pragma unroll
				for (int j = 0; j < GROUPS; j++) y[j] = *(const Run<float, 4> *)(sb + k * (N + 4) + 64 * j);
#pragma unroll
				for (int i = 0; i < 8; i++)
#pragma unroll
					for (int j = 0; j < 4 * GROUPS; j++) slice[i][j] += x[i / 4].at[i % 4] * y[j / 4].at[j % 4];
			}
#pragma unroll
			for (int i = 0; i < 8; i++)
#pragma unroll
				for (int j = 0; j < 4 * GROUPS; j++) d[i][j] += slice[i][j];
		}
		if (s < steps) spread<ALONG_A, TILE>(slices + s % 2 * SLICE, va, fa), spread<ALONG_B, N>(slices + s % 2 * SLICE + 16 * (TILE + 4), vb, fb);
		block_barrier();
	}
#pragma unroll
	for (int i = 0; i < 8; i++) {
		int r = row + i / 4 * 64 + ty * 4 + i % 4;
#pragma unroll
		for (int j = 0; j < 4 * GROUPS; j += 2) {
			int s = col + j / 4 * 64 + tx * 4 + j % 4;
			if (r < m) put_pair(c + (long long)r * ldc + s, d[i][j], d[i][j + 1], beta, n - s);
		}
	}
}

// How many elements of shared memory a tile takes.
template <class T, int N> struct Slices;
template <int N> struct Slices<bf16, N> {
	static constexpr int count = (N == 128 ? 3 : 4) * (TILE + N) * 32;
};
template <int N> struct Slices<float, N> {
	static constexpr int count = 2 * 16 * (TILE + N + 8);
};
