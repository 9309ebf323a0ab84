// Rows of channels, walked down column by column: a thread keeps V neighbouring columns, 16 bytes
// where rows and addresses allow it, and what belongs to them (means, gains, sums) in
// registers. A block of 256 threads is `groups` threads wide, a power of two up to 32, and
// takes `each` rows; blockIdx.x counts the chunks of rows, blockIdx.y the strips of columns.
#pragma once
#include "gpu.h"

struct Walk {
	int col;           // the first of the thread's columns
	int row, to, step; // the thread's rows: row, row+step, ... before to
	int lane, lanes;   // of the threads that share the columns
};
// A walk outside the columns has no rows.
template <int V> DEVICE Walk walk(int rows, int cols, int groups, int each) {
	Walk w;
	w.lane = thread() / groups, w.lanes = (int)blockDim.x / groups;
	w.col = ((int)blockIdx.y * groups + thread() % groups) * V;
	long long from = (long long)blockIdx.x * each, to = min(from + each, (long long)rows);
	w.row = (int)min(from + w.lane, to);
	w.to = w.col < cols ? (int)to : 0;
	w.step = w.lanes;
	return w;
}

template <int V, class T> DEVICE void load(float v[V], const T *p) {
	Run<T, V> run = *(const Run<T, V> *)p;
#pragma unroll
	for (int i = 0; i < V; i++) v[i] = wide(run.at[i]);
}
template <int V, class T> DEVICE void store(T *p, const float v[V]) {
	Run<T, V> run;
#pragma unroll
	for (int i = 0; i < V; i++) put(run.at + i, v[i]);
	*(Run<T, V> *)p = run;
}

// COLUMNS expands M(name, T, V) for a kernel's two types, and for runs of 16 bytes or single elements.
#define COLUMNS(M, name) M(name##_f32, float, 1) M(name##_run_f32, float, 4) M(name##_bf16, bf16, 1) M(name##_run_bf16, bf16, 8)
