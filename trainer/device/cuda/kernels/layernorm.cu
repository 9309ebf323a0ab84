// Layer norm and its gradient. Both read each row once and keep it in registers: a warp
// has a row of up to 1,024 columns, a block one of up to 4,096; wider rows are read
// again, by then out of the cache.
//
// layer_norm: reads x, writes y and 8 bytes a row; about 8 operations an element. A
// row of 768 in bf16 is 3.1 KB.
//
// layer_norm_backward: with h = (x-mean)*rstd and e = dy*gain, dx = rstd*(e - mean(e) -
// h*mean(e*h)) + beta*dx. Reads x, dy and with beta dx, writes dx; about 14 operations
// an element. dgain += dy*h and dshift += dy are summed in registers while x and dy are
// there, by as many blocks as the shape says, each of which leaves a part for
// columns_add: 16 bytes a column and block, 528 blocks at most. With 128 registers a
// thread in bf16, a multiprocessor has 16 warps at work, each with two rows in flight:
// 48 KB at a width of 768, where some 16 KB hide the memory's latency.
#include "columns.h"

constexpr int WARP_COLUMNS = 1024, BLOCK_COLUMNS = 4096;

// Those who share a row: a warp, or all threads of the block.
template <bool BLOCK> DEVICE int member() { return BLOCK ? (int)threadIdx.x : lane(); }
template <bool BLOCK> DEVICE float sum_of(float x, float *cells) { return BLOCK ? block_sum(x, cells) : warp_sum(x); }

// How a row lies over MEMBERS threads, each with runs of N columns.
template <int N, bool BLOCK> struct Row {
	static constexpr int MEMBERS = BLOCK ? 256 : 32;
	static constexpr int K = (BLOCK ? BLOCK_COLUMNS : WARP_COLUMNS) / MEMBERS / N;
	static DEVICE_MEMBER int column(int k) { return (k * MEMBERS + member<BLOCK>()) * N; }
};

template <int N, bool BLOCK, class T> DEVICE void layer_norm_row(T *y, float *stats, const T *x, const float *gain, const float *shift, int row, int cols, float eps, float *cells) {
	using R = Row<N, BLOCK>;
	const T *in = x + (long long)row * cols;
	T *out = y + (long long)row * cols;
	float v[R::K][N], sum = 0, squares = 0;
#pragma unroll
	for (int k = 0; k < R::K; k++) {
		if (R::column(k) < cols) load(v[k], in + R::column(k));
	}
#pragma unroll
	for (int k = 0; k < R::K; k++) {
		if (R::column(k) >= cols) continue;
#pragma unroll
		for (int j = 0; j < N; j++) sum += v[k][j];
	}
	float mean = sum_of<BLOCK>(sum, cells) / (float)cols;
#pragma unroll
	for (int k = 0; k < R::K; k++) {
		if (R::column(k) >= cols) continue;
#pragma unroll
		for (int j = 0; j < N; j++) squares += (v[k][j] - mean) * (v[k][j] - mean);
	}
	float rstd = 1.0f / sqrtf(sum_of<BLOCK>(squares, cells) / (float)cols + eps);
#pragma unroll
	for (int k = 0; k < R::K; k++) {
		int c = R::column(k);
		if (c >= cols) continue;
		float g[N], s[N];
		load(g, gain + c);
		load(s, shift + c);
#pragma unroll
		for (int j = 0; j < N; j++) v[k][j] = (v[k][j] - mean) * rstd * g[j] + s[j];
		store(out + c, v[k]);
	}
	if (member<BLOCK>() == 0) {
		stats[2 * (long long)row] = mean;
		stats[2 * (long long)row + 1] = rstd;
	}
}

template <class T> DEVICE bool row_runs(const T *a, const T *b, const T *c, const float *gain, const float *shift, int cols) {
	constexpr int N = run_of<T>;
	return cols % N == 0 && aligned<N>(a) && aligned<N>(b) && aligned<N>(c) && aligned<N>(gain) && aligned<N>(shift);
}

#define LAYER_NORM(S, T) \
	KERNEL(256, layer_norm_##S, T *y, float *stats, const T *x, const float *gain, const float *shift, int rows, int cols, float eps) { \
		int row = (int)blockIdx.x * ((int)blockDim.x / 32) + warp(); \
		if (row >= rows) return; \
		layer_norm_row<run_of<T>, false>(y, stats, x, gain, shift, row, cols, eps, nullptr); \
	} \
	KERNEL(256, layer_norm_block_##S, T *y, float *stats, const T *x, const float *gain, const float *shift, int rows, int cols, float eps) { \
		SHARED(float, cells, 33); \
		if (row_runs(y, x, x, gain, shift, cols)) \
			layer_norm_row<run_of<T>, true>(y, stats, x, gain, shift, (int)blockIdx.x, cols, eps, cells); \
		else \
			layer_norm_row<1, true>(y, stats, x, gain, shift, (int)blockIdx.x, cols, eps, cells); \
	}
