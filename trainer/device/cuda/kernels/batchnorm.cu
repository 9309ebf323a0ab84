// Batch norm over the columns of x[rows,cols], its statistics, and the way back.
//
// Statistics read x once, two operations an element and the merging of 8 rows into what
// was: each thread takes the mean of 8 rows and the squares around it, so that nothing
// cancels however far from zero a column lies. Forward reads x (and the shortcut) and writes
// y, 3 operations. Back reads dy and x (and y, and writes dy) for the sums, 4 operations,
// then dy and x again, and writes dx: 10 bytes an element in bf16, 14 with a shortcut.
// Chunks of rows are set by the shape alone; their sums, 8 bytes a chunk and column, are
// added in order in double.
#include "walk.h"

// Mean and squares around it of a set of values.
struct Moments {
	float n, mean, squares;
};
DEVICE void merge(Moments &a, const Moments &b) {
	if (b.n == 0) return;
	float n = a.n + b.n, share = b.n / n, d = b.mean - a.mean;
	a.mean += d * share;
	a.squares += b.squares + d * d * (a.n * share);
	a.n = n;
}

// parts[chunk][2][cols] = each column's mean in the chunk, and the squares around it.
template <int V, class T> DEVICE void batch_moments(float *parts, const T *x, int rows, int cols, int groups, int each, float *cells) {
	Walk w = walk<V>(rows, cols, groups, each);
	float n = 0, mean[V], squares[V];
#pragma unroll
	for (int v = 0; v < V; v++) mean[v] = squares[v] = 0;
	for (int r = w.row; r < w.to; r += 8 * w.step) {
		int count = min(8, (w.to - r + w.step - 1) / w.step);
		Run<T, V> in[8];
#pragma unroll
		for (int i = 0; i < 8; i++) in[i] = *(const Run<T, V> *)(x + (long long)(r + min(i, count - 1) * w.step) * cols + w.col);
		float all = n + count, share = count / all, part = 1.0f / count;
#pragma unroll
		for (int v = 0; v < V; v++) {
			float sum = 0, around = 0;
#pragma unroll
			for (int i = 0; i < 8; i++)
				if (i < count) sum += wide(in[i].at[v]);
			sum *= part;
#pragma unroll
			for (int i = 0; i < 8; i++)
				if (i < count) around += (wide(in[i].at[v]) - sum) * (wide(in[i].at[v]) - sum);
			float d = sum - mean[v];
			mean[v] += d * share;
			squares[v] += around + d * d * (n * share);
		}
		n = all;
	}
	// cells[1+2V][256]; the lanes are merged in halves.
	int me = thread(), size = (int)blockDim.x;
	for (int half = w.lanes; half > 0; half /= 2) {
		if (half < w.lanes && w.lane < half) {
			int other = me + half * groups;
			Moments b = {cells[other], 0, 0}, a = {n, 0, 0};
#pragma unroll
			for (int v = 0; v < V; v++) {
				a.n = n, a.mean = mean[v], a.squares = squares[v];
				b.mean = cells[(1 + 2 * v) * size + other], b.squares = cells[(2 + 2 * v) * size + other];
				merge(a, b);
				mean[v] = a.mean, squares[v] = a.squares;
			}
			n = a.n;
		}
		if (w.lane >= half / 2 && w.lane < half) { // who is read next
			cells[me] = n;
#pragma unroll
			for (int v = 0; v < V; v++) cells[(1 + 2 * v) * size + me] = mean[v], cells[(2 + 2 * v) * size + me] = squares[v];
		}
		block_barrier();
	}
	if (w.lane == 0 && w.col < cols) {
		float *to = parts + (long long)blockIdx.x * 2 * cols + w.col;
#pragma unroll
		for (int v = 0; v < V; v++) to[v] = mean[v], to[cols + v] = squares[v];
	}
}
#define BATCH_MOMENTS(name, T, V)                                                                    \
	KERNEL(256, name, float *parts, const T *x, int rows, int cols, int groups, int each) {          \
		SHARED(float, cells, (1 + 2 * V) * 256);                                                     \
		batch_moments<V>(parts, x, rows, cols, groups, each, cells);                                 \
	}
COLUMNS(BATCH_MOMENTS, batch_moments)

