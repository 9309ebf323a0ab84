// The means of 2 x 2 squares of rows, and back. Forward reads 4 elements for each that it writes, 4
// operations; back reads a quarter of what it writes, and with beta reads that too.
#include "walk.h"

// rows are those of y: batch*n*n with n = side/2.
template <int V, class T> DEVICE void avg_pool(T *y, const T *x, int rows, int side, int cols, int groups, int each) {
	Walk w = walk<V>(rows, cols, groups, each);
	int n = side / 2;
	for (int r = w.row; r < w.to; r += w.step) {
		long long first = ((long long)(r / (n * n)) * side + r / n % n * 2) * side + r % n * 2;
		const T *from = x + first * cols + w.col;
		float a[V], b[V], c[V], d[V];
		load<V>(a, from);
		load<V>(b, from + cols);
		load<V>(c, from + (long long)side * cols);
		load<V>(d, from + (long long)(side + 1) * cols);
#pragma unroll
		for (int v = 0; v < V; v++) a[v] = (a[v] + b[v] + c[v] + d[v]) * 0.25f;
		store<V>(y + (long long)r * cols + w.col, a);
	}
}
#define AVG_POOL(name, T, V) \
	KERNEL(256, name, T *y, const T *x, int rows, int side, int cols, int groups, int each) { avg_pool<V>(y, x, rows, side, cols, groups, each); }
COLUMNS(AVG_POOL, avg_pool)

// rows are those of dx. An odd side's last rows and columns are in no square.
template <int V, class T> DEVICE void avg_pool_backward(T *dx, const T *dy, int rows, int side, int cols, int beta, int groups, int each) {
	Walk w = walk<V>(rows, cols, groups, each);
	int n = side / 2;
	for (int r = w.row; r < w.to; r += w.step) {
		int picture = r / (side * side), line = r / side % side / 2, place = r % side / 2;
		T *to = dx + (long long)r * cols + w.col;
		float g[V], was[V];
#pragma unroll
		for (int v = 0; v < V; v++) g[v] = was[v] = 0;
		if (line < n && place < n) load<V>(g, dy + (((long long)picture * n + line) * n + place) * cols + w.col);
		if (beta) load<V>(was, to);
#pragma unroll
		for (int v = 0; v < V; v++) g[v] = was[v] + 0.25f * g[v];
		store<V>(to, g);
	}
}
#define AVG_POOL_BACKWARD(name, T, V)                                                                                                  \
	KERNEL(256, name, T *dx, const T *dy, int rows, int side, int cols, int beta, int groups, int each) {                              \
		avg_pool_backward<V>(dx, dy, rows, side, cols, beta, groups, each);                                                            \
	}
COLUMNS(AVG_POOL_BACKWARD, avg_pool_backward)