FOR_TYPES(LAYER_NORM)

// Rows wider than BLOCK_COLUMNS, a block each.
template <class T> DEVICE void layer_norm_wide(T *y, float *stats, const T *x, const float *gain, const float *shift, int cols, float eps, float *cells) {
	const T *in = x + (long long)blockIdx.x * cols;
	T *out = y + (long long)blockIdx.x * cols;
	int step = (int)blockDim.x;
	float sum = 0, squares = 0;
	for (int c = (int)threadIdx.x; c < cols; c += step) sum += wide(in[c]);
	float mean = block_sum(sum, cells) / (float)cols;
	for (int c = (int)threadIdx.x; c < cols; c += step) squares += (wide(in[c]) - mean) * (wide(in[c]) - mean);
	float rstd = 1.0f / sqrtf(block_sum(squares, cells) / (float)cols + eps);
	for (int c = (int)threadIdx.x; c < cols; c += step) put(out + c, (wide(in[c]) - mean) * rstd * gain[c] + shift[c]);
	if (threadIdx.x == 0) {
		stats[2 * (long long)blockIdx.x] = mean;
		stats[2 * (long long)blockIdx.x + 1] = rstd;
	}
}
#define LAYER_NORM_WIDE(S, T) \
	KERNEL(256, layer_norm_wide_##S, T *y, float *stats, const T *x, const float *gain, const float *shift, int rows, int cols, float eps) { \
		SHARED(float, cells, 33); \
		layer_norm_wide(y, stats, x, gain, shift, cols, eps, cells); \
	}
FOR_TYPES(LAYER_NORM_WIDE)

// A warp or block takes rows from first in steps. sums[2*cols] is shared memory, which
// receives what its block's rows give to dgain and dshift.
template <int N, bool BLOCK, class T> DEVICE void layer_norm_rows_back(float *sums, T *dx, const T *dy, const float *stats, const T *x, const float *gain, int first, int step, int rows, int cols, float beta, float *cells) {
	using R = Row<N, BLOCK>;
	float gains[R::K][N] = {}, shifts[R::K][N] = {};
	for (int row = first; row < rows; row += step) {
		const T *in = x + (long long)row * cols, *back = dy + (long long)row * cols;
		T *out = dx + (long long)row * cols;
		float mean = stats[2 * (long long)row], rstd = stats[2 * (long long)row + 1], sum = 0, product = 0;
		Held<T, N> held[R::K], heldBack[R::K]; // as they are: a bf16 takes half a register
#pragma unroll
		for (int k = 0; k < R::K; k++) {
			if (R::column(k) >= cols) continue;
			held[k].load(in + R::column(k));
			heldBack[k].load(back + R::column(k));
		}
#pragma unroll
		for (int k = 0; k < R::K; k++) {
			if (R::column(k) >= cols) continue;
			float g[N];
			load(g, gain + R::column(k));
#pragma unroll
			for (int j = 0; j < N; j++) {
				float d = heldBack[k][j], h = (held[k][j] - mean) * rstd;
				gains[k][j] += d * h;
				shifts[k][j] += d;
				sum += d * g[j];
				product += d * g[j] * h;
			}
		}
		sum = sum_of<BLOCK>(sum, cells) / (float)cols;
		product = sum_of<BLOCK>(product, cells) / (float)cols;
#pragma unroll
		for (int k = 0; k < R::K; k++) {
			int c = R::column(k);
			if (c >= cols) continue;
			float g[N], v[N];
			load(g, gain + c);
			if (beta != 0) load(v, out + c);
#pragma unroll
			for (int j = 0; j < N; j++) {
				float e = rstd * (heldBack[k][j] * g[j] - sum - (held[k][j] - mean) * rstd * product);
				v[j] = beta != 0 ? beta * v[j] + e : e;
			}
			store(out + c, v);
		}
	}
	// One warp after the other, so that the order is always the same. Those of a block that
	// share a row have columns of their own.
	int turns = BLOCK ? 1 : (int)blockDim.x / 32;
	for (int turn = 0; turn < turns; turn++) {
		if (BLOCK || turn == warp()) {
#pragma unroll
			for (int k = 0; k < R::K; k++) {
				int c = R::column(k);
				if (c >= cols) continue;
#pragma unroll
				for (int j = 0; j < N; j++) {
					sums[c + j] = turn == 0 ? gains[k][j] : sums[c + j] + gains[k][j];
					sums[cols + c + j] = turn == 0 ? shifts[k][j] : sums[cols + c + j] + shifts[k][j];
				}
			}
		}
		block_barrier();
	}
}