// The columns' statistics from those of chunks of `each` rows; a block does 8 columns, 32 threads each. mean,
// variance and count are the running ones, 0 where there are none.
KERNEL(256, batch_stats, float *stats, float *mean, float *variance, float *count, const float *parts, int chunks, int each, int rows, int cols, float eps, float momentum) {
	SHARED(double, cells, 3 * 256);
	int me = thread(), col = (int)blockIdx.x * 8 + me % 8;
	double n = 0, m = 0, squares = 0;
	for (int half = 32; half > 0; half /= 2) {
		int first = half == 32 ? me / 8 : 0, last = half == 32 ? chunks : me / 8 < half ? 1 : 0;
		for (int c = first; c < last && col < cols; c += 32) {
			double bn, bm, bs;
			if (half == 32) {
				const float *part = parts + (long long)c * 2 * cols + col;
				bn = min(each, rows - c * each), bm = part[0], bs = part[cols];
			} else {
				const double *other = cells + me + half * 8;
				bn = other[0], bm = other[256], bs = other[512];
			}
			if (bn == 0) continue;
			double all = n + bn, d = bm - m;
			m += d * (bn / all);
			squares += bs + d * d * (n * (bn / all));
			n = all;
		}
		block_barrier();
		cells[me] = n, cells[256 + me] = m, cells[512 + me] = squares;
		block_barrier();
	}
	if (me < 8 && col < cols) {
		stats[col] = (float)m;
		stats[cols + col] = (float)(1 / sqrt(squares / rows + (double)eps));
		if (mean && rows > 0 && m - m == 0 && squares - squares == 0) { // finite
			mean[col] += momentum * (float)(m - (double)mean[col]);
			variance[col] += momentum * (float)(squares / max(rows - 1, 1) - (double)variance[col]);
		}
	}
	if (count && blockIdx.x == 0 && me == 0) *count += 1;
}

KERNEL(256, running_stats, float *stats, const float *mean, const float *variance, int cols, float eps) {
	int i = (int)blockIdx.x * 256 + thread();
	if (i >= cols) return;
	stats[i] = mean[i];
	stats[cols + i] = 1 / sqrtf(variance[i] + eps);
}

// What a column is normalised with. The way back computes y's sign again by normed,
// which must be of the same bits as forward.
template <int V> struct Norm {
	float mean[V], scale[V], shift[V];
};
template <int V> DEVICE Norm<V> norm_of(const float *stats, const float *gain, const float *shift, int col, int cols) {
	Norm<V> n;
#pragma unroll
	for (int v = 0; v < V; v++) {
		n.mean[v] = n.scale[v] = n.shift[v] = 0;
		if (col < cols) n.mean[v] = stats[col + v], n.scale[v] = gain[col + v] * stats[cols + col + v], n.shift[v] = shift[col + v];
	}
	return n;
}
DEVICE float normed(float distance, float scale, float shift) { return fmaf(distance, scale, shift); }

template <int V, class T> DEVICE void batch_norm(T *y, const T *x, const float *stats, const float *gain, const float *shift, const T *shortcut, int rows, int cols, int relu, int groups, int each) {
	Walk w = walk<V>(rows, cols, groups, each);
	Norm<V> n = norm_of<V>(stats, gain, shift, w.col, cols);
#pragma unroll 4
	for (int r = w.row; r < w.to; r += w.step) {
		long long at = (long long)r * cols + w.col;
		float in[V], add[V];
		load<V>(in, x + at);
#pragma unroll
		for (int v = 0; v < V; v++) add[v] = 0;
		if (shortcut) load<V>(add, shortcut + at);
#pragma unroll
		for (int v = 0; v < V; v++) {
			float out = normed(in[v] - n.mean[v], n.scale[v], n.shift[v]) + add[v];
			in[v] = relu && !(out > 0) ? 0 : out;
		}
		store<V>(y + at, in);
	}
}
#define BATCH_NORM(name, T, V)                                                                                                       \
	KERNEL(256, name, T *y, const T *x, const float *stats, const float *gain, const float *shift, const T *shortcut, int rows,      \
	       int cols, int relu, int groups, int each) {                                                                               \
		batch_norm<V>(y, x, stats, gain, shift, shortcut, rows, cols, relu, groups, each);                                           \
	}
COLUMNS(BATCH_NORM, batch_norm)

// Where dy counts: everywhere; where y > 0, which dy then shows; where y computed again is > 0.
enum { EVERYWHERE, GIVEN, AGAIN };

