// The mean of each picture's n rows before them, and back. Each way reads and writes every
// element once, one operation each; a thread adds a picture's rows in order.
#include "walk.h"

template <int V, class T> DEVICE void mean_token(T *y, const T *x, int batch, int n, int cols, int groups, int each) {
	Walk w = walk<V>(batch, cols, groups, each);
	for (int b = w.row; b < w.to; b += w.step) {
		const T *from = x + (long long)b * n * cols + w.col;
		T *to = y + (long long)b * (1 + n) * cols + w.col;
		float sum[V];
#pragma unroll
		for (int v = 0; v < V; v++) sum[v] = 0;
#pragma unroll 4
		for (int i = 0; i < n; i++) {
			float in[V];
			load<V>(in, from + (long long)i * cols);
			store<V>(to + (long long)(1 + i) * cols, in);
#pragma unroll
			for (int v = 0; v < V; v++) sum[v] += in[v];
		}
#pragma unroll
		for (int v = 0; v < V; v++) sum[v] /= (float)n;
		store<V>(to, sum);
	}
}
#define MEAN_TOKEN(name, T, V) \
	KERNEL(256, name, T *y, const T *x, int batch, int n, int cols, int groups, int each) { mean_token<V>(y, x, batch, n, cols, groups, each); }
COLUMNS(MEAN_TOKEN, mean_token)

// dx[i] = dy[1+i] + dy[0]/n; rows are those of dx.
template <int V, class T> DEVICE void mean_token_backward(T *dx, const T *dy, int rows, int n, int cols, int groups, int each) {
	Walk w = walk<V>(rows, cols, groups, each);
	for (int r = w.row; r < w.to; r += w.step) {
		const T *mean = dy + (long long)(r / n) * (1 + n) * cols + w.col;
		float g[V], all[V];
		load<V>(all, mean);
		load<V>(g, mean + (long long)(1 + r % n) * cols);
#pragma unroll
		for (int v = 0; v < V; v++) g[v] += all[v] / (float)n;
		store<V>(dx + (long long)r * cols + w.col, g);
	}
}
#define MEAN_TOKEN_BACKWARD(name, T, V)                                                                            \
	KERNEL(256, name, T *dx, const T *dy, int rows, int n, int cols, int groups, int each) {                       \
		mean_token_backward<V>(dx, dy, rows, n, cols, groups, each);                                               \
	}
COLUMNS(MEAN_TOKEN_BACKWARD, mean_token_backward)