DEVICE void put_part(float *parts, const float *sums, int cols) {
	float *part = parts + (long long)blockIdx.x * 2 * cols;
	for (int i = (int)threadIdx.x; i < 2 * cols; i += (int)blockDim.x) part[i] = sums[i];
}

#define LAYER_NORM_BACKWARD(S, T) \
	KERNEL(128, layer_norm_backward_##S, float *parts, T *dx, const T *dy, const float *stats, const T *x, const float *gain, int rows, int cols, float beta) { \
		SHARED(float, sums, 2 * WARP_COLUMNS); \
		int warps = (int)blockDim.x / 32, first = (int)blockIdx.x * warps + warp(), step = (int)gridDim.x * warps; \
		layer_norm_rows_back<run_of<T>, false>(sums, dx, dy, stats, x, gain, first, step, rows, cols, beta, nullptr); \
		put_part(parts, sums, cols); \
	} \
	KERNEL(256, layer_norm_backward_block_##S, float *parts, T *dx, const T *dy, const float *stats, const T *x, const float *gain, int rows, int cols, float beta) { \
		SHARED(float, cells, 33); \
		SHARED(float, sums, 2 * BLOCK_COLUMNS); \
		if (row_runs(dx, dy, x, gain, gain, cols)) \
			layer_norm_rows_back<run_of<T>, true>(sums, dx, dy, stats, x, gain, (int)blockIdx.x, (int)gridDim.x, rows, cols, beta, cells); \
		else \
			layer_norm_rows_back<1, true>(sums, dx, dy, stats, x, gain, (int)blockIdx.x, (int)gridDim.x, rows, cols, beta, cells); \
		put_part(parts, sums, cols); \
	}
FOR_TYPES(LAYER_NORM_BACKWARD)

// Rows wider than BLOCK_COLUMNS: dx by a block a row, the sums by columns.
template <class T> DEVICE void layer_norm_backward_wide(T *dx, const T *dy, const float *stats, const T *x, const float *gain, int cols, float beta, float *cells) {
	const T *in = x + (long long)blockIdx.x * cols, *back = dy + (long long)blockIdx.x * cols;
	T *out = dx + (long long)blockIdx.x * cols;
	float mean = stats[2 * (long long)blockIdx.x], rstd = stats[2 * (long long)blockIdx.x + 1];
	int step = (int)blockDim.x;
	float sum = 0, product = 0;
	for (int c = (int)threadIdx.x; c < cols; c += step) {
		float e = wide(back[c]) * gain[c];
		sum += e;
		product += e * (wide(in[c]) - mean) * rstd;
	}
	sum = block_sum(sum, cells) / (float)cols;
	product = block_sum(product, cells) / (float)cols;
	for (int c = (int)threadIdx.x; c < cols; c += step) {
		float v = rstd * (wide(back[c]) * gain[c] - sum - (wide(in[c]) - mean) * rstd * product);
		put(out + c, beta != 0 ? beta * wide(out[c]) + v : v);
	}
}

template <class T> struct Gradients {
	const T *dy, *x;
	const float *stats;
	int cols;
	template <int N> DEVICE_MEMBER void add(float (&sums)[2][N], int row, int column) const {
		float d[N], v[N], mean = stats[2 * (long long)row], rstd = stats[2 * (long long)row + 1];
		load(d, dy + (long long)row * cols + column);
		load(v, x + (long long)row * cols + column);
#pragma unroll
		for (int j = 0; j < N; j++) {
			sums[0][j] += d[j] * (v[j] - mean) * rstd;
			sums[1][j] += d[j];
		}
	}
};
#define LAYER_NORM_BACKWARD_WIDE(S, T) \
	KERNEL(256, layer_norm_backward_wide_##S, T *dx, const T *dy, const float *stats, const T *x, const float *gain, int rows, int cols, float beta) { \
		SHARED(float, cells, 33); \
		layer_norm_backward_wide(dx, dy, stats, x, gain, cols, beta, cells); \
	} \
	KERNEL(256, layer_norm_columns_##S, float *parts, const T *dy, const float *stats, const T *x, int rows, int cols, int chunk) { \
		SHARED(float, cells, 2 * COLUMN_WARPS *COLUMN_STRIP); \
		column_parts<2>(parts, rows, cols, chunk, cols % 4 == 0 && aligned<4>(dy) && aligned<4>(x), Gradients<T>{dy, x, stats, cols}, cells); \
	}
FOR_TYPES(LAYER_NORM_BACKWARD_WIDE)