// parts[chunk][2][cols] = the sums of g and of g*(x-mean), with g = dy where it counts.
template <int V, class T> DEVICE void batch_slopes(float *parts, T *dy, const T *x, const float *stats, const float *gain, const float *shift, const T *y, int rows, int cols, int where, int groups, int each, float *cells) {
	Walk w = walk<V>(rows, cols, groups, each);
	Norm<V> n = norm_of<V>(stats, gain, shift, w.col, cols);
	float sum[V], along[V];
#pragma unroll
	for (int v = 0; v < V; v++) sum[v] = along[v] = 0;
#pragma unroll 4
	for (int r = w.row; r < w.to; r += w.step) {
		long long at = (long long)r * cols + w.col;
		float in[V], g[V], out[V];
		load<V>(in, x + at);
		load<V>(g, dy + at);
#pragma unroll
		for (int v = 0; v < V; v++) out[v] = where == AGAIN ? normed(in[v] - n.mean[v], n.scale[v], n.shift[v]) : 1;
		if (where == GIVEN) load<V>(out, y + at);
#pragma unroll
		for (int v = 0; v < V; v++) {
			float d = in[v] - n.mean[v];
			if (!(out[v] > 0)) g[v] = 0;
			sum[v] += g[v];
			along[v] += g[v] * d;
		}
		if (where == GIVEN) store<V>(dy + at, g);
	}
	int me = thread(), size = (int)blockDim.x;
	for (int half = w.lanes; half > 0; half /= 2) {
		if (half < w.lanes && w.lane < half) {
#pragma unroll
			for (int v = 0; v < V; v++) sum[v] += cells[2 * v * size + me + half * groups], along[v] += cells[(2 * v + 1) * size + me + half * groups];
		}
		if (w.lane >= half / 2 && w.lane < half) {
#pragma unroll
			for (int v = 0; v < V; v++) cells[2 * v * size + me] = sum[v], cells[(2 * v + 1) * size + me] = along[v];
		}
		block_barrier();
	}
	if (w.lane == 0 && w.col < cols) {
		float *to = parts + (long long)blockIdx.x * 2 * cols + w.col;
#pragma unroll
		for (int v = 0; v < V; v++) to[v] = sum[v], to[cols + v] = along[v];
	}
}
#define BATCH_SLOPES(name, T, V)                                                                                                     \
	KERNEL(256, name, float *parts, T *dy, const T *x, const float *stats, const float *gain, const float *shift, const T *y,        \
	       int rows, int cols, int where, int groups, int each) {                                                                    \
		SHARED(float, cells, 2 * V * 256);                                                                                           \
		batch_slopes<V>(parts, dy, x, stats, gain, shift, y, rows, cols, where, groups, each, cells);                                \
	}
COLUMNS(BATCH_SLOPES, batch_slopes)

// dshift and dgain from the chunks' sums; level[2][cols] = the mean of g, and what dx falls by as x
// leaves the mean. A block does 8 columns, 32 threads each.
KERNEL(256, batch_level, float *level, float *dgain, float *dshift, const float *parts, const float *stats, int chunks, int rows, int cols) {
	SHARED(double, cells, 2 * 256);
	int me = thread(), col = (int)blockIdx.x * 8 + me % 8;
	double sum = 0, along = 0;
	for (int c = me / 8; c < chunks && col < cols; c += 32) sum += parts[(long long)c * 2 * cols + col], along += parts[((long long)c * 2 + 1) * cols + col];
	for (int half = 16; half > 0; half /= 2) {
		cells[me] = sum, cells[256 + me] = along;
		block_barrier();
		if (me / 8 < half) sum += cells[me + half * 8], along += cells[256 + me + half * 8];
		block_barrier();
	}
	if (me < 8 && col < cols) {
		double rstd = stats[cols + col];
		dshift[col] += (float)sum;
		dgain[col] += (float)(along * rstd);
		level[col] = (float)(sum / rows);
		level[cols + col] = (float)(along * rstd * rstd / rows);
	}
}

// dx = scale*(g - level - (x-mean)*slope).
template <int V, class T> DEVICE void batch_norm_backward(T *dx, const T *dy, const T *x, const float *stats, const float *gain, const float *shift, const float *level, int rows, int cols, int where, int groups, int each) {
	Walk w = walk<V>(rows, cols, groups, each);
	Norm<V> n = norm_of<V>(stats, gain, shift, w.col, cols);
	float mean[V], slope[V];
#pragma unroll
	for (int v = 0; v < V; v++) {
		mean[v] = slope[v] = 0;
		if (w.col < cols) mean[v] = level[w.col + v], slope[v] = level[cols + w.col + v];
	}
#pragma unroll 4
	for (int r = w.row; r < w.to; r += w.step) {
		long long at = (long long)r * cols + w.col;
		float in[V], g[V];
		load<V>(in, x + at);
		load<V>(g, dy + at);
#pragma unroll
		for (int v = 0; v < V; v++) {
			float d = in[v] - n.mean[v];
			if (where == AGAIN && !(normed(d, n.scale[v], n.shift[v]) > 0)) g[v] = 0;
			g[v] = n.scale[v] * (g[v] - mean[v] - d * slope[v]);
		}
		store<V>(dx + at, g);
	}
}
#define BATCH_NORM_BACKWARD(name, T, V)                                                                                              \
	KERNEL(256, name, T *dx, const T *dy, const T *x, const float *stats, const float *gain, const float *shift, const float *level, \
	       int rows, int cols, int where, int groups, int each) {                                                                    \
		batch_norm_backward<V>(dx, dy, x, stats, gain, shift, level, rows, cols, where, groups, each);                               \
	}
COLUMNS(BATCH_NORM_BACKWARD, batch_norm_backward)
